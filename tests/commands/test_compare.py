"""python -m fusion.compare, on what the command line trained."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.results.judged_runs import answered, snippets
from tests.results.judged_runs import write_run as judge
from tests.tiny import Command

from fusion import compare
from fusion.config.errors import UserError
from fusion.results.sweep_outcome import note_failure
from fusion.results.tables import OF_RUNS, TABLES


def test_a_run_is_a_row_and_nothing_is_written_unasked(trained: Path, fusion: Command) -> None:
    before = sorted(path.name for path in trained.iterdir())
    done = fusion("compare", trained)
    assert done.returncode == 0, done.stderr
    header, _, row = (line.strip("| ").split(" | ") for line in done.stdout.splitlines()[:3])
    cells = dict(zip(header, row, strict=True))
    assert cells["Status"] == "completed" and cells["Modality"] == "text + image" and cells["Rank"] == "1"
    assert "All rows: text=scratch backbone=timm" in done.stdout
    assert sorted(path.name for path in trained.iterdir()) == before


@pytest.mark.parametrize("name", ["t.csv", "t.json", "t.md", "t.txt", "t"])
def test_a_file_is_in_the_format_of_its_name(
    name: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main([str(trained), "--out", str(tmp_path / name)]) == 0
    shown, text = capsys.readouterr(), (tmp_path / name).read_text()
    assert shown.out == "" and f"wrote {tmp_path / name}" in shown.err
    forms = {"t.csv": "csv", "t.json": "json", "t.txt": "table"}
    assert compare.main([str(trained), "--format", forms.get(name, "md")]) == 0
    assert capsys.readouterr().out == text
    if name == "t.json":
        assert 0 <= json.loads(text)[0]["Accuracy"] <= 1
    if name == "t.csv":
        assert next(csv.DictReader(text.splitlines()))["Status"] == "completed"


def test_a_report_is_one_file_with_the_worst_errors(trained: Path, fusion: Command, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = fusion("compare", trained, "--format", "html", "--out", out)
    assert done.returncode == 0 and done.stdout == "" and f"wrote {out}" in done.stderr, done.stderr
    text = out.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and text.count("<script>") == 1 and "://" not in text
    assert "Does fusion help?" in text and "figure-curve-loss" in text
    assert fusion("compare", trained, "--format", "html").stdout == text


def test_the_format_that_is_asked_for_wins_over_the_name(trained: Path, tmp_path: Path) -> None:
    assert compare.main([str(trained), "--out", str(tmp_path / "t.csv"), "--format", "json"]) == 0
    assert json.loads((tmp_path / "t.csv").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "."], "is a folder; give a file"),
        (["--out", "nowhere/t.csv"], "there is no folder nowhere"),
        (["--where", "text"], "is no condition"),
        (["--where", "textt=none"], "did you mean text"),
        (["--where", "text=ngram"], "None of 1 runs is so: --where text=ngram."),
        (["--by", "textt"], "did you mean text"),
        (["--reference", "nowhere"], "nowhere is not a run folder"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_sentence(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "good")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        compare.main(["good", *words])


@pytest.mark.parametrize(
    "words", [["--table", "ladder", "--by", "lr"], ["--rivals", "good", "--where", "a=b"], ["--seed", "3"],
              ["--rivals", "good", "--format", "html"]],
)  # fmt: skip
def test_options_that_do_not_go_together_are_a_usage_error(words: list[str], tmp_path: Path) -> None:
    write_run(tmp_path / "good")
    with pytest.raises(SystemExit) as stopped:
        compare.main(words if "--rivals" in words else [str(tmp_path), *words])
    assert stopped.value.code == 2


def test_conditions_a_reference_and_a_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = snippets(100)
    for number, text in enumerate(["nano", "micro", "ngram"]):
        judge(
            tmp_path / "runs" / text,
            rows,
            answered(rows, 0.5 + 0.1 * number, number),
            text=text,
            val=0.5 + 0.1 * number,
        )
    reference = tmp_path / "elsewhere" / "first"
    judge(reference, rows, answered(rows, 0.7, 7), text="nano", val=0.1, options={"epochs": 3})
    words = [str(tmp_path / "runs"), "--where", "text!=micro", "--reference", str(reference), "--format", "json"]
    assert compare.main([*words, "--metric", "f1_macro"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["text"] for row in found] == ["ngram", "nano", "nano"]
    assert found[2]["Difference"] == "reference" and found[0]["Difference interval"][0] < found[0]["Difference"]


HOSTILE = [
    "<script>alert(1)</script>",
    "[/]",
    "[red]x[/red]",
    "=cmd()",
    "NA",
    "01",
    "x" * 300,
    "a|b",
    "\x1b[31mred",
    "\u202eevil",
    "$x$",
]


@pytest.mark.parametrize("table", ["results", "labels", "sources", "calibration", "texts"])
@pytest.mark.parametrize("form", ["table", "md", "csv", "json"])
def test_hostile_labels_pass_unharmed(
    table: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = snippets(110) | {"label": np.array(HOSTILE * 10)}
    judge(tmp_path / "run", rows, np.roll(rows["label"], 1), classes=HOSTILE)
    assert compare.main([str(tmp_path), "--table", table, "--format", form]) == 0
    shown = capsys.readouterr().out
    assert not set(shown) & {"\x1b", "\u202e", "\r"}
    if form == "md":
        assert "<script" not in shown
    if table == "labels" and form in ("csv", "json"):
        read = json.loads(shown) if form == "json" else csv.DictReader(shown.splitlines())
        labels = {row["Label"] for row in read}
        guarded = {"'=cmd()" if form == "csv" else "=cmd()", "\\x1b[31mred", "\\u202eevil"}
        assert labels == {label for label in HOSTILE if label.isprintable() and label[0] != "="} | guarded


def test_a_reference_that_was_not_completed_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "good")
    failed = write_run(tmp_path / "failed", status="failed")
    with pytest.raises(UserError, match="has not been completed"):
        compare.main([str(tmp_path), "--reference", str(failed)])


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
    assert compare.main([str(tmp_path), "--format", "json", "--table", table]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("2 folders left out: ") == 1 and "metrics=[1]" in shown.err
    if table in OF_RUNS and table != "modalities":  # which has rows of fused runs alone
        named = [row["Run"] if isinstance(row["Run"], list) else [row["Run"]] for row in json.loads(shown.out)]
        assert sorted(name for names in named for name in names) == ["begun", "good", "sparse"]


@pytest.mark.parametrize(("table", "column"), [("results", "text"), ("texts", "Text"), ("ladder", "Version")])
def test_runs_of_an_older_fusion_stand_beside_todays(
    table: str, column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "new")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.json").write_text(json.dumps(OLD))
    assert compare.main([str(tmp_path), "--format", "json", "--table", table]) == 0
    rows = {"".join(row["Run"]): row for row in json.loads(capsys.readouterr().out)}
    assert rows["new"][column] == "nano" and rows["old"][column] == ("ladder" if table == "results" else "v3")
    if table == "results":
        assert (rows["old"]["lr"], rows["old"]["Weights"]) == ("0.02", "text: random")


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


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_run_without_its_predictions_is_a_row_that_says_so(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run")
    if content is None:
        pq.write_table(pa.table({"split": ["test"]}), folder / "predictions.parquet")
    else:
        (folder / "predictions.parquet").write_bytes(content)
    assert compare.main([str(tmp_path), "--format", "json", "--table", "texts"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert "predictions.parquet cannot be read" in row["Accuracy"]


def test_no_runs_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no runs"):
        compare.main([str(tmp_path)])
    with pytest.raises(UserError, match="is not a folder"):
        compare.main([str(tmp_path / "nowhere")])


def test_a_sources_table_needs_no_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert compare.main(["--table", "rakuten"]) == 0
    shown = capsys.readouterr()
    assert "python -m fusion.train row=" in shown.out
    assert list(tmp_path.iterdir()) == []
    assert compare.main(["--table", "rakuten", "-o", "rakuten.md"]) == 0
    assert (tmp_path / "rakuten.md").read_text() == shown.out
