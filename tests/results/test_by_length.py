"""Accuracy by the length of snippets and by their source, from the predictions of runs."""

import pytest

from fusion.results.by_length import by_length
from fusion.results.record import write_predictions


@pytest.fixture
def predicted(tmp_path):
    """Eight test snippets of which the longest two are wrong, and one validation snippet that does not count."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_predictions(folder, {
        "split": ["test"] * 8 + ["val"], "label": ["a"] * 9, "predicted": ["a"] * 6 + ["b"] * 3,
        "lines": [1, 5, 6, 15, 16, 40, 41, 999, 1], "source": ["pypi"] * 4 + ["npm"] * 4 + ["pypi"],
    })  # fmt: skip
    return folder


def run(accuracy: float = 0.5, text: str = "nano", backbone: str = "none", **changes: object) -> dict:
    config = {"seed": 0, "backbone": {"name": backbone}}
    metrics = {"val": {"accuracy": accuracy}, "test": {"n": 8}}
    return {"status": "completed", "config": config, "resolved": {"text": text}, "metrics": metrics} | changes


def test_each_range_counts_its_lines_and_the_last_all_that_are_longer(predicted):
    (row,) = by_length({predicted: run()}).rows
    assert row["Accuracy"].startswith("0.750 [")
    assert row["1-5 lines"].startswith("1.000") and row["6-15 lines"].startswith("1.000")
    assert row["16-40 lines"].startswith("0.500"), "two of four: 16, 40, 41 and 999 lines"


def test_sources_are_columns_where_there_are_several(predicted):
    (row,) = by_length({predicted: run()}).rows
    assert row["pypi"].startswith("1.000") and row["npm"].startswith("0.500")


def test_rows_are_ordered_by_validation_within_a_split(tmp_path):
    runs = {tmp_path / "a": run(0.5), tmp_path / "b": run(0.9), tmp_path / "c": run(0.99, split_hash="other")}
    assert [row["Run"] for row in by_length(runs, tmp_path).rows] == ["b", "a", "c"]


def test_both_branches_of_a_fused_run_are_named(tmp_path):
    table = by_length({tmp_path: run(backbone="vgg16", status="failed")})
    assert table.rows[0]["Text"] == "nano + vgg16" and "Accuracy" not in table.rows[0]
