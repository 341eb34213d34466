"""python -m fusion.train, as users call it."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import TEXT_ONLY, TINY, Command

from fusion.results.record import read_run
from fusion.training.callbacks import MetricsLogger


def test_a_run_prints_its_folder_and_one_that_is_taken_instead_too(trained: Path, corpus: Path, call: Command) -> None:
    place = trained.parents[2]
    done = call("train", *TINY, f"data.path={corpus}", "rerun=false", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(trained.relative_to(place))
    assert "is this very run, completed; rerun=true would repeat it" in done.stderr


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond 50 kB, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_on_the_disk_is_said_and_what_was_written_stays(
    tmp_path: Path, corpus: Path, call: Command, small_files: None
) -> None:
    done = call("train", *TEXT_ONLY, f"data.path={corpus}", "fusion.hidden=[2048]", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "No room is left to write" in done.stderr and "Traceback" not in done.stderr
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    assert read_run(folder)["status"] == "failed"
    assert not (folder / "model").exists()


ENDLESS = [*TEXT_ONLY, "epochs=100000", "patience=null"]


def check_interrupted(place: Path) -> None:
    (folder,) = (path.parent for path in place.rglob("run.json"))
    assert read_run(folder)["status"] == "interrupted"
    assert (folder / "model" / "model.safetensors").is_file(), "the best epoch so far is kept"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_as_interrupted(
    tmp_path: Path, corpus: Path, call: Command, monkeypatch, number: signal.Signals, code: int
) -> None:
    log_epoch = MetricsLogger.on_train_epoch_end

    def log_and_send(metrics: MetricsLogger, *values: Any) -> None:
        log_epoch(metrics, *values)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(MetricsLogger, "on_train_epoch_end", log_and_send)
    done = call("train", *ENDLESS, f"data.path={corpus}", cwd=tmp_path)
    assert done.returncode == code and "epoch 2 of" not in done.stderr
    assert "Traceback" not in done.stderr and f"stopped by {number.name}" in done.stderr
    check_interrupted(tmp_path)


def test_a_process_that_is_told_to_end_ends(tmp_path: Path, corpus: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "fusion.train", *ENDLESS, f"data.path={corpus}"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1 of"):
            break
    process.terminate()
    rest = process.stderr.read()
    assert process.wait(60) == 143 and "Traceback" not in rest, rest
    check_interrupted(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backbone=densnet121"], "did you mean densenet121"),
        (["augment=rakutan"], "augment=rakutan is not known (did you mean rakuten?)"),
        (["epoch=3"], "There is no option epoch (did you mean epochs?)"),
        (["loss.label_smothing=0.1"], "did you mean loss.label_smoothing?"),
        (["data=folder", "data.paht=x"], "did you mean data.path"),
        (["-m", "backbone=mobilenetv2,densnet121"], "did you mean densenet121"),
        (["backbone=timm"], "backbone.model has no value; pass backbone.model=VALUE."),
        (["sweep=heads"], "sweep=heads is a study of several runs; add -m, as in -m sweep=heads."),
        (["-m", "row=glob(rokuten_*)"], "No row is named like rokuten_*"),
        (["dry_run=maybe"], "dry_run=maybe must be true or false."),
        (["clip=1"], "clip is called gradient_clip_val now; pass gradient_clip_val=1."),
        (["-m", "clip=1,2"], "clip is called gradient_clip_val now; pass gradient_clip_val=1,2."),
        (["again=false"], "again is called rerun now; pass rerun=false."),
        (["render=seed0"], "render=seed0 is called render=heig now; pass render=heig."),
        (["-m", "render=carbon,seed0"], "render=seed0 is called render=heig now; pass render=heig."),
        (
            ["text=nano", "text.thinning=0.1"],
            "text.thinning is called text.ngram_dropout now; pass text.ngram_dropout=0.1.",
        ),
    ],
)
def test_a_mistyped_or_older_command_line_gets_one_sentence(
    tmp_path: Path, call: Command, arguments: list[str], message: str
) -> None:
    done = call("train", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ") and not list(tmp_path.iterdir()), "nothing is written"


def test_no_data_is_read_before_what_cannot_be_is_found(tmp_path: Path, call: Command) -> None:
    for word in ("lr=-1", "backbone.model=densnet121", "backbone.weights=nowhere"):
        done = call("train", *TINY, "data.path=nowhere", word, cwd=tmp_path)
        assert done.returncode == 1 and "nowhere is not a folder" not in done.stderr, word
        assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir()), word


def test_folds_print_the_folder_of_all_of_them(tmp_path: Path, corpus: Path, call: Command) -> None:
    words = [*TEXT_ONLY, f"data.path={corpus}", "epochs=1", "folds=2", "name=k"]
    done = call("train", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "k").iterdir()
    assert done.stdout.strip() == str(folder.relative_to(tmp_path)) and folder.name.startswith("folds-")


@pytest.mark.parametrize("typed", ["-m {}", "{} -m", "--multirun {}", "{} hydra.mode=MULTIRUN"])
def test_a_sweep_is_one_wherever_it_is_asked_for(tmp_path: Path, call: Command, typed: str) -> None:
    words = typed.format("backbone=none text=none seed=1,2").split()
    done = call("train", *words, cwd=tmp_path)
    assert done.returncode == 3 and done.stderr.count("leave nothing to learn from") == 2, done.stderr
    assert [path.name for path in tmp_path.rglob("failed/*.txt")]
    assert "jobs 0, 1 failed before there was a run folder" in done.stdout
