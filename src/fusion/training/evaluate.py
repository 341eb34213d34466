"""A trained network -> its predictions on validation and test, its metrics, its calibration."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch

from fusion.datamodule import SnippetDataModule
from fusion.model import checkpoint
from fusion.results import plots, statistics
from fusion.results.calibration import calibration_scores, fit_calibration, read_calibrations
from fusion.results.record import Record, write_predictions

log = logging.getLogger(__name__)

PREDICTION_COLUMNS = ["id", "split", "group", "label", "source", "lines"]  # of the table, kept beside the logits


def evaluate(
    model: checkpoint.Model,
    datamodule: SnippetDataModule,
    trainer: pl.Trainer,
    table: pa.Table,
    folder: Path,
    record: Record,
) -> None:
    """Evaluate validation and test once, with the best epoch; the calibration is fitted on validation alone."""
    clock, parts, metrics = time.monotonic(), [], {}
    for split in ("val", "test"):
        rows = table.select(PREDICTION_COLUMNS).filter(pc.equal(table["split"], split))
        if not rows.num_rows:
            continue
        logits = torch.cat(trainer.predict(trainer.lightning_module, datamodule.loader(split, None)))  # type: ignore[arg-type]
        metrics[split], predictions = evaluate_split(
            rows, logits.cpu().numpy(), model.meta, fit_temperature=split == "val"
        )
        parts.append(predictions)
    record.content["timings"]["evaluating_seconds"] = round(time.monotonic() - clock, 1)
    save_results(model, metrics, parts, folder, record)


def evaluate_split(
    rows: pa.Table, logits: np.ndarray, meta: dict[str, Any], fit_temperature: bool
) -> tuple[dict[str, Any], pa.Table]:
    """Rows and their logits (N, C) -> metrics, and the rows as predictions.parquet has them.

    fit_temperature: the temperature and the calibration of `meta` are fitted on these rows first.
    """
    classes, labels = meta["classes"], rows["label"].to_pylist()
    number = {label: i for i, label in enumerate(classes)}
    truth, lines = np.array([number[label] for label in labels]), rows["lines"].to_numpy()
    if fit_temperature:
        meta["temperature"] = statistics.fit_temperature(logits, truth)
        groups = np.array(rows["group"].to_pylist())
        meta["calibration"] = {"all": fit_calibration(logits, truth, lines, groups).to_dict()}
    predicted = [classes[i] for i in logits.argmax(1)]
    calibration = read_calibrations(meta)["all"]
    metrics = statistics.scores(labels, predicted) | calibration_scores(calibration, logits, truth, lines)
    rows = rows.append_column("predicted", pa.array(predicted))
    return metrics, rows.append_column("logits", pa.array(list(logits)))


def save_results(
    model: checkpoint.Model, metrics: dict[str, Any], parts: list[pa.Table], folder: Path, record: Record
) -> None:
    """Write what was reached: RUN/model, predictions.parquet, the confusion matrix, run.json and a line of the log.

    metrics and parts: what `evaluate_split` returned for each split, validation first.
    """
    checkpoint.save(model, folder / "model")
    record.update(metrics=metrics, temperature=model.meta["temperature"])
    write_predictions(folder, pa.concat_tables(parts))
    truth, predicted = parts[-1]["label"].to_pylist(), parts[-1]["predicted"].to_pylist()
    plots.confusion(truth, predicted, model.meta["classes"], folder / "plots" / "confusion.png")
    split, scores = [*metrics.items()][-1]
    log.info(
        "%s: accuracy %.3f [%.3f, %.3f], macro-F1 %.3f, weighted F1 %.3f on %d snippets; run folder %s",
        split,
        scores["accuracy"],
        *scores["accuracy_95"],
        scores["f1_macro"],
        scores["f1_weighted"],
        scores["n"],
        folder,
    )
