"""Logits -> metrics, predictions, and a temperature that is fitted on validation alone."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.tiny import TEXT_ONLY, configured

from fusion.collate import Sources
from fusion.results import statistics
from fusion.results.calibration import Calibration
from fusion.results.record import Record
from fusion.training import evaluate
from fusion.training.evaluate import PREDICTION_COLUMNS, evaluate_split

LABELS = ["a", "b", "a", "b", "a", "a"]
CONFIDENT = np.array([[9.0, 0], [0, 9], [9, 0], [9, 0], [0, 9], [9, 0]])  # right in 4 of 6, far too sure of it


def rows(labels: list[str] = LABELS) -> pa.Table:
    numbers = [str(i) for i in range(len(labels))]
    columns = dict.fromkeys(PREDICTION_COLUMNS, numbers)
    return pa.table(columns | {"label": labels, "lines": pa.array([3] * len(labels), pa.int32())})


def meta() -> dict[str, Any]:
    return {"classes": ["a", "b"], "temperature": 1.0}


def test_predictions_have_the_rows_the_most_probable_class_and_the_logits():
    metrics, predictions = evaluate_split(rows(), CONFIDENT, meta(), fit_temperature=False)
    assert predictions.column_names == [*PREDICTION_COLUMNS, "predicted", "logits"]
    assert predictions["predicted"].to_pylist() == ["a", "b", "a", "a", "b", "a"]
    assert predictions["logits"].to_pylist() == CONFIDENT.tolist()
    assert metrics["n"] == 6 and metrics["accuracy"] == pytest.approx(4 / 6)
    truth = np.array([0, 1, 0, 1, 0, 0])
    assert metrics["nll"] == pytest.approx(statistics.negative_log_likelihood(CONFIDENT, truth))
    assert metrics["ece"] == pytest.approx(statistics.expected_calibration_error(CONFIDENT, truth, 1.0))


def test_validation_gives_the_temperature_and_test_takes_it():
    model = meta()
    metrics, _ = evaluate_split(rows(), CONFIDENT, model, fit_temperature=True)
    temperature = model["temperature"]
    assert (
        temperature == pytest.approx(statistics.fit_temperature(CONFIDENT, np.array([0, 1, 0, 1, 0, 0])))
        and temperature > 2
    )
    assert metrics["nll"] < evaluate_split(rows(), CONFIDENT, meta(), fit_temperature=False)[0]["nll"]
    on_test, _ = evaluate_split(rows(["a", "b"]), CONFIDENT[:2], model, fit_temperature=False)
    assert model["temperature"] == temperature
    assert on_test["nll"] == pytest.approx(np.log1p(np.exp(-9 / temperature)))


def test_validation_gives_the_calibration_and_test_is_judged_by_it():
    random = np.random.default_rng(0)
    labels, sure = random.choice(["a", "b"], 600), 6 * random.normal(0, 2, 600)
    right = random.random(600) < 1 / (1 + np.exp(-np.abs(sure) / 6))
    toward_b = np.where((labels == "b") == right, np.abs(sure), -np.abs(sure))  # six times too sure
    logits, model = np.stack([-toward_b / 2, toward_b / 2], 1).astype(np.float32), meta()
    evaluate_split(rows(labels[:400].tolist()), logits[:400], model, fit_temperature=True)
    json.dumps(model, allow_nan=False)
    fitted = Calibration.from_dict(model["calibration"]["all"], 2)
    assert fitted.temperatures == pytest.approx([6] * 4, rel=0.3)
    test = rows(labels[400:].tolist())
    metrics, _ = evaluate_split(test, logits[400:], model, fit_temperature=False)
    before, _ = evaluate_split(test, logits[400:], meta(), fit_temperature=False)
    assert metrics["ece"] < before["ece"] / 2 and metrics["nll"] < before["nll"]
    assert metrics["accuracy"] == before["accuracy"] and "coverage_at_95_precision" not in before
    assert 0 < metrics["coverage_at_95_precision"] < 1 and metrics["precision_at_95"] > 0.85


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what would be written, once `evaluate` has run."""
    content: dict[str, Any] = {}

    def keep(model: Any, metrics: Any, parts: Any, folder: Path, record: Record) -> None:
        content.update(metrics=metrics, parts=parts)

    monkeypatch.setattr(evaluate, "save_results", keep)
    return content


@pytest.mark.parametrize("splits", [("train", "val", "test"), ("train", "val")])
def test_validation_is_evaluated_first_then_test_and_a_side_without_rows_is_left_out(saved, splits):
    parts = [rows().drop(["split"]).append_column("split", pa.array([split] * 6)) for split in splits]
    table = pa.concat_tables([part.select(PREDICTION_COLUMNS) for part in reversed(parts)])
    asked: list[str] = []

    def loader(split: str, epoch: int | None, style: Any, drawn: bool, **situation: Any) -> str:
        assert epoch is None and style is None and not drawn, "in the style of evaluation, not shuffled"
        assert situation == {"damage": None, "has_text": True}
        asked.append(split)
        return split

    trainer = SimpleNamespace(lightning_module=None, strategy=SimpleNamespace(root_device="cpu"))
    trainer.predict = lambda _task, _loader: [{"all": part} for part in torch.tensor(CONFIDENT).split(4)]
    model = SimpleNamespace(meta=meta(), net=SimpleNamespace(fits_members=False))
    record = Record(None, configured(*TEXT_ONLY, "data.path=x"), [])
    datamodule = SimpleNamespace(loader=loader, features=None, sources=Sources())
    evaluate.evaluate(model, datamodule, trainer, table, Path(), record)
    assert asked == [*saved["metrics"]] == list(splits[1:])
    assert [part["split"].unique().to_pylist() for part in saved["parts"]] == [[split] for split in splits[1:]]
    assert model.meta["temperature"] > 2 and record.content["timings"]["evaluating_seconds"] >= 0


@pytest.mark.parametrize("kept", [None, "features", "readings"])
def test_milliseconds_a_sample_are_those_of_the_test_side_where_nothing_was_kept(saved, monkeypatch, kept):
    clock = [0.0]
    monkeypatch.setattr(evaluate.time, "monotonic", lambda: clock[0])
    parts = [rows().drop(["split"]).append_column("split", pa.array([split] * 6)) for split in ("val", "test")]
    table = pa.concat_tables([part.select(PREDICTION_COLUMNS) for part in parts])

    def predict(_task: Any, split: str) -> list[dict[str, torch.Tensor]]:
        clock[0] += {"val": 100.0, "test": 3.0}[split]
        return [{"all": torch.tensor(CONFIDENT)}]

    trainer = SimpleNamespace(lightning_module=None, strategy=SimpleNamespace(root_device="cpu"), predict=predict)
    sources = Sources(**({kept: {}} if kept else {}))
    datamodule = SimpleNamespace(loader=lambda split, *_, **__: split, features=sources.features, sources=sources)
    model = SimpleNamespace(meta=meta(), net=SimpleNamespace(fits_members=False))
    record = Record(None, configured(*TEXT_ONLY, "data.path=x"), [])
    evaluate.evaluate(model, datamodule, trainer, table, Path(), record)
    expected = {} if kept else {"ms_per_sample": 500.0}
    assert {name: value for name, value in record.content["timings"].items() if name == "ms_per_sample"} == expected
