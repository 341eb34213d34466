"""python -m fusion.compare, on what the command line trained."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.tiny import Command

from fusion import compare
from fusion.config.errors import UserError
from fusion.results.sweep_outcome import note_failure
from fusion.results.tables import OF_RUNS, TABLES

RAKUTEN = [
    "Model", "Original Input Shape", "Training Input Shape", "Source Image Size", "LR", "Epochs", "Batch Size",
    "Accuracy", "F1 Score Weighted",
]  # fmt: skip


def test_the_table_starts_with_the_columns_of_the_source(trained: Path, tmp_path: Path, fusion: Command) -> None:
    done = fusion("compare", trained, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [cell.strip() for cell in done.stdout.splitlines()[0].strip("|").split("|")][:9] == RAKUTEN
    (row,) = csv.DictReader((tmp_path / "results.csv").open(newline=""))
    assert row["Model"] == "timm" and row["Training Input Shape"] == "32×32" and row["Source Image Size"] == "64×64"
    assert row["Text"] == "scratch" and row["Status"] == "completed"
    assert (tmp_path / "results.md").read_text() == done.stdout


def test_rows_as_json(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([str(trained), "--json", "-o", str(tmp_path)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert float(row["Accuracy"]) <= 1


TINY = {
    "schema": 2, "status": "completed", "split_hash": "s", "classes": ["a"], "metrics": {"val": {"f1_macro": 0.5}},
    "config": {"seed": 0, "backbone": {"name": "none"}, "text": {"name": "nano"}, "render": {}},
    "resolved": {"text": "nano", "lr": 0.01, "weights": {"text": "random"}},
}  # fmt: skip
OLD = {key: value for key, value in TINY.items() if key != "resolved"} | {
    "schema": 1, "text": "ladder", "weights": {"text": "random"}, "device": "cpu",
    "config": TINY["config"] | {"text": {"name": "ladder", "rung": "v3"}, "lr": 0.02},
}  # fmt: skip


def write_run(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(TINY | changes))
    return folder


@pytest.mark.parametrize("table", TABLES)
def test_bad_records_among_good_ones_are_left_out(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "good")
    write_run(tmp_path / "bad", metrics=[1])
    write_run(tmp_path / "sparse", metrics={}, config={}, timings={"training_seconds": None})
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.json").write_text("{}")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text('{"schema": 1, ')
    assert compare.main([str(tmp_path), "--json", "--table", table]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("2 folders left out: ") == 1 and "metrics=[1]" in shown.err
    if table in OF_RUNS:
        assert sorted(row["Run"] for row in json.loads(shown.out)) == ["begun", "good", "sparse"]


@pytest.mark.parametrize(("table", "column"), [("results", "Text"), ("texts", "Text"), ("ladder", "Version")])
def test_runs_of_an_older_fusion_stand_beside_todays(
    table: str, column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "new")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.json").write_text(json.dumps(OLD))
    assert compare.main([str(tmp_path), "--json", "--table", table]) == 0
    rows = {row["Run"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["new"][column] == "nano" and rows["old"][column] == ("ladder" if table == "results" else "v3")
    if table == "results":
        assert (rows["old"]["LR"], rows["old"]["Weights"]) == ("0.02", "text: random")


@pytest.mark.parametrize("table", OF_RUNS)
def test_only_where_nothing_is_left_is_it_an_error(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "new", schema=99)
    with pytest.raises(UserError, match="There are no runs that can be read"):
        compare.main([str(tmp_path), "--table", table])
    assert "written by a newer fusion (schema 99); upgrade fusion" in capsys.readouterr().err


def test_jobs_of_a_sweep_that_left_no_folder_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = tmp_path / "sweep-1"
    note_failure(sweep, "3", "no room")
    note = "sweep-1: job 3 failed before there was a run folder: no room"
    with pytest.raises(UserError, match="There are no runs"):
        compare.main([str(tmp_path)])
    assert note in capsys.readouterr().err
    write_run(tmp_path / "good")
    assert compare.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"\n\n{note}\n")
    assert (tmp_path / "results.md").read_text().endswith(f"{note}\n")


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_run_without_its_predictions_is_a_row_that_says_so(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run")
    if content is None:
        pq.write_table(pa.table({"split": ["test"]}), folder / "predictions.parquet")
    else:
        (folder / "predictions.parquet").write_bytes(content)
    assert compare.main([str(tmp_path), "--json", "--table", "texts"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert "predictions.parquet cannot be read" in row["Accuracy"]


def test_no_runs_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no runs"):
        compare.main([str(tmp_path)])
    with pytest.raises(UserError, match="is not a folder"):
        compare.main([str(tmp_path / "nowhere")])


def test_a_sources_table_alone_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert compare.main(["--table", "rakuten"]) == 0
    shown = capsys.readouterr()
    assert "python -m fusion.train row=" in shown.out and "nothing was written" in shown.err
    assert list(tmp_path.iterdir()) == []
    assert compare.main(["--table", "rakuten", "-o", "out"]) == 0
    assert (tmp_path / "out" / "rakuten.md").read_text() == capsys.readouterr().out
