"""What became of the jobs of a sweep, read from the folders they left."""

import json
import platform
import subprocess
import sys
from dataclasses import replace

import pytest

from fusion.results.record import REUSED, Record, new_folder, new_run_folder
from fusion.results.sweep_outcome import (
    SweepOutcome,
    failed_job_notes,
    note_failure,
    read_outcome,
)
from fusion.results.table import to_markdown
from fusion.results.tables import make_table


@pytest.fixture
def sweep(tmp_path):
    return new_folder(tmp_path / "runs", "sweep-")


def begin(parent, config) -> Record:
    return Record(new_run_folder(parent), config, [])


def begin_and_be_killed(parent, config) -> None:
    """A run whose process is gone while its record says that it runs."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    begin(parent, config).update(pid=process.pid, host=platform.node())


def test_an_empty_sweep_has_neither_runs_nor_failures(sweep):
    assert read_outcome(sweep) == SweepOutcome({}, 0, 0, 0, 0, 0, 0, {})
    assert read_outcome(sweep).failures == 0 and failed_job_notes([sweep]) == ()


def test_every_job_counts_once_by_what_became_of_it(sweep, config):
    for status, count in (("completed", 3), ("failed", 2), ("interrupted", 1)):
        for _ in range(count):
            begin(sweep, config).finish(status)
    begin(sweep, config)  # this process is alive
    begin_and_be_killed(sweep, config)
    new_run_folder(sweep)  # ended before its record was written
    note_failure(sweep, "10", "backbone.model has no value; pass backbone.model=VALUE.")
    note_failure(sweep, "9", "no room")
    outcome = read_outcome(sweep)
    assert (outcome.completed, outcome.failed, outcome.interrupted) == (3, 2, 1)
    assert (outcome.running, outcome.killed, outcome.reused) == (1, 2, 0)
    assert list(outcome.failed_jobs) == ["9", "10"] and outcome.failed_jobs["9"] == "no room"
    assert outcome.failures == 2 + 1 + 2 + 2 and len(outcome.runs) == 9


def test_folds_of_a_sweep_count_each(sweep, config):
    folds = new_folder(sweep, "folds-")
    begin(folds, replace(config, folds=2, fold=0)).finish("completed")
    begin(folds, replace(config, folds=2, fold=1)).finish("failed")
    assert (read_outcome(sweep).completed, read_outcome(sweep).failures) == (1, 1)


def test_reused_runs_are_no_runs_of_the_sweep_and_no_failures(sweep, config):
    earlier = begin(sweep.parent / "train", config)
    earlier.finish("failed")
    (sweep / REUSED).mkdir()
    for name, place in (("a", f"../train/{earlier.folder.name}"), ("b", "../gone")):
        (sweep / REUSED / f"{name}.txt").write_text(place)
    outcome = read_outcome(sweep)
    assert (outcome.reused, outcome.failures, list(outcome.runs)) == (2, 0, [earlier.folder])
    assert outcome.notes == (f"1 run that a sweep reused from elsewhere is not there: {sweep.parent / 'gone'}",)


def test_a_table_lists_the_jobs_that_left_no_folder(sweep, config):
    for job in ("0", "2", "11"):
        note_failure(sweep, job, "input_shape=3 must be at least 8.")
    note_failure(sweep, "1", "no <b>room</b>\nleft\x1b[31m")
    begin(sweep, config).finish("completed")
    outcome, notes = read_outcome(sweep), failed_job_notes([sweep])
    assert notes == (
        f"{sweep.name}: jobs 0, 2, 11 failed before there was a run folder: input_shape=3 must be at least 8.",
        f"{sweep.name}: job 1 failed before there was a run folder: no <b>room</b>\\nleft\\x1b[31m",
    )
    assert failed_job_notes([sweep, sweep.parent]) == notes, "each once"
    table = make_table("results", outcome.runs, sweep, notes)
    assert table.notes[-2:] == notes and len(table.rows) == 1
    assert "&lt;b>room" in to_markdown(table) and "<b>" not in to_markdown(table)


@pytest.mark.parametrize("sentence", ["caf\udce9", "日本", ""])
def test_any_sentence_can_be_noted(sweep, sentence):
    note_failure(sweep, "0", sentence)
    assert read_outcome(sweep).failures == 1
    (sweep / "failed" / "0.txt").write_bytes(b"\xff")
    assert read_outcome(sweep).failed_jobs == {"0": "\ufffd"}


def test_jobs_of_other_processes_are_seen(sweep):
    code = "import sys; from pathlib import Path; from fusion.results.sweep_outcome import note_failure as note"
    command = [sys.executable, "-c", f"{code}; note(Path(sys.argv[1]), sys.argv[2], 'no room')", str(sweep)]
    for process in [subprocess.Popen([*command, str(job)]) for job in range(2)]:
        assert process.wait(timeout=60) == 0
    assert read_outcome(sweep).failures == 2
    assert json.loads(json.dumps(read_outcome(sweep).failed_jobs)) == {"0": "no room", "1": "no room"}
