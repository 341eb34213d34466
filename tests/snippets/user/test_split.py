"""The splits of the user's own rows: near-copies together, given ones honoured, labels that cannot be learnt named."""

from collections import Counter
from pathlib import Path

import pytest
from tests.own_rows import conf, rows, write

from fusion.config.errors import UserError
from fusion.snippets import sources


def test_near_copies_stay_together_and_clashing_texts_go(tmp_path, cache_folder, caplog) -> None:
    given = rows(["a", "b"], 20)
    copy = {"text": given[0]["text"] + "\n\n", "label": "a"}
    near = {"text": given[1]["text"] + " # more", "label": "a"}
    clash = {"text": given[2]["text"], "label": "b"}
    table = sources.load(conf("jsonl", write("jsonl", tmp_path, [*given, copy, near, clash])), cache_folder)
    by_text = {row["text"]: row["split"] for row in table.to_pylist()}
    assert table.num_rows == 40 and copy["text"] not in by_text and clash["text"] not in by_text
    assert by_text[near["text"]] == by_text[given[1]["text"]]
    assert "1 text(s) carry more than one label" in caplog.text


def test_without_a_val_split_part_of_train_becomes_it(tmp_path, cache_folder) -> None:
    given = [row | {"part": "test" if n % 4 == 0 else "train"} for n, row in enumerate(rows(["a", "b"], 40))]
    table = sources.load(conf("csv", write("csv", tmp_path, given), split_column="part"), cache_folder)
    held = Counter(table["split"].to_pylist())
    assert held["test"] == 20 and held["train"] + held["val"] == 60 and 6 <= held["val"] <= 12


def write_splits(path: Path, splits: dict[str, list[str]]) -> Path:
    """A CSV file: label -> the split of each of its rows."""
    given = rows(list(splits), 6)
    parts = [splits[label][n] for label in splits for n in range(6)]
    return write("csv", path, [row | {"part": part} for row, part in zip(given, parts, strict=True)])


USUAL = ["train"] * 2 + ["val"] * 2 + ["test"] * 2


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_label_that_is_not_in_train_is_named(split: str, tmp_path, cache_folder, caplog) -> None:
    path = write_splits(tmp_path, {"a": USUAL, "b": USUAL, "c": [split] * 6})
    sources.load(conf("csv", path, split_column="part"), cache_folder)
    assert f"the {split} split has 'c', which train has not" in caplog.text


def test_a_test_split_without_a_label_of_train_is_refused(tmp_path, cache_folder) -> None:
    path = write_splits(
        tmp_path, {"a": ["train"] * 4 + ["val"] * 2, "b": ["train"] * 4 + ["val"] * 2, "c": ["test"] * 6}
    )
    with pytest.raises(UserError, match=r"No label of the test split \('c'\) is in train, .*data.split_column=null"):
        sources.load(conf("csv", path, split_column="part"), cache_folder)
    assert not list((cache_folder / "snippets").glob("*"))


def test_the_share_that_becomes_validation_is_logged_with_one_percent_sign(tmp_path, cache_folder, caplog) -> None:
    path = write_splits(tmp_path, {label: ["train"] * 4 + ["test"] * 2 for label in "ab"})
    caplog.set_level("INFO")
    sources.load(conf("csv", path, split_column="part"), cache_folder)
    assert "no validation split; 15 % of train is used for it" in caplog.text
