"""A fused network and its pairs -> the network of its best epoch, its metrics and its predictions."""

import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, RichProgressBar

from fusion.datamodule import SnippetDataModule
from fusion.model import checkpoint
from fusion.results import plots, statistics
from fusion.results.record import Record, write_predictions
from fusion.training import setup as learning
from fusion.training.callbacks import MetricsLogger, SaveBest

log = logging.getLogger(__name__)

KEPT = ["id", "split", "group", "label", "source", "lines"]  # of each row that is judged

ACCELERATOR = {"auto": "auto", "cpu": "cpu", "cuda": "gpu"}
# Lightning's hints that are no news to a user of fusion, and a deprecation inside of it
warnings.filterwarnings(
    "ignore", message=".*(does not have many workers|LeafSpec|has no logger configured|in eval mode at the start).*"
)


def fit(
    config: dict[str, Any], model: checkpoint.Model, pairs: SnippetDataModule, folder: Path, record: Record
) -> pl.Trainer:
    """Trains model.net in place; its best epoch is left in it and in RUN/model."""
    learner, stages = learning.make_task(config, model.net, pairs), learning.make_freeze_schedule(config, model.net)
    if config["lr"] == "search":
        learning.find_rate(config, learner, stages, pairs, folder, record)
    journal, on_terminal = MetricsLogger(folder), sys.stderr.isatty()
    callbacks: list[pl.Callback] = [stages, SaveBest(lambda: checkpoint.save(model, folder / "model")), journal]
    if config["patience"] is not None:
        callbacks.append(EarlyStopping("val_loss", patience=config["patience"]))
    if on_terminal:
        callbacks.append(RichProgressBar())
    trainer = pl.Trainer(
        max_epochs=config["epochs"],
        accelerator=ACCELERATOR[config["device"]],
        devices=1,
        precision=learning.resolve_precision(config),
        gradient_clip_val=config["clip"],
        callbacks=callbacks,
        enable_progress_bar=on_terminal,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=folder,
    )
    if not any(parameter.requires_grad for parameter in model.net.parameters()):  # fitted when it was started
        trainer.strategy.connect(learner)
        record.note(epochs_trained=0, device=str(trainer.strategy.root_device))
        return trainer
    clock = time.monotonic()
    trainer.fit(learner, datamodule=pairs)
    model.net.load_state_dict(checkpoint.load(folder / "model").net.state_dict())
    record.content["timings"]["training_seconds"] = round(time.monotonic() - clock, 1)
    record.note(epochs_trained=len(journal.epochs), device=str(trainer.strategy.root_device))
    if rates := [epoch["tokens_per_second"] for epoch in journal.epochs if "tokens_per_second" in epoch]:
        record.content["timings"]["tokens_per_second"] = int(np.median(rates))
    plots.curves(journal.epochs, folder / "plots" / "curves.png")
    learning.finish_batchnorm(learner, stages, pairs, trainer.strategy.root_device, record)
    return trainer


def evaluate(
    model: checkpoint.Model,
    pairs: SnippetDataModule,
    trainer: pl.Trainer,
    table: pa.Table,
    folder: Path,
    record: Record,
) -> None:
    """Validation and test once, with the best epoch; the temperature is fitted on validation alone."""
    clock, parts, metrics = time.monotonic(), [], {}
    for side in ("val", "test"):
        rows = table.select(KEPT).filter(pc.equal(table["split"], side))
        if not rows.num_rows:
            continue
        logits = torch.cat(trainer.predict(trainer.lightning_module, pairs.loader(side, None)))  # type: ignore[arg-type]
        metrics[side], predictions = judge(rows, logits.cpu().numpy(), model.meta, fit_temperature=side == "val")
        parts.append(predictions)
    record.content["timings"]["evaluating_seconds"] = round(time.monotonic() - clock, 1)
    keep(model, metrics, parts, folder, record)


def keep(model: checkpoint.Model, metrics: dict[str, Any], parts: list[pa.Table], folder: Path, record: Record) -> None:
    """What `judge` said of each side, validation first -> RUN/model, predictions, a plot, run.json and a line."""
    checkpoint.save(model, folder / "model")
    record.note(metrics=metrics, temperature=model.meta["temperature"])
    write_predictions(folder, pa.concat_tables(parts))
    truth, answers = parts[-1]["label"].to_pylist(), parts[-1]["predicted"].to_pylist()
    plots.confusion(truth, answers, model.meta["classes"], folder / "plots" / "confusion.png")
    side, reached = [*metrics.items()][-1]
    log.info(
        "%s: accuracy %.3f [%.3f, %.3f], macro-F1 %.3f, weighted F1 %.3f on %d snippets; run folder %s",
        side,
        reached["accuracy"],
        *reached["accuracy_95"],
        reached["f1_macro"],
        reached["f1_weighted"],
        reached["n"],
        folder,
    )


def judge(
    rows: pa.Table, logits: np.ndarray, meta: dict[str, Any], fit_temperature: bool
) -> tuple[dict[str, Any], pa.Table]:
    """Rows and their logits (N, C) -> metrics, and the rows as predictions.parquet keeps them."""
    classes, labels = meta["classes"], rows["label"].to_pylist()
    number = {label: i for i, label in enumerate(classes)}
    truth = np.array([number[label] for label in labels])
    if fit_temperature:
        meta["temperature"] = statistics.fit_temperature(logits, truth)
    predicted = [classes[i] for i in logits.argmax(1)]
    metrics = statistics.scores(labels, predicted) | {
        "nll": statistics.negative_log_likelihood(logits, truth, meta["temperature"]),
        "ece": statistics.expected_calibration_error(logits, truth, meta["temperature"]),
    }
    kept = rows.append_column("predicted", pa.array(predicted))
    return metrics, kept.append_column("logits", pa.array(list(logits)))
