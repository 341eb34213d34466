"""logger=tensorboard, mlflow, wandb: what they are told of a run, read back with their own readers; no network."""

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import TEXT_ONLY, Command, configured

from fusion.config.errors import UserError
from fusion.console import Stopped
from fusion.results.record import read_metrics, read_run
from fusion.training import loggers
from fusion.training.callbacks import MetricsLogger
from fusion.training.loggers import flat, numbers

Train = Callable[..., tuple[int, Path]]


@pytest.fixture
def train(tmp_path: Path, corpus: Path, call: Command) -> Train:
    """train("logger=...") -> exit code and run folder of a tiny run."""

    def run(*words: str) -> tuple[int, Path]:
        before = {*tmp_path.rglob("run.json")}
        done = call("train", *TEXT_ONLY, f"data.path={corpus}", *words, cwd=tmp_path)
        assert "Traceback" not in done.stderr, done.stderr
        (path,) = {*tmp_path.rglob("run.json")} - before
        return done.returncode, path.parent

    return run


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run fail after training, when Lightning takes it for finished."""
    monkeypatch.setattr("fusion.training.run.evaluate", _raise(UserError("Nothing to evaluate.")))


@pytest.fixture
def is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run be interrupted while it trains."""
    monkeypatch.setattr(MetricsLogger, "on_train_epoch_end", _raise(Stopped(15)))


def _raise(error: BaseException) -> Callable[..., None]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def final_of(folder: Path) -> dict[str, float]:
    found = numbers(read_run(folder)["metrics"])
    assert {"val/accuracy", "test/f1_macro", "test/accuracy_95/0"} <= found.keys()
    return found


# TensorBoard


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_has_the_epochs_and_what_was_reached(train: Train) -> None:
    code, folder = train("logger=tensorboard")
    assert code == 0
    found = scalars(folder)
    for epoch in read_metrics(folder):
        for name, value in epoch.items():
            assert (epoch["epoch"], pytest.approx(value, rel=1e-5)) in found[name], name
    for name, value in final_of(folder).items():
        assert found[name] == [(0, pytest.approx(value, rel=1e-5))], name
    assert found["completed"] == [(0, 1.0)]
    assert "text.vocabulary: 300" in (folder / "tensorboard" / "hparams.yaml").read_text()


def test_tensorboard_says_that_a_run_failed(train: Train, fails: None) -> None:
    code, folder = train("logger=tensorboard")
    found = scalars(folder)
    assert code == 1 and found["completed"] == [(0, 0.0)] and len(found["val_accuracy"]) == 2


# MLflow


def mlflow_runs(place: Path, uri: str = "runs/mlflow.db") -> tuple[Any, list[Any]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{place / uri}")
    return client, client.search_runs([client.get_experiment_by_name("fusion").experiment_id])


def test_mlflow_has_options_epochs_and_what_was_reached(train: Train, tmp_path: Path) -> None:
    code, folder = train("logger=mlflow")
    assert code == 0
    client, (run,) = mlflow_runs(tmp_path)
    assert run.info.status == "FINISHED" and run.info.run_name == folder.name
    assert run.data.params["text.vocabulary"] == "300" and run.data.params["resolved.text"] == "scratch"
    assert not [name for name in run.data.params if name.startswith("logger")], "an address may hold a password"
    for name in ("val_accuracy", "train_loss", "lr", "seconds"):
        told = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]
        assert told == [(epoch["epoch"], epoch[name]) for epoch in read_metrics(folder)], name
    assert {name: run.data.metrics[name] for name in final_of(folder)} == final_of(folder)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ml")] == [], "no mlruns beside runs"


def test_mlflow_says_that_a_run_failed_after_its_training(train: Train, fails: None, tmp_path: Path) -> None:
    code, _ = train("logger=mlflow", "logger.tracking_uri=sqlite:///elsewhere/kept.db")
    _, (run,) = mlflow_runs(tmp_path, "elsewhere/kept.db")
    assert code == 1 and run.info.status == "FAILED" and run.data.metrics["epoch"] == 2


