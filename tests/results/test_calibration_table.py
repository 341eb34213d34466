"""The table of how far a run's probabilities, withheld answers and sets can be trusted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.tiny import Command

from fusion.results import statistics
from fusion.results.calibration_table import COLUMNS, SHOWN, by_calibration

CLASSES = ["C", "CSS", "Go"]


def write_run(folder: Path, times: float, splits: tuple[str, ...] = ("val", "test")) -> dict[str, Any]:
    """Write a run whose logits are so many times too large."""
    folder.mkdir(parents=True)
    random, count = np.random.default_rng(0), 1500
    logits = random.normal(0, 3, (count * len(splits), 3))
    truth = (statistics.softmax(logits).cumsum(1) > random.random((len(logits), 1))).argmax(1)
    columns = {
        "id": [str(i) for i in range(len(logits))], "split": np.repeat(splits, count),
        "label": [CLASSES[i] for i in truth], "group": [f"p{i % 60}" for i in range(len(logits))],
        "lines": random.choice([1, 4, 30], len(logits)).astype(np.int32),
        "logits": [*(logits * times).astype(np.float32)],
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    run = {"status": "completed", "classes": CLASSES, "resolved": {"text": "nano"}, "config": {
        "text": {"name": "nano"}, "backbone": {"name": "none"}}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps({"schema": 2, "started": "2026", **run}))
    return run


def test_a_row_for_all_and_for_each_length(tmp_path: Path) -> None:
    table = by_calibration({tmp_path / "a": write_run(tmp_path / "a", 4.0)})
    assert [row["Lines"] for row in table.rows] == ["all", "1-2", "3-5", "16-40"]
    assert (
        table.columns == COLUMNS and set(SHOWN) < set(COLUMNS) and all(row.keys() == set(COLUMNS) for row in table.rows)
    )
    first, *parts = table.rows
    assert first["n"] == "1,500" and sum(int(row["n"].replace(",", "")) for row in parts) == 1500
    assert float(first["ECE uncalibrated"]) > 2 * float(first["ECE"]) and float(first["AUROC"]) > 0.7
    for word, precision in (("high", 0.95), ("medium", 0.85)):
        assert 0.3 < float(first[f"Answered, {word}"]) < 1
        assert float(first[f"Right, {word}"].split()[0]) == pytest.approx(precision, abs=0.03)
    assert float(first["Answered, high"]) == pytest.approx(float(first["Best possible"]), abs=0.1)
    covered, size = first["Set 95 %"].split()
    assert float(covered) == pytest.approx(0.95, abs=0.02) and 1 < float(size.strip("()")) < 3


@pytest.mark.parametrize("damage", ["absent", "no validation", "other classes"])
def test_a_run_without_what_is_needed_has_a_row_without_figures(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "a"
    run = write_run(folder, 1.0, ("test",) if damage == "no validation" else ("val", "test"))
    if damage == "absent":
        (folder / "predictions.parquet").unlink()
    if damage == "other classes":
        run["classes"] = ["C", "Go"]
    (row,) = by_calibration({folder: run, }).rows  # fmt: skip
    assert row["Text"] == "nano" and row["n"] == "" and row["Run"]


def test_the_command_line_prints_it(tmp_path: Path, call: Command) -> None:
    write_run(tmp_path / "runs" / "a", 2.0)
    done = call("compare", "--table", "calibration", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| Text | Image | Lines |") and "| nano | – | 16-40 |" in done.stdout
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["a"], "nothing is written that was not asked for"
