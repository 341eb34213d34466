"""Projects dealt into folds: each snippet is judged on once, test is left alone, projects stay whole."""

import pyarrow as pa
import pytest

from fusion.config.errors import UserError
from fusion.snippets.kfold import folded


def table(projects: int = 12) -> pa.Table:
    rows = [
        {"id": f"{p}-{n}", "label": "abc"[p % 3], "group": f"p{p}", "split": ("train", "val", "test")[(p // 3) % 3]}
        for p in range(projects)
        for n in range(4 + p % 2)
    ]
    return pa.Table.from_pylist(rows)


def side(made: pa.Table, split: str, column: str = "id") -> set[str]:
    return {row[column] for row in made.to_pylist() if row["split"] == split}


def test_each_snippet_is_validated_once_and_test_stays():
    made = [folded(table(), fold, 3, seed=0) for fold in range(3)]
    held_out = [side(one, "val") for one in made]
    assert set.union(*held_out) == side(table(), "train") | side(table(), "val")
    assert sum(map(len, held_out)) == len(set.union(*held_out))
    assert all(side(one, "test") == side(table(), "test") for one in made)


def test_a_project_is_on_one_side_and_every_label_on_both():
    for fold in range(2):
        made = folded(table(24), fold, 2, seed=0)
        assert not side(made, "train", "group") & side(made, "val", "group")
        assert side(made, "train", "label") == side(made, "val", "label") == {"a", "b", "c"}


def test_the_seed_deals():
    first, same, other = (side(folded(table(30), 0, 5, seed), "val", "group") for seed in (0, 0, 1))
    assert first == same != other


def test_more_folds_than_projects_is_said():
    with pytest.raises(UserError, match=r"folds=10 needs as many projects.*there are 9"):
        folded(table(), 0, 10, seed=0)
