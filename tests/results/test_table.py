"""Run folders -> the table: ranked on validation, nothing compared that cannot be, nothing of others obeyed."""

import csv
import io
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fusion.results.leaderboard import COLUMNS, leaderboard, rows
from fusion.results.table import print_table, to_csv, to_markdown, write_results
from fusion.results.tables import OF_RUNS, make_table

HOSTILE = ["=cmd()", "+1", "-1+cmd()", "@SUM(A1)", "\t=1", "\r=1", "<script>alert(1)</script>", "[/]", "[red]x[/red]",
           "../../x", "a|b", "two\nlines", "\x1b]0;owned\x07", "\u202eevil", "NA", "01",
           'quo"te', "com,ma", "é 日本"]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Changes -> a run by its folder; keys of run.json, `val` and `test` metrics, or keys of the configuration."""

    def make(name, val=None, test=None, **changes):
        config = {
            "name": "train", "seed": 7, "lr": 0.001, "epochs": 3, "batch_size": 32, "input_shape": 64,
            "source_size": [224, 224], "backbone": {"name": "densenet121"}, "text": {"name": "nano"},
            "render": {"highlight": "neutral"},
        }  # fmt: skip
        content = {
            "schema": 2, "status": "completed", "seed": 7, "split_hash": "0123456789abcdef", "classes": ["a", "b"],
            "metrics": {}, "timings": {"total_seconds": 90.0}, "image": {"original_input_shape": 224},
            "epochs_trained": 3, "error": None,
            "resolved": {"text": "nano", "lr": 0.001, "weights": {"text": "random", "image": "hub"}},
        }  # fmt: skip
        for key, value in changes.items():
            (config if key in config else content)[key] = value
        for side, f1 in (("val", val), ("test", test)):
            if f1 is not None:
                measured = {"accuracy": f1, "accuracy_95": [f1 - 0.1, f1 + 0.1], "f1_macro": f1, "f1_weighted": f1}
                content["metrics"][side] = measured | {"n": 40}
        return {tmp_path / name: content | {"config": config}}

    return make


def together(*runs) -> dict:
    return {folder: content for run in runs for folder, content in run.items()}


def names(ranked) -> list[str]:
    return [row["Run"].rsplit("/", 1)[-1] for row in ranked]


def test_a_row_says_what_the_sources_table_says_and_what_to_trust(run, tmp_path):
    (row,) = rows(run("r", val=0.5, test=0.75), root=tmp_path)
    assert row == {
        "Model": "densenet121", "Original Input Shape": "224×224", "Training Input Shape": "64×64",
        "Source Image Size": "224×224", "LR": "0.001", "Epochs": "3", "Batch Size": "32", "Accuracy": "0.750",
        "F1 Score Weighted": "0.750", "Text": "nano", "Accuracy 95 %": "0.650–0.850", "F1 Macro": "0.750",
        "By Modality": "–", "Weights": "text: random, image: hub", "Highlight": "neutral", "n": "40", "Minutes": "1.5", "Seed": "7",
        "Split": "01234567", "Status": "completed", "Run": "r",
    }  # fmt: skip


def test_a_fused_run_says_what_each_modality_reaches_alone_whatever_stands_in_the_record(run, tmp_path):
    fused = run("r", val=0.5, test=0.75)
    (content,) = fused.values()
    content["metrics"]["test"]["situations"] = {"whole": {"all": 0.75, "text": 0.7, "image": 0.251, "odd": "x"}}
    (row,) = rows(fused, root=tmp_path)
    assert row["By Modality"] == "text 0.700, image 0.251"


def test_ranking_is_by_validation_and_never_by_test(run):
    ranked = rows(together(run("a", val=0.5, test=0.99), run("b", val=0.9, test=0.1), run("c", val=0.7, test=0.5)))
    assert names(ranked) == ["b", "c", "a"]


def test_a_validation_score_of_zero_is_before_none_at_all(run):
    assert names(rows(together(run("a"), run("b", val=0.0)))) == ["b", "a"]


def test_failed_and_interrupted_runs_are_rows_at_the_end_with_their_reason(run):
    ranked = rows(together(
        run("a", status="failed", error="Out of memory (x); lower batch_size."), run("b", val=0.2, test=0.2),
        run("c", status="interrupted", error="SIGTERM"), run("d", status="running"),
    ))  # fmt: skip
    assert names(ranked) == ["b", "a", "c", "d"]
    assert [row["Status"] for row in ranked] == [
        "completed", "failed: Out of memory (x); lower batch_size.", "interrupted: SIGTERM", "running",
    ]  # fmt: skip
    assert ranked[1]["Accuracy"] == ranked[1]["Accuracy 95 %"] == ""


@pytest.fixture(scope="module")
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("table", OF_RUNS)
def test_a_run_whose_process_is_gone_was_killed_perhaps(run, table, gone):
    here = platform.node()
    runs = together(
        run("a", status="running", pid=gone, host=here), run("b", status="running", pid=10**30, host=here),
        run("c", status="running", pid=os.getpid(), host=here), run("d", status="running", pid=gone, host=here + "x"),
        run("e", status="running"), run("f", status="interrupted", pid=gone, host=here),
    )  # fmt: skip
    statuses = {Path(row["Run"]).name: row["Status"] for row in make_table(table, runs).rows}
    assert statuses == dict(
        zip("abcdef", ["killed?", "killed?", "running", "running", "running", "interrupted"], strict=True)
    )


def test_runs_on_other_splits_or_classes_are_never_ranked_together(run):
    ranked = rows(together(
        run("a", val=0.5), run("b", val=0.99, split_hash="other"), run("c", val=0.6),
        run("d", val=0.9, classes=["a", "b", "c"]), run("e", val=0.995, split_hash="other"),
    ))  # fmt: skip
    assert names(ranked) == ["c", "a", "e", "b", "d"]


def test_a_run_that_has_just_begun_is_a_row(tmp_path):
    (row,) = rows({tmp_path: {}})
    assert tuple(row) == COLUMNS and all(isinstance(cell, str) for cell in row.values())
    assert row["Status"] == "?"


def test_metrics_that_were_no_number_are_a_row_at_the_end(run):
    lost = run("a", metrics={"val": {"f1_macro": None}, "test": {"accuracy": None}})
    assert names(rows(together(lost, run("b", val=0.1)))) == ["b", "a"]


def test_a_run_without_pictures_has_no_shapes(run):
    (row,) = rows(run("a", backbone={"name": "none"}, resolved={"weights": {"text": "random"}}))
    assert row["Model"] == "none" and row["Weights"] == "text: random"
    assert {row[c] for c in COLUMNS if "Shape" in c or ("Size" in c and "Batch" not in c)} == {"–"}
    assert row["Highlight"] == "–"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (32, "32×32 (upscaled)"),
        (64, "64×64"),
        ([1080, 32], "1080×32 (upscaled)"),
        ([1080, 720], "1080×720"),
        (None, "?"),
    ],
)
def test_a_picture_that_was_enlarged_is_marked(run, source, shown):
    assert rows(run("a", source_size=source))[0]["Source Image Size"] == shown


def test_stopping_early_shows_in_the_epochs(run):
    assert rows(run("a", epochs_trained=2))[0]["Epochs"] == "2 of 3"


def test_the_text_branch_that_was_trained_is_named(run):
    assert rows(run("a", text={"name": "codeberta"}))[0]["Text"] == "nano"
    assert rows(run("a", text={"name": "codeberta"}, resolved={}))[0]["Text"] == "codeberta"


def test_the_rate_that_was_found_is_shown(run):
    assert rows(run("a", lr="search"))[0]["LR"] == "0.001"
    assert rows(run("a", lr="search", resolved={"lr": None}))[0]["LR"] == "?"


def hostile_rows(run):
    return leaderboard(
        together(
            *[run(f"r{i}", backbone={"name": text}, status="failed", error=text) for i, text in enumerate(HOSTILE)]
        )
    )


def test_every_cell_survives_the_csv(run):
    table = hostile_rows(run)
    read = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    assert [row["Model"].removeprefix("'") for row in read] == [row["Model"] for row in table.rows]
    assert tuple(read[0]) == COLUMNS


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_csv_cell_is_a_formula(run, start):
    """The list is OWASP's, for CSV injection."""
    table = leaderboard(run("a", backbone={"name": f"{start}cmd|' /C calc'!A0"}))
    (read,) = csv.DictReader(io.StringIO(to_csv(table), newline=""))
    assert read["Model"][0] not in "=+-@\t\r\n" and "cmd" in read["Model"]


