"""What happens at the end of an epoch: a line and metrics.csv, the best network kept."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytorch_lightning as pl

from fusion.results.record import write_metrics

log = logging.getLogger(__name__)


class Journal(pl.Callback):
    """One dict an epoch -> metrics.csv and, off a terminal, a plain line."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.epochs: list[dict[str, float]] = []
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        seconds = time.monotonic() - self._started
        self.epochs.append({"epoch": trainer.current_epoch + 1, **values, "lr": rate, "seconds": round(seconds, 1)})
        write_metrics(self.folder, self.epochs)
        log.info(
            "epoch %d of %d: training loss %.3f, accuracy %.3f; validation loss %.3f, accuracy %.3f; %.0f s",
            trainer.current_epoch + 1, trainer.max_epochs, values["train_loss"], values["train_accuracy"],
            values["val_loss"], values["val_accuracy"], seconds,
        )  # fmt: skip


class KeepBest(pl.Callback):
    """Calls `save` whenever the validation macro-F1 is higher than ever: an interrupted run keeps its best."""

    def __init__(self, save: Callable[[], None]):
        self.save, self.best = save, -1.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        reached = float(trainer.callback_metrics["val_f1_macro"])
        if reached > self.best:
            self.best = reached
            self.save()
