"""A source held out: it alone is judged, and nothing of it is learnt from."""

import pyarrow as pa
import pytest

from fusion.config.errors import UserError
from fusion.snippets.held_out import hold_out
from fusion.snippets.snippet import Snippet, to_table

SPLIT = {"a": "train", "b": "val", "c": "test", "both": "train", "p": "train", "q": "test"}


@pytest.fixture
def table() -> pa.Table:
    made = []
    for source, groups in {"npm": ["a", "b", "c", "both"], "pypi": ["p", "q", "both"]}.items():
        for label in ("C", "Go", "Lua"):
            count = 2 if (source, label) == ("pypi", "Lua") else 60
            made += [
                Snippet(f"{source} {group} {label} {k}", label, group, source) for group in groups for k in range(count)
            ]
    return to_table(made, SPLIT)


def sides(table: pa.Table) -> dict[str, set[str]]:
    rows = table.select(["split", "group"]).to_pylist()
    return {side: {row["group"] for row in rows if row["split"] == side} for side in ("train", "val", "test")}


def test_the_test_side_is_the_source_and_nothing_else(table):
    out = hold_out(table, ["pypi"], max_per_label=1000, seed=0)
    rows = out.to_pylist()
    assert {row["source"] for row in rows if row["split"] == "test"} == {"pypi"}
    assert {row["source"] for row in rows if row["split"] != "test"} == {"npm"}
    assert sides(out) == {"train": {"a", "c"}, "val": {"b"}, "test": {"p", "q", "both"}}  # `both` is not learnt from
    assert {row["label"] for row in rows} == {"C", "Go"}  # pypi hardly has Lua


def test_each_label_is_judged_by_so_many_snippets_at_most_and_the_same_ones(table):
    one, other = (hold_out(table, ["pypi"], max_per_label=25, seed=0) for _ in range(2))
    assert one.equals(other)
    judged = [row["label"] for row in one.to_pylist() if row["split"] == "test"]
    assert judged.count("C") == judged.count("Go") == 25
    assert not hold_out(table, ["pypi"], max_per_label=25, seed=1)["id"].equals(one["id"])


@pytest.mark.parametrize(("held", "said"), [(["deb"], "held_out=deb.*npm, pypi"), (["npm", "pypi"], "leaves 0 labels")])
def test_what_cannot_be_held_out_is_said(table, held, said):
    with pytest.raises(UserError, match=said):
        hold_out(table, held, max_per_label=10, seed=0)


def test_a_label_that_few_projects_teach_is_not_judged(table):
    rows = [row for row in table.to_pylist() if not (row["label"] == "Go" and row["group"] in ("a", "b"))]
    few = pa.Table.from_pylist(
        rows + [dict(row, label="Rust", id=row["id"] + "r") for row in rows if row["label"] == "C"]
    )
    assert set(hold_out(few.cast(table.schema), ["pypi"], 1000, 0)["label"].to_pylist()) == {"C", "Rust"}
