"""A fused network and its data -> the network of its best epoch, trained by Lightning."""

import logging
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, RichProgressBar
from pytorch_lightning.loggers import Logger

from fusion.config.schema import Config
from fusion.datamodule import SnippetDataModule
from fusion.model import checkpoint
from fusion.results import plots
from fusion.results.record import Record
from fusion.training.batchnorm import finish_statistics
from fusion.training.callbacks import BEST, MetricsLogger, SaveBest
from fusion.training.live_line import LiveLine
from fusion.training.setup import find_lr, make_freeze_schedule, make_task, resolve_precision
from fusion.training.sweep_progress import current_job

log = logging.getLogger(__name__)

ACCELERATOR = {"auto": "auto", "cpu": "cpu", "cuda": "gpu"}
# Lightning's hints that are no news to a user of fusion, and a deprecation inside of it
warnings.filterwarnings(
    "ignore", message=".*(does not have many workers|LeafSpec|has no logger configured|in eval mode at the start).*"
)


def fit(
    config: Config, model: checkpoint.Model, datamodule: SnippetDataModule, folder: Path, record: Record,
    logger: Logger | None = None,
) -> pl.Trainer:  # fmt: skip
    """Train model.net in place; its best epoch is left in it and in RUN/model."""
    task, freezing = make_task(config, model.net, datamodule), make_freeze_schedule(config, model.net)
    if config.lr == "search":
        find_lr(config, task, freezing, datamodule, folder, record)
    metrics, save_best = MetricsLogger(folder), SaveBest(lambda: checkpoint.save(model, folder / "model"))
    trainer = make_trainer(
        config, folder, [freezing, save_best, metrics], max_epochs=config.epochs, devices=1, enable_checkpointing=False,
        reload_dataloaders_every_n_epochs=1, logger=logger,
    )  # fmt: skip
    device = trainer.strategy.root_device
    record.resolve(device=str(device))
    if not any(parameter.requires_grad for parameter in model.net.parameters()):  # fitted when it was created
        trainer.strategy.connect(task)
        record.update(epochs_trained=0)
        return trainer
    clock = time.monotonic()
    trainer.fit(task, datamodule=datamodule)
    # the best epoch lies on the disk, so that an interrupted run has it too; the network in memory is the last one
    model.net.load_state_dict(checkpoint.load(folder / "model").net.state_dict())
    record.content["timings"]["training_seconds"] = round(time.monotonic() - clock, 1)
    record.update(epochs_trained=len(metrics.epochs))
    if rates := [epoch["tokens_per_second"] for epoch in metrics.epochs if "tokens_per_second" in epoch]:
        record.content["timings"]["tokens_per_second"] = int(np.median(rates))
    plots.curves(metrics.epochs, folder / "plots" / "curves.png")
    finish_statistics(task, freezing, datamodule, device, record)
    return trainer


def make_trainer(
    config: Config, folder: Path, callbacks: Iterable[pl.Callback], show_progress: bool = True,
    logger: Logger | None = None, **settings: Any,
) -> pl.Trainer:  # fmt: skip
    """Return the trainer that a configuration asks for; settings: what else pl.Trainer takes.

    It stops early if `patience` says so and, on a terminal, shows its progress.
    """
    used, on_terminal = [*callbacks], show_progress and sys.stderr.isatty()
    if (job := current_job()) is not None:
        used.append(LiveLine(job))
        on_terminal = False  # a line is all that a job of a sweep draws
    if config.patience is not None:
        used.append(EarlyStopping(BEST, mode="max", patience=config.patience))
    if on_terminal:
        used.append(RichProgressBar())
    return pl.Trainer(
        accelerator=ACCELERATOR[config.device],
        precision=resolve_precision(config),
        gradient_clip_val=config.gradient_clip_val,
        callbacks=used,
        enable_progress_bar=on_terminal,
        enable_model_summary=False,
        logger=logger or False,
        log_every_n_steps=1,  # Lightning warns of epochs shorter than that, though nothing is logged by step
        num_sanity_val_steps=0,
        default_root_dir=folder,
        **settings,
    )
