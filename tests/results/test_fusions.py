"""The table of fusions: each situation beside its parts, differences paired, verdicts by their interval."""

import numpy as np
import pyarrow as pa
import pytest

from fusion.results.fusions import best_part, fusions, verdict
from fusion.results.record import write_answers

PROJECTS, EACH = 30, 10


def told(accuracy, situation="picture", split="test"):
    """answers.parquet of answers that are right as often as asked."""
    rows = {"situation": [], "split": [], "id": [], "group": [], "label": [], "answer": [], "predicted": []}
    for of, share in accuracy.items():
        right = np.random.default_rng(0).random(PROJECTS * EACH) < share
        for i, is_right in enumerate(right):
            said = "a" if is_right else "b"
            values = (situation, split, f"id{i}", f"project{i // EACH}", "a", of, said)
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
    return pa.table(rows)


def run_of(folder, *tables, **more):
    folder.mkdir(parents=True, exist_ok=True)
    if tables:
        write_answers(folder, pa.concat_tables(tables))
    config = {"render": {"highlight": "true"}, "fusion": {"name": "gated"}}
    return {"status": "completed", "config": config} | more


def test_a_clear_gain_helps_and_a_difference_by_chance_ties(tmp_path):
    helps = told({"all": 0.95, "text": 0.6, "read": 0.7, "image": 0.3})
    ties = told({"all": 0.8, "text": 0.8, "image": 0.3}, "whole")
    run = run_of(tmp_path / "a", helps, ties, told({"all": 0.9, "text": 0.6, "read": 0.7}, split="val"))
    table = fusions({tmp_path / "a": run})
    rows = {row["Situation"]: row for row in table.rows}
    assert rows["picture alone"]["Verdict"] == "helps" and "(read)" in rows["picture alone"]["Against the best part"]
    assert rows["text and picture"]["Verdict"] == "ties"
    assert rows["picture alone"]["Fused"].startswith("0.9") and rows["picture alone"]["n"] == "300"
    assert [row["Fusion"] for row in table.rows] == ["gated", "gated"]


def test_the_best_part_is_chosen_on_validation(tmp_path):
    run = run_of(tmp_path / "a", told({"all": 0.9, "text": 0.5, "read": 0.8}),
                 told({"all": 0.9, "text": 0.9, "read": 0.2}, split="val"))  # fmt: skip
    (row,) = fusions({tmp_path / "a": run}).rows
    assert "(text)" in row["Against the best part"]


def test_runs_without_answers_or_that_failed_are_rows_too(tmp_path):
    runs = {tmp_path / "none": run_of(tmp_path / "none"), tmp_path / "failed": {"status": "failed", "config": {}}}
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "answers.parquet").write_bytes(b"PAR1")
    runs[tmp_path / "broken"] = run_of(tmp_path / "broken")
    rows = fusions(runs).rows
    assert len(rows) == 3 and {row["Situation"] for row in rows} == {""}
    assert {row["Status"] for row in rows} == {"completed", "failed"}


@pytest.mark.parametrize(
    "interval, said", [((0.01, 0.02), "helps"), ((-0.01, 0.02), "ties"), ((-0.02, -0.01), "loses")]
)
def test_a_verdict_is_what_the_interval_says(interval, said):
    assert verdict(*interval) == said


def test_no_part_is_the_best_of_none():
    assert best_part({"all": np.array([True])}) is None
