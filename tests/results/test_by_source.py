"""Held-out sources: paired differences, intervals over projects, what is taken for what."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusion.results.by_source import by_label, by_source
from fusion.results.statistics import project_interval


def write_run(folder: Path, predicted: list[str], label: list[str], group: list[str], held_out: list[str]) -> dict:
    folder.mkdir(parents=True)
    ids = [f"{n:03}" for n in range(len(label))]
    columns = {"id": ids, "split": ["test"] * len(ids), "label": label, "predicted": predicted, "group": group,
               "lines": [n % 20 + 1 for n in range(len(ids))]}  # fmt: skip
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    config = {"data": {"held_out": held_out}, "text": {"name": folder.name}, "backbone": {"name": "none"}}
    run = {"status": "completed", "split_hash": "a" * 16, "config": config, "resolved": {"text": folder.name}}
    (folder / "run.json").write_text(json.dumps(run))
    return run


@pytest.fixture
def runs(tmp_path) -> dict[Path, dict]:
    label = ["C", "C++"] * 50
    group = [f"p{n // 10}" for n in range(100)]
    half = ["C"] * 100
    right = [*label[:90], *["C"] * 10]
    return {
        tmp_path / name: write_run(tmp_path / name, predicted, label, group, held_out)
        for name, predicted, held_out in (("a", half, ["npm"]), ("b", right, ["npm"]), ("c", right, ["deb", "debsrc"]))
    }


def test_a_run_is_compared_with_the_first_that_held_out_the_same(runs):
    rows = {row["Text"]: row for row in by_source(runs).rows}
    assert rows["a"]["Against the first"] == "" and rows["c"]["Against the first"] == ""
    assert rows["b"]["Against the first"].startswith("+0.450 [+0.3") and "tie" not in rows["b"]["Against the first"]
    assert rows["c"]["Held out"] == "deb, debsrc" and rows["a"]["n"] == "100" and rows["a"]["Projects"] == "10"
    assert rows["a"]["Accuracy"] == "0.500 [0.500, 0.500]"  # every project alike
    assert rows["a"]["Taken for"] == "C++ for C 50" and rows["a"]["Weakest"] == "C++ 0.00, C 1.00"


def test_each_label_has_its_accuracy_and_what_it_is_taken_for(runs):
    rows = [row for row in by_label(runs).rows if row["Text"] == "b"]
    assert [row["Label"] for row in rows] == ["C", "C++"]
    assert rows[0]["Accuracy"].startswith("1.000") and rows[1]["Accuracy"].startswith("0.900 [0.7")
    assert rows[1]["Taken for"] == "C 5" and rows[1]["Projects"] == "10"


def test_a_run_without_predictions_has_a_row_without_figures(runs):
    folder = next(iter(runs))
    (folder / "predictions.parquet").unlink()
    table = by_source({folder: runs[folder]})
    assert table.rows[0]["Accuracy"] == "" and table.columns[-3:] == ("Split", "Status", "Run")
    assert by_label({folder: runs[folder]}).rows[0]["Label"] == ""


def test_a_run_that_judged_nothing_has_no_figures(tmp_path):
    run = write_run(tmp_path / "a", [], [], [], ["npm"])
    assert by_source({tmp_path / "a": run}).rows[0]["Accuracy"] == ""


def test_a_difference_that_one_project_makes_is_a_tie():
    """Whole projects are drawn: a hundred snippets of one of them are one piece of evidence."""
    projects = np.repeat(np.arange(10), 100)
    gain = np.where(projects == 0, 1.0, 0.0)
    low, high = project_interval(gain, projects)
    assert low == 0 < 0.1 < high
    few, many = (project_interval(np.tile([0.0, 1.0], n), np.arange(2 * n)) for n in (10, 1000))
    assert few[1] - few[0] > 5 * (many[1] - many[0])


def test_labels_that_are_as_weak_are_in_the_order_of_their_names(tmp_path):
    """A set of words has another order in each process, and the same runs must give the same table."""
    label = ["Z", "B", "A", "M"] * 20
    group = [f"p{n // 8}" for n in range(80)]
    run = write_run(tmp_path / "a", ["Z"] * 80, label, group, ["npm"])
    assert by_source({tmp_path / "a": run}).rows[0]["Weakest"] == "A 0.00, B 0.00, M 0.00"
