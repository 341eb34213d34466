"""Sweeps: names checked before anything runs, an outcome read from folders, each warning shown once."""

import csv
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import HEAD, IMAGE_ONLY, TEXT_ONLY, TINY, Command

from fusion.config.errors import UserError
from fusion.config.renamed import RENAMED, RENAMED_CHOICES
from fusion.results.record import read_run, read_runs
from fusion.results.sweep_outcome import read_outcome
from fusion.training import sweeps
from fusion.training.sweeps import check_overrides, is_dry

FAST = [*TEXT_ONLY, "epochs=1"]
FALLS_BACK = ["backbone=none", "text=codeberta", *HEAD, "epochs=1"]


def table(place: Path) -> list[dict[str, str]]:
    """Return the rows of the newest sweep's results.csv."""
    *_, path = sorted(place.rglob("results.csv"))
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def by_lr(place: Path) -> dict[str, dict[str, Any]]:
    """Return the records of the runs below a folder, by the learning rate that was asked for."""
    runs, notes = read_runs([place])
    assert not notes
    return {str(run["config"]["lr"]): run for run in runs.values()}


@pytest.mark.parametrize(
    "launcher", [[], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]], ids=["basic", "joblib"]
)
def test_a_sweep_goes_on_past_failures_ends_with_its_table_and_exits_with_3(
    tmp_path: Path, corpus: Path, fusion: Command, call: Command, without_plots: None, launcher: list[str]
) -> None:
    words = ["-m", *FALLS_BACK, f"data.path={corpus}", "lr=0.01,1e30,-1,0.02"]
    done = (fusion if launcher else call)("train", *words, *launcher, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    rows = {row["lr"]: row for row in table(tmp_path)}
    assert {lr: row["Status"].split(":")[0] for lr, row in rows.items()} == {
        "0.01": "completed", "0.02": "completed", "1e+30": "failed",
    }  # fmt: skip
    assert "The train loss is nan at step" in rows["1e+30"]["Status"]
    assert all(float(rows[lr]["Accuracy"].split()[0]) > 0 for lr in ("0.01", "0.02"))
    assert done.stdout.count("| completed |") == 2 and done.stdout.count("failed: The train loss is nan") == 1
    (folder,) = (path.parent for path in tmp_path.rglob("results.md"))
    sentence = "lr=-1 must be a number above 0, such as 0.001, or search."
    assert read_outcome(folder).failed_jobs == {"2": sentence}
    assert f"{folder.name}: job 2 failed before there was a run folder: {sentence}" in done.stdout
    assert done.stderr.count("Instead of codeberta this run trains `nano`") == 1, "shown once a sweep"
    logs = [path.read_text() for path in folder.glob("*/run.log")]
    assert len(logs) == 3 and all(log.count("Instead of codeberta this run trains `nano`") == 1 for log in logs)
    assert not (folder / sweeps.WARNED).exists()
    if launcher:
        alone = call("train", *words[1:-1], "lr=0.02", "name=alone", cwd=tmp_path)
        assert alone.returncode == 0, alone.stderr
        metrics = read_run(tmp_path / alone.stdout.strip())["metrics"]
        assert by_lr(folder)["0.02"]["metrics"] == metrics, "whatever launches it, a run is the same"


def test_a_sweep_repeats_what_failed_and_not_what_is_complete(tmp_path: Path, corpus: Path, call: Command) -> None:
    sweep = ["-m", *FAST, f"data.path={corpus}", "text.max_tokens=16,32"]
    first = call("train", *sweep, "lr=1e30,0.01", cwd=tmp_path)
    assert first.returncode == 3, first.stderr
    second = call("train", *sweep, "lr=0.02,0.01", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert second.stderr.count(" · reused runs/sweep-") == 2
    assert "2 of 4 runs were completed before and not repeated" in second.stderr
    *_, folder = sorted(path.parent for path in tmp_path.rglob("results.csv"))
    assert len(list(folder.glob("*/run.json"))) == 2
    for log in folder.glob("*/run.log"):
        assert "epoch 1 of 1" in log.read_text(), "each run of a sweep has its log, not the first alone"
    assert [row["Status"] for row in table(tmp_path)] == ["completed"] * 4
    assert all(row["Accuracy"] for row in table(tmp_path))
    assert len(read_runs([tmp_path])[0]) == 6, "the two that were taken count once"
    moved = folder.parent.rename(folder.parent.parent / "elsewhere") / folder.name
    assert len(read_runs([moved])[0]) == 4


def test_a_sweep_of_a_file_takes_the_axes_of_the_command_line(tmp_path: Path, corpus: Path, call: Command) -> None:
    words = ["backbone.weights=nowhere", "fusion.hidden=[16],[8]", "lr=0.1", f"data.path={corpus}", "data=folder"]
    done = call("train", "-m", "+sweep=heads", *words, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    runs = [run["config"] for run in read_runs([tmp_path / "runs"])[0].values()]
    assert len(runs) == 2 * 3 and {run["lr"] for run in runs} == {0.1}
    assert {tuple(run["fusion"]["hidden"]) for run in runs} == {(16,), (8,)}
    assert {run["fusion"]["dropout"] for run in runs} == {0.0, 0.2, 0.5}
    assert {run["text"]["name"] for run in runs} == {"none"}


def test_a_sweep_over_rows_ends_with_the_table_of_its_runs(tmp_path: Path, corpus: Path, call: Command) -> None:
    words = ["-m", "row=notebook_baseline,notebook_augmented", "data=folder", f"data.path={corpus}", "epochs=1"]
    done = call("train", *words, "source_size=64", "render.font=dejavu-sans-mono", "lr=0.001,1e30", cwd=tmp_path)
    assert done.returncode == 3, "the two of lr=1e30 failed"
    assert done.stdout.count("| notebook_") == 4 and done.stdout.count("failed: ") == 2


def test_a_sweep_over_modalities_trains_a_fusion_and_its_parts_and_takes_those_that_are_complete(
    tmp_path: Path, corpus: Path, call: Command
) -> None:
    words = [f"data.path={corpus}", "epochs=1"]
    text_alone = ["backbone=none", *(word for word in TINY if not word.startswith("backbone"))]
    for alone in (text_alone, IMAGE_ONLY):
        assert call("train", *alone, *words, "name=alone", cwd=tmp_path).returncode == 0
    dry = call("train", "-m", "+sweep=modalities", *TINY, *words, "dry_run=true", cwd=tmp_path)
    assert dry.returncode == 0 and dry.stdout.count("complete: runs/alone") == 2, dry.stdout
    done = call("train", "-m", "+sweep=modalities", *TINY, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| completed |") == 3
    (folder,) = (tmp_path / "runs").glob("sweep-*")
    runs = [run["config"] for run in read_runs([folder])[0].values()]
    assert {(run["text"]["name"], run["backbone"]["name"]) for run in runs} == {
        ("scratch", "timm"), ("scratch", "none"), ("none", "timm"),
    }  # fmt: skip
    assert len([*folder.glob("*/run.json")]) == 1 and read_outcome(folder).reused == 2


def test_jobs_that_leave_no_run_folder_are_noted_and_the_others_run(
    tmp_path: Path, corpus: Path, call: Command
) -> None:
    shutil.copytree(corpus, tmp_path / "gone")
    complete = ["-m", *FAST, f"data.path={tmp_path / 'gone'}", "input_shape=32"]
    assert call("train", *complete, cwd=tmp_path).returncode == 0
    shutil.rmtree(tmp_path / "gone")
    before = set((tmp_path / "runs").glob("sweep-*"))
    sweep = ["-m", *FAST[1:], f"data.path={tmp_path / 'gone'},{corpus}", "backbone=timm,none", "input_shape=32"]
    done = call("train", *sweep, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    no_model = "backbone.model has no value; pass backbone.model=VALUE."
    assert done.stderr.count(f"error: {no_model}") == 2
    assert done.stderr.count("error: ") == 3 and done.stdout.count("| completed |") == 1
    (folder,) = set((tmp_path / "runs").glob("sweep-*")) - before
    outcome = read_outcome(folder)
    assert outcome.failures == 3 and [*outcome.failed_jobs.values()].count(no_model) == 2
    assert "is not a folder" in next(error for error in outcome.failed_jobs.values() if error != no_model)


def test_a_warning_is_shown_by_the_first_process_that_has_it_and_kept_in_every_log(tmp_path: Path) -> None:
    def record(level: int, text: str, *values: object) -> logging.LogRecord:
        return logging.LogRecord("fusion", level, __file__, 1, text, values, None)

    first, second = (sweeps._OnceASweep(tmp_path) for _ in range(2))
    for level in (logging.WARNING, logging.ERROR):
        assert first.filter(record(level, "weights of %s are missing, %d", "x", level))
        assert not first.filter(record(level, "weights of %s are missing, %d", "x", level))
        assert not second.filter(record(level, "weights of x are missing, %d", level)), "what it says counts"
    assert second.filter(record(logging.WARNING, "weights of %s are missing, %d", "y", 30))
    assert not first.filter(record(logging.INFO, "epoch 1")), "a job has a line of its own"


@pytest.mark.parametrize("old", RENAMED)
def test_the_old_name_of_an_option_is_answered_with_the_new_one(old: str) -> None:
    sentence = rf"^{old} is called {RENAMED[old]} now; pass {RENAMED[old]}=1\.$"
    for word in (f"{old}=1", f"+{old}=1", f"++{old}=1"):
        with pytest.raises(UserError, match=sentence):
            check_overrides(["lr=0.1", word])
    check_overrides([f"{RENAMED[old]}=1"])


@pytest.mark.parametrize("old", RENAMED_CHOICES)
def test_the_old_name_of_a_choice_is_answered_with_the_new_one_in_a_sweep_too(old: str) -> None:
    for word in (old, f"+{old}", old.replace("=", "=carbon,")):
        with pytest.raises(UserError, match=f"^{old} is called {RENAMED_CHOICES[old]} now"):
            check_overrides([word])


def test_every_row_can_be_named_by_a_pattern() -> None:
    check_overrides(["row=glob(rakuten_*)", "row=glob([heig_*,notebook_*])", "sweep=shapes", "+row=notebook_vgg16"])
    with pytest.raises(UserError, match="No row is named like rokuten_"):
        check_overrides(["row=glob(rokuten_*)"])
    with pytest.raises(UserError, match="did you mean shapes"):
        check_overrides(["sweep=shape"])


def test_each_of_the_choices_that_are_swept_over_is_checked() -> None:
    check_overrides(["backbone=mobilenetv2,densenet121"])
    with pytest.raises(
        UserError, match=r"^backbone=densnet121 is not known \(did you mean densenet121\?\); it is one of "
    ):
        check_overrides(["backbone=mobilenetv2,densnet121"])


@pytest.mark.parametrize(
    ("word", "dry"),
    [("dry_run=1", True), ("dry_run=True", True), ("+dry_run=true", True), ("dry_run=0", False), ("lr=1", False)],
)
def test_a_dry_run_is_known_by_its_value(word: str, dry: bool) -> None:
    assert is_dry(["lr=0.1", word]) is dry
    for other in ("dry_run=yes", "dry_run=true,false", "dry_run=2"):
        with pytest.raises(UserError, match="must be true or false"):
            is_dry([other])
