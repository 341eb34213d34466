"""Lightning callbacks: what learns in an epoch, metrics.csv and a line after it, the best network saved."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from fusion.results.record import write_metrics
from fusion.training import freezing
from fusion.training.loggers import log_epoch

log = logging.getLogger(__name__)


class MetricsLogger(pl.Callback):
    """Writes metrics.csv, one line an epoch, and logs the same as a plain line."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.epochs: list[dict[str, float]] = []
        self._started = self._trained = time.monotonic()
        self._tokens = 0
        self._norms: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started, self._tokens, self._norms = time.monotonic(), 0, []

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if trainer.gradient_clip_val:  # else nobody looks at the norm, which costs a pass over all gradients
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            self._norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
                           batch_idx: int) -> None:  # fmt: skip
        self._trained = time.monotonic()
        if "text" in batch:
            self._tokens += int(batch["text"]["attention_mask"].sum())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        seconds = time.monotonic() - self._started
        epoch = {"epoch": trainer.current_epoch + 1, **values, "lr": rate, "seconds": round(seconds, 1)}
        if self._tokens:  # validation, which comes after the last batch, is not counted
            epoch["tokens_per_second"] = round(self._tokens / max(self._trained - self._started, 1e-9))
        if self._norms:
            epoch["gradient_norm"] = round(sum(self._norms) / len(self._norms), 4)
        self.epochs.append(epoch)
        write_metrics(self.folder, self.epochs)
        log_epoch(trainer.loggers, epoch, trainer.current_epoch + 1)
        log.info(
            "epoch %d of %d: training loss %.3f, accuracy %.3f; validation loss %.3f, accuracy %.3f; %.0f s",
            trainer.current_epoch + 1, trainer.max_epochs, values["train_loss"], values["train_accuracy"],
            values["val_loss"], values["val_accuracy"], seconds,
        )  # fmt: skip


BEST = "val_f1_macro"  # decides which epoch is saved, and when training stops early: one measure for both


class SaveBest(pl.Callback):
    """Calls `save` whenever the validation macro-F1 is higher than ever, so that an interrupted run keeps its best."""

    def __init__(self, save: Callable[[], None]):
        self.save, self.best = save, -1.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        reached = float(trainer.callback_metrics[BEST])
        if reached > self.best:
            self.best = reached
            self.save()


class FreezeSchedule(pl.Callback):
    """At the start of each epoch: which layers of each branch learn, and how they normalise."""

    def __init__(self, branches: Mapping[str, Any], options: Mapping[str, Any]):
        """branches: by name; options: conf/text and conf/backbone of each. Raises UserError for too many layers."""
        self.branches, self.policy, self.stages = branches, {}, {}
        for name, branch in branches.items():
            self.policy[name] = getattr(options[name], "batchnorm", "adapt")
            option = {"image": "backbone"}.get(name, name)
            self.stages[name] = freezing.stages(options[name].freeze, len(freezing.layers(branch)), option)

    def apply(self, epoch: int) -> None:
        """Put the branches into training mode as they are in this epoch, counted from 1."""
        for name, branch in self.branches.items():
            branch.train()
            trainable = max((start, count) for start, count in self.stages[name].items() if start <= epoch)[1]
            freezing.set_trainable(branch, trainable, self.policy[name])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        self.apply(epoch)
        for name, stages in self.stages.items():
            total = len(freezing.layers(self.branches[name]))
            if epoch in stages and (epoch > 1 or stages[1] < total):
                log.info("epoch %d: %d of the %d layers of the %s branch learn", epoch, stages[epoch], total, name)
