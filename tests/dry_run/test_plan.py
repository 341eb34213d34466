"""dry_run=true: what would be run, whether it can be, how long it takes; nothing is left behind."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import IMAGE, IMAGE_ONLY, TEXT_ONLY, TINY, Command, composed, configured

from fusion.config.schema import load_config
from fusion.dry_run import plan, timing
from fusion.dry_run.plan import DryRun
from fusion.dry_run.rows import ROWS, finish
from fusion.dry_run.timing import StepTimes, training_seconds
from fusion.results.record import read_run
from fusion.training.run import run

TIMES = StepTimes(drawing=0.1, augmenting=0.05, training=1.0, inference=0.2, head=0.01)
COUNTS = {"train": 28, "val": 7, "test": 7}


@pytest.fixture(autouse=True)
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every view and network take TIMES, and timing itself no time."""
    monkeypatch.setattr(timing, "time_drawing", lambda *_: (TIMES.drawing, TIMES.augmenting))
    monkeypatch.setattr(timing, "time_network", lambda *_: (TIMES.training, TIMES.inference, TIMES.head))


Row = dict[str, str]
Add = Callable[..., tuple[Row, float]]


@pytest.fixture
def add(tmp_path: Path, corpus: Path) -> Add:
    """Return what adds a configuration to one dry run, and returns its row and seconds as they are written."""
    dry, count = DryRun(), iter(range(100))

    def call(*overrides: str, base: list[str] = TINY, **changes: Any) -> tuple[Row, float]:
        number = next(count)
        options = composed(*base, f"data.path={corpus}", "dry_run=true", *overrides) | changes
        dry.add(options, [*overrides, "dry_run=true"], tmp_path / "list", number)
        content = json.loads((tmp_path / "list" / ROWS / f"{number}.json").read_text())
        return content["row"], content["seconds"]

    return call


def test_a_row_says_what_would_be_trained_and_how_long_that_takes(add: Add, trained: Path, corpus: Path) -> None:
    row, seconds = add("epochs=3")
    assert row["Verdict"] == "runs" and row["Run"] == "epochs=3"
    expected = training_seconds(configured(*TINY, f"data.path={corpus}", "epochs=3"), TIMES, COUNTS, None, False)
    assert seconds == pytest.approx(expected) and expected > 60
    assert row["Minutes"] == f"{expected / 60:.1f}"
    real = read_run(trained)["parameters"]
    assert 0.9 < int(row["Parameters"].replace(",", "")) / real < 1.1, "but for a vocabulary that training fills"
    assert (row["Text"], row["Training Input Shape"], row["Source Image Size"]) == ("scratch", "32×32", "64×64")
    assert (row["LR"], row["Epochs"], row["Batch Size"]) == ("0.0003", "3", "8")


