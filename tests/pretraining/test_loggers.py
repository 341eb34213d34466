"""logger= in trainings on an endless stream: each evaluation is told by its step, before and after a resumption."""

from pathlib import Path

import pytest
from tests.pretraining.conftest import Pretrain
from tests.pretraining.test_reader import train as train_reader

from fusion.results.record import read_metrics, read_run

pytest.importorskip("tensorboard")

SHORT = ["logger=tensorboard", "lr=0.001", "pretraining.early.steps=1", "pretraining.final_eval_samples=4"]


def steps(folder: Path, tag: str = "val_accuracy") -> list[int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return [event.step for event in EventAccumulator(str(folder / "tensorboard")).Reload().Scalars(tag)]


def test_pretraining_tells_its_logger_of_each_evaluation_and_keeps_metrics_csv(pretrain: Pretrain) -> None:
    folder = pretrain(*SHORT, "pretraining.steps=8")
    assert steps(folder) == [4, 8] == [evaluation["step"] for evaluation in read_metrics(folder)]
    before = (folder / "metrics.csv").read_text()
    pretrain(*SHORT, f"pretraining.resume={folder}", "pretraining.steps=12")
    assert (folder / "metrics.csv").read_text().startswith(before), "a resumed run adds to it"
    assert steps(folder) == [4, 8, 12]
    assert steps(folder, "completed") == [0, 0] and read_run(folder)["status"] == "completed"


def test_a_reader_is_told_of_too(corpus: Path, tmp_path: Path) -> None:
    folder = train_reader(corpus, tmp_path, "logger=tensorboard")
    assert steps(folder) == [3, 6]