def test_plain_csv_cells_are_as_they_are(run):
    (read,) = csv.DictReader(io.StringIO(to_csv(leaderboard(run("a", val=0.5, test=0.5)))))
    assert read["Model"] == "densenet121" and read["Accuracy"] == "0.500" and read["LR"] == "0.001"


def test_every_row_is_one_line_of_markdown_without_html(run):
    table = hostile_rows(run)
    lines = to_markdown(table).splitlines()
    assert len(lines) == 2 + len(table.rows)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(COLUMNS) + 1}
    assert "<" not in "".join(lines)


@pytest.mark.parametrize("on_terminal", [True, False])
def test_nothing_of_others_drives_the_terminal(run, monkeypatch, on_terminal):
    out = io.StringIO()
    out.isatty = lambda: on_terminal
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "3000")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    print_table(hostile_rows(run))
    shown = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())  # rich's own bold
    assert "[red]x[/red]" in shown and "[/]" in shown and "é 日本" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e", "\r"}


def test_a_pipe_gets_markdown(run, capsys):
    table = leaderboard(run("a", val=0.5))
    print_table(table)
    assert capsys.readouterr().out == to_markdown(table)


def test_both_files_are_written_and_nothing_beside_them(run, tmp_path):
    (tmp_path / "out").mkdir()
    table = leaderboard(run("a", val=0.5))
    comma, marked = write_results(table, tmp_path / "out")
    assert (comma.read_text(), marked.read_text()) == (to_csv(table), to_markdown(table))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["results.csv", "results.md"]


def test_a_run_folder_whose_name_is_no_utf_8_can_be_written(run, tmp_path):
    table = leaderboard(run("caf\udce9", val=0.5), root=tmp_path)
    write_results(table, tmp_path)
    assert "caf" in (tmp_path / "results.csv").read_text()


def test_no_runs_are_an_empty_table():
    assert rows({}) == []
    assert to_csv(leaderboard({})) == ",".join(COLUMNS) + "\n"
    assert to_markdown(leaderboard({})).count("\n") == 2