def test_what_cannot_be_is_told_and_the_others_are_looked_at(
    add: Add, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [add("backbone.model=inception_v3", "input_shape=40")[0], add("lr=-1")[0], add()[0]]
    assert [row["Verdict"].split(":")[0] for row in rows] == ["cannot run", "cannot run", "runs"]
    assert "cannot take input_shape=40" in rows[0]["Verdict"] and "lr=-1 must be" in rows[1]["Verdict"]
    assert finish(tmp_path / "list") == 2
    shown = capsys.readouterr().out
    assert "3 runs, about 0.0 hours" in shown and "; 2 cannot run. Nothing was run." in shown


def test_rows_are_listed_in_the_order_of_the_jobs(add: Add, tmp_path: Path, capsys) -> None:
    for epochs in range(1, 12):
        add(f"epochs={epochs}", base=TEXT_ONLY)
    assert finish(tmp_path / "list") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| epochs=")]
    assert [line.split("|")[1].strip() for line in lines] == [f"epochs={epochs}" for epochs in range(1, 12)]


def test_an_error_of_a_library_is_one_verdict_and_not_the_end(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(plan, "build_on_meta", fail)
    assert add()[0]["Verdict"] == "cannot run: MemoryError: MemoryError"


def test_a_run_that_is_complete_would_not_be_repeated(add: Add, corpus: Path, tmp_path: Path) -> None:
    config = configured(*TEXT_ONLY, f"data.path={corpus}", "epochs=1", f"runs={tmp_path / 'runs'}")
    folder = run(config, [], tmp_path / "runs" / "train")
    words = ("epochs=1", f"runs={tmp_path / 'runs'}")
    row, seconds = add(*words, "rerun=false", base=TEXT_ONLY)
    assert (row["Verdict"], row["Minutes"], seconds) == (f"complete: {folder}", "0", 0)
    assert add(*words, "rerun=true", base=TEXT_ONLY)[0]["Verdict"] == "runs"


def test_too_little_memory_is_told_with_the_batch_that_fits(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "free_memory", lambda _: 20_000_000)
    row, _ = add("batch_size=4096", "input_shape=64")
    assert "hardly fits into 0.0 GB: batch_size=" in row["Verdict"]


def test_a_sweep_of_heads_pays_for_its_features_once(add: Add) -> None:
    took = [add("backbone.freeze=all", head, base=IMAGE_ONLY)[1]
            for head in ("fusion.dropout=0.1", "lr=0.1", "lr=0.2", "seed=1")]  # fmt: skip
    first, *others, other_seed = took
    assert others == [pytest.approx(2 * 28 * TIMES.head)] * 2
    assert first == other_seed == pytest.approx((28 + 14) * (TIMES.drawing + TIMES.inference) + 2 * 28 * TIMES.head)


def test_of_what_is_fitted_only_reading_takes_time(add: Add) -> None:
    row, _ = add(base=["text=ngram", "text.features=1024", "backbone=none", "data=folder"])
    assert row["Verdict"] == "runs" and int(row["Parameters"].replace(",", "")) == 1024 * 3


def test_a_fallback_is_listed_under_its_own_name(add: Add) -> None:
    row, _ = add(base=["backbone=none", "text=codeberta", "data=folder"])
    assert (row["Text"], row["Verdict"]) == ("nano", "runs")


PRETRAINING = ["experiment=pretrain_image", *IMAGE, "batch_size=8", "data=folder", "pretraining.steps=1000",
               "pretraining.early.steps=400", "pretraining.early.input_shape=16"]  # fmt: skip


def test_pretraining_takes_its_steps_and_no_epochs(add: Add) -> None:
    row, seconds = add(base=PRETRAINING)
    assert (row["Epochs"], row["Verdict"]) == ("–", "runs, 8,000 pictures")
    assert seconds == pytest.approx(8 * (600 + 400 / 4) * 1.1, rel=0.05), "and its evaluations"
    assert add("pretraining.resume=nowhere", base=PRETRAINING)[0]["Verdict"].startswith("cannot run: ")
    assert add("pretraining.steps=0", base=PRETRAINING)[0]["Verdict"].startswith("cannot run: pretraining.steps=0 must")


def test_folds_that_are_complete_are_not_run_again(add: Add, corpus: Path, tmp_path: Path) -> None:
    words = ["epochs=1", "folds=2", f"runs={tmp_path / 'runs'}", "rerun=false"]
    config = load_config(composed(*TEXT_ONLY, f"data.path={corpus}", *words))
    took, done = [], []
    for fold in (0, 1):
        took.append(add(*words, base=TEXT_ONLY)[1])
        done.append(run(replace(config, fold=fold), [], tmp_path / "runs" / "folds"))
    assert took[0] == pytest.approx(2 * took[1]) and took[1] > 0
    row, seconds = add(*words, base=TEXT_ONLY)
    assert row["Verdict"] == f"complete: {done[0]}, {done[1]}" and seconds == 0


def test_a_single_run_is_repeated_unless_told_otherwise_and_so_says_its_dry_run(
    tmp_path: Path, corpus: Path, call: Command
) -> None:
    words = [*TEXT_ONLY, f"data.path={corpus}", "epochs=1"]
    folder = call("train", *words, cwd=tmp_path).stdout.strip()
    for more, verdict in (([], "| runs |"), (["rerun=false"], f"complete: {folder}"), (["-m"], f"complete: {folder}")):
        done = call("train", *more, *words, "dry_run=true", cwd=tmp_path)
        assert done.returncode == 0 and verdict in done.stdout, (more, done.stdout, done.stderr)


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_dry_sweep_lists_every_job_exits_with_3_if_one_cannot_run_and_leaves_nothing(
    tmp_path: Path, corpus: Path, fusion: Command, call: Command, launcher: str
) -> None:
    (place := tmp_path / "place").mkdir()
    words = ["-m", *TEXT_ONLY, f"data.path={corpus}", "text.max_tokens=16,32", "epochs=0,1", "dry_run=1"]
    if launcher == "basic":
        done = call("train", *words, "hydra.sweep.dir=mine", cwd=place)
    else:
        done = fusion("train", *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", cwd=place)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("| runs |") == 2
    assert done.stdout.count("cannot run: epochs=0 must be a whole number of at least 1.") == 2
    assert "4 runs, about" in done.stdout and "; 2 cannot run. Nothing was run." in done.stdout
    assert not list(place.iterdir())


def test_a_dry_sweep_of_jobs_that_can_all_run_exits_with_0(tmp_path: Path, corpus: Path, call: Command) -> None:
    done = call("train", "-m", *TEXT_ONLY, f"data.path={corpus}", "epochs=1,2", "dry_run=true", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.count("| runs |") == 2, done.stderr