def test_mlflow_says_that_a_run_was_interrupted(train: Train, is_stopped: None, tmp_path: Path) -> None:
    code, folder = train("logger=mlflow")
    _, (run,) = mlflow_runs(tmp_path)
    assert code == 143 and run.info.status == "KILLED" and read_run(folder)["status"] == "interrupted"


def test_each_fold_is_a_run_of_mlflow(tmp_path: Path, corpus: Path, call: Command) -> None:
    words = [*TEXT_ONLY, f"data.path={corpus}", "epochs=1", "folds=2", "logger=mlflow"]
    assert call("train", *words, cwd=tmp_path).returncode == 0
    _, runs = mlflow_runs(tmp_path)
    assert {(run.info.status, run.data.params["fold"]) for run in runs} == {("FINISHED", "0"), ("FINISHED", "1")}


# Weights & Biases


def wandb_records(folder: Path) -> list[Any]:
    """Return what an offline run has written, as wandb sync would read it."""
    from wandb.proto import wandb_internal_pb2

    (path,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    records = []
    for data in leveldb_records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        records.append(record)
    return records


def leveldb_records(content: bytes) -> Iterator[bytes]:
    """A log of LevelDB -> its records: blocks of 32 kB; each part has a checksum, its length and its kind."""
    assert content.startswith(b":W&B")
    at, whole = 7, b""
    while at < len(content):
        if 32768 - at % 32768 < 7:  # too short for a part
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # the whole, or its last part
            yield whole
            whole = b""


@pytest.mark.parametrize("ends", ["completed", "failed"])
def test_wandb_keeps_a_run_in_its_folder(train: Train, ends: str, request: pytest.FixtureRequest) -> None:
    if ends == "failed":
        request.getfixturevalue("fails")
    code, folder = train("logger=wandb")
    records = wandb_records(folder)
    epochs = [record for record in records if record.WhichOneof("record_type") == "history"]
    exits = [record.exit.exit_code for record in records if record.WhichOneof("record_type") == "exit"]
    assert code == int(ends == "failed") and exits == [code] and len(epochs) == 2
    summary = {"".join(item.nested_key) or item.key for record in records for item in record.summary.update}
    assert "status" in summary and ("test/accuracy" in summary) == (ends == "completed")


# all of them


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_package_that_is_not_there_is_said_before_anything_is_written(
    tmp_path: Path, corpus: Path, call: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    done = call("train", *TEXT_ONLY, f"data.path={corpus}", f"logger={name}", cwd=tmp_path)
    sentence = f"logger={name} needs {name}, which is not installed; run pip install 'fusion[{name}]'."
    assert done.returncode == 1 and done.stderr == f"error: {sentence}\n" and not [*tmp_path.iterdir()]


def test_a_folder_that_is_called_like_the_package_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    with pytest.raises(UserError, match="which is not installed"):
        loggers.check(configured(*TEXT_ONLY, "data.path=x", "logger=mlflow"))


def test_a_logger_changes_no_figure_and_a_run_with_another_one_is_taken_as_it_is(train: Train) -> None:
    (_, first), (_, second) = train(), train("logger=tensorboard")
    plain, told = read_run(first), read_run(second)
    assert plain["metrics"] == told["metrics"] and plain["fingerprint"] == told["fingerprint"]


def test_a_logger_that_cannot_begin_ends_the_run_with_one_sentence(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "_create", _raise(ConnectionError("no answer")))
    code, folder = train("logger=tensorboard")
    assert code == 1 and read_run(folder)["error"] == "logger=tensorboard cannot begin (no answer); see logger.*."


def test_a_logger_that_cannot_be_closed_spoils_no_run(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers.TensorBoardRun, "close", _raise(OSError("disk full")))
    code, folder = train("logger=tensorboard")
    assert code == 0 and read_run(folder)["status"] == "completed"
    assert "the logger could not be closed (disk full)" in (folder / "run.log").read_text()


def test_options_are_flattened_and_numbers_found() -> None:
    assert flat({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}
    metrics = {"val": {"accuracy": 0.5, "accuracy_95": [0.25, 0.75], "note": "x", "is": True, "none": None}}
    assert numbers(metrics) == {"val/accuracy": 0.5, "val/accuracy_95/0": 0.25, "val/accuracy_95/1": 0.75}
