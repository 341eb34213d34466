"""Run folders -> the table: ranked on validation, nothing compared that cannot be, nothing of others obeyed."""

import csv
import io
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fusion.results.comparison import compare
from fusion.results.leaderboard import COLUMNS, leaderboard
from fusion.results.table import Table, print_table, to_csv, to_json, to_markdown, write_results
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


def table_of(runs, root=None) -> Table:
    return leaderboard(compare(runs), root)


def rows(runs, root=None) -> list[dict[str, str]]:
    return table_of(runs, root).rows


def names(ranked) -> list[str]:
    return [row["Run"].rsplit("/", 1)[-1] for row in ranked]


def test_a_row_says_what_was_reached_and_what_to_trust(run, tmp_path):
    table = table_of(run("r", val=0.5, test=0.75, peak_memory_mb=1234.5, parameters=4_000_000), root=tmp_path)
    assert table.columns == ("Rank", *COLUMNS)
    assert {name: cell for name, cell in table.rows[0].items() if cell} == {
        "Rank": "1", "Modality": "text + image", "Seeds": "1", "F1 Macro": "0.750", "Accuracy": "0.750",
        "Parameters": "4,000,000", "Minutes": "1.5", "Peak MB": "1,234", "Status": "completed", "Validation": "0.500",
        "F1 Weighted": "0.750", "Wilson 95 %": "0.650–0.850", "LR": "0.001", "Weights": "text: random, image: hub", "Highlight": "neutral",
        "n": "40", "Split": "01234567", "Run": "r",
    }  # fmt: skip
    assert (
        table.notes[1]
        == "All rows: text=nano backbone=densenet121 input_shape=64 source_size=224 render.highlight=neutral lr=0.001"
    )


def test_programs_get_numbers_and_what_was_asked(run):
    (row,) = json.loads(to_json(table_of(run("r", val=0.5, test=0.75))))
    assert row["Accuracy"] == 0.75 and row["backbone"] == "densenet121" and row["Wilson 95 %"] == [0.65, 0.85]


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
    assert ranked[1]["Accuracy"] == ranked[1]["Wilson 95 %"] == ranked[1]["Rank"] == ""


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
    assert [row["Rank"] for row in ranked] == ["1", "2", "1", "2", "1"]


def test_a_run_that_has_just_begun_is_a_row(tmp_path):
    (row,) = rows({tmp_path: {}})
    assert tuple(row) == ("Rank", *COLUMNS) and all(isinstance(cell, str) for cell in row.values())
    assert row["Status"] == "?"


def test_metrics_that_were_no_number_are_a_row_at_the_end(run):
    lost = run("a", metrics={"val": {"f1_macro": None}, "test": {"accuracy": None}})
    assert names(rows(together(lost, run("b", val=0.1)))) == ["b", "a"]


def test_a_run_without_pictures_shows_nothing_of_them(run):
    row = rows(together(run("a", backbone={"name": "none"}), run("b", val=0.5, input_shape=96)))[1]
    assert row["backbone"] == "none" and row["Modality"] == "text" and row["Highlight"] == ""
    table = table_of(together(run("a", backbone={"name": "none"}), run("b", backbone={"name": "none"}, input_shape=96)))
    assert table.columns == ("Rank", *COLUMNS)


def test_the_text_branch_that_was_trained_is_named(run):
    fell_back = {"text": "nano", "text_options": {"name": "nano"}, "lr": 0.001}
    runs = together(run("a", text={"name": "codeberta"}, resolved=fell_back), run("b", text={"name": "ngram"}))
    assert {row["text"] for row in rows(runs)} == {"nano", "ngram"}


def test_seeds_whose_rate_was_searched_for_are_one_row_with_what_was_found(run):
    runs = together(*[run(f"r{n}", val=0.5, lr="search", resolved={"lr": 0.01 * n}) for n in (1, 2)])
    for number, content in enumerate(runs.values()):
        content["seed"] = number
    (row,) = rows(runs)
    assert row["LR"] == "0.01, 0.02" and "lr=search" in table_of(runs).notes[1]


def hostile_rows(run):
    return table_of(
        together(
            *[run(f"r{i}", backbone={"name": text}, status="failed", error=text) for i, text in enumerate(HOSTILE)]
        )
    )


def test_every_cell_survives_the_csv(run):
    table = hostile_rows(run)
    read = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    assert [row["backbone"].removeprefix("'") for row in read] == [row["backbone"] for row in table.rows]
    assert tuple(read[0]) == table.columns == ("Rank", "backbone", *COLUMNS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_csv_cell_is_a_formula(run, start):
    """The list is OWASP's, for CSV injection."""
    table = table_of(together(run("a", backbone={"name": f"{start}cmd|' /C calc'!A0"}), run("b")))
    read = [row["backbone"] for row in csv.DictReader(io.StringIO(to_csv(table), newline=""))]
    assert not [cell for cell in read if cell[0] in "=+-@\t\r\n"] and "cmd" in "".join(read)


def test_plain_csv_cells_are_as_they_are(run):
    (read,) = csv.DictReader(io.StringIO(to_csv(table_of(run("a", val=0.5, test=0.5)))))
    assert read["Accuracy"] == "0.500" and read["Split"] == "01234567"


@pytest.mark.parametrize(
    "cell", ["-0.009 [-0.022, +0.003]", "+0.010 [+0.001, +0.020]", "-1", "+0.5", "+0.1 [+0.0, +0.2] tie"]
)
def test_signed_numbers_are_no_formulas(cell):
    table = Table("t", ("a",), [{"a": cell}], ("a",))
    assert next(csv.DictReader(io.StringIO(to_csv(table))))["a"] == cell


@pytest.mark.parametrize("cell", ["-1+cmd()", "+1 [=cmd()]", "-0.5 [-1.0, +cmd()]", "@SUM(A1)"])
def test_what_only_begins_like_a_number_is_guarded(cell):
    table = Table("t", ("a",), [{"a": cell}], ("a",))
    assert next(csv.DictReader(io.StringIO(to_csv(table))))["a"] == f"'{cell}"


def test_every_row_is_one_line_of_markdown_without_html(run):
    table = hostile_rows(run)
    lines = to_markdown(table).split("\n\n")[0].splitlines()
    assert len(lines) == 2 + len(table.rows)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}
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
    table = table_of(run("a", val=0.5))
    print_table(table)
    assert capsys.readouterr().out == to_markdown(table)


def test_both_files_are_written_and_nothing_beside_them(run, tmp_path):
    (tmp_path / "out").mkdir()
    table = table_of(run("a", val=0.5))
    comma, marked = write_results(table, tmp_path / "out")
    assert (comma.read_text(), marked.read_text()) == (to_csv(table), to_markdown(table))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["results.csv", "results.md"]


def test_a_run_folder_whose_name_is_no_utf_8_can_be_written(run, tmp_path):
    table = table_of(run("caf\udce9", val=0.5), root=tmp_path)
    write_results(table, tmp_path)
    assert "caf" in (tmp_path / "results.csv").read_text()


def test_no_runs_are_an_empty_table():
    assert rows({}) == []
    assert to_csv(table_of({})) == ",".join(("Rank", *COLUMNS)) + "\n"
    assert to_markdown(table_of({})).startswith("| Rank | Modality |")
