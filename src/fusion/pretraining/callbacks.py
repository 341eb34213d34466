"""What happens beside a step of pretraining: the rate searched for, weights averaged, figures written, states saved."""

import copy
import itertools
import logging
import math
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, WeightAveraging

from fusion.config.errors import UserError
from fusion.pretraining.task import PretrainingTask
from fusion.results import plots
from fusion.results.record import Record, write_metrics
from fusion.training.loggers import log_epoch
from fusion.training.lr_finder import WINDOW, LRFinderResult, lr_range_test

log = logging.getLogger(__name__)

EMA_DECAY = 0.999
FIGURES = ("train_loss", "character_loss", "train_accuracy")  # means over the steps since the last evaluation


class WarmedUpEMA(WeightAveraging):
    """The average of the weights, which is evaluated and kept; it follows faster at first.

    Not Lightning's EMAWeightAveraging, whose decay is the same from the first step on: an average of 0.999 holds 61 %
    of the random weights of the beginning after 500 steps, and an evaluation of it says nothing. It would also
    round the counters of batch normalisation through floats; here they are copied, and its statistics averaged.
    """

    def __init__(self) -> None:
        super().__init__(multi_avg_fn=_update_average)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.n_averaged.fill_(1)  # the weights of the beginning count; else they are overwritten

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hand the average over, as on_train_end does, which a run resumed at its last step never comes to."""
        self._copy_average_to_current(pl_module)


def _update_average(averages: list[torch.Tensor], values: list[torch.Tensor], num_averaged: torch.Tensor | int) -> None:
    count = int(num_averaged)
    if averages[0].is_floating_point():
        torch._foreach_lerp_(averages, values, 1 - min(EMA_DECAY, (1 + count) / (10 + count)))
    else:
        torch._foreach_copy_(averages, values)


class MetricsLogger(pl.Callback):
    """Writes metrics.csv, one line an evaluation, the curves, and the same as a plain line."""

    def __init__(self, record: Record | None, batch_size: int):
        """record: None in processes that write nothing; batch_size: of all processes together."""
        self.record, self.batch_size = record, batch_size
        self.history: list[dict[str, float]] = []
        self.totals, self.steps, self.lr = [0.0] * len(FIGURES), 0, 0.0
        self._started = self._before = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: PretrainingTask) -> None:  # type: ignore[override]
        self._started, self._before = time.monotonic(), self.history[-1]["seconds"] if self.history else 0.0
        if self.record is not None:
            self.record.resolve(lr=pl_module.lr)
        if trainer.global_step and self.record is not None:
            log.info("going on at step %d of %d, lr %g", trainer.global_step, trainer.max_steps, pl_module.lr)

    def on_before_optimizer_step(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: PretrainingTask, optimizer: torch.optim.Optimizer
    ) -> None:
        """Add up a step's figures, means over all processes. Raises UserError for a loss that is no number."""
        figures: Any = trainer.strategy.reduce(pl_module.figures, reduce_op="mean")
        values, self.lr = figures.tolist(), optimizer.param_groups[0]["lr"]
        if not math.isfinite(values[0]):
            raise UserError(
                f"The training loss is {values[0]} at step {trainer.global_step} with lr={self.lr:g}; lower lr."
            )
        self.totals = [total + value for total, value in zip(self.totals, values, strict=True)]
        self.steps += 1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        step, seconds = trainer.global_step, self._before + time.monotonic() - self._started
        means = [round(total / self.steps, 5) for total in self.totals]
        reached = {name: round(float(value), 4) for name, value in trainer.callback_metrics.items()}
        facts = {"step": step, "pictures": step * self.batch_size, "lr": self.lr}
        facts |= dict(zip(FIGURES, means, strict=True))
        self.history.append(facts | reached | {"seconds": round(seconds, 1)})
        self.totals, self.steps = [0.0] * len(FIGURES), 0
        if self.record is not None and self.record.folder is not None:
            self._write(self.record.folder, trainer.max_steps)
            log_epoch(trainer.loggers, self.history[-1], step)

    def _write(self, folder: Path, steps: int) -> None:
        write_metrics(folder, self.history)
        plots.learning(self.history, folder / "plots" / "curves.png")
        last = self.history[-1]
        log.info(
            "step %d of %d, %d pictures: training loss %.3f, accuracy %.3f, character loss %.4f; "
            "validation accuracy %.3f%s; %.0f s",
            last["step"], steps, last["pictures"], last["train_loss"], last["train_accuracy"], last["character_loss"],
            last["val_accuracy"], _interval(last), last["seconds"],
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history, "totals": self.totals, "steps": self.steps, "lr": self.lr}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history, self.totals = state_dict["history"], state_dict["totals"]
        self.steps, self.lr = state_dict["steps"], state_dict["lr"]


def _interval(evaluation: Mapping[str, float]) -> str:
    """Return the interval of an evaluation that has one."""
    return f" [{evaluation['val_low']:.3f}, {evaluation['val_high']:.3f}]" if "val_low" in evaluation else ""


class SaveState(Checkpoint):
    """Saves what a run is resumed from, every so many steps and at the end; evaluates at the end.

    ModelCheckpoint saves a step before its evaluation, which a resumed run would then leave out. As a Checkpoint it
    is called after all other callbacks.
    """

    def __init__(self, path: Path, every: int, eval_every: int):
        self.path, self.every, self.eval_every = path, every, eval_every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step >= trainer.max_steps:
            trainer.should_stop = True  # after an evaluation, also at a step that has none by itself
        elif step % self.every == 0 and step % self.eval_every:
            trainer.save_checkpoint(self.path, weights_only=False)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step % self.every == 0 or trainer.should_stop:
            trainer.save_checkpoint(self.path, weights_only=False)


class OwnSignalHandler(pl.Callback):
    """SIGTERM stops a run as it did before: Lightning's handler waits for the other processes, which are stopping too.

    One of them then loses its connection, and the run counts as failed instead of interrupted.
    """

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


class LRSearch(pl.Callback):
    """lr=search: before the first step a copy of the task is trained at rates that rise; the best is the task's."""

    def __init__(self, batches: Iterable[Mapping[str, torch.Tensor]], folder: Path | None):
        """batches: at least WINDOW, this process's share of each; folder: of its curve."""
        self.batches, self.folder = batches, folder

    def setup(self, trainer: pl.Trainer, pl_module: PretrainingTask, stage: str) -> None:  # type: ignore[override]
        result = self._search(pl_module, trainer)
        pl_module.lr = trainer.strategy.broadcast(result.chosen)
        log.info("learning rate %g, found by a range test of %d steps", pl_module.lr, len(result.rates))
        if self.folder is not None:
            plots.rates(result.rates, result.losses, result.chosen, self.folder / "plots" / "learning_rate.png")

    def _search(self, task: PretrainingTask, trainer: pl.Trainer) -> LRFinderResult:
        strategy: Any = trainer.strategy
        trial = copy.deepcopy(task).to(strategy.root_device)
        optimizer = trial.make_optimizer(0.0, 0.0)
        window = [{name: value.to(strategy.root_device) for name, value in batch.items()}
                  for batch in itertools.islice(self.batches, WINDOW)]  # fmt: skip

        def step(number: int, lr: float) -> float:
            for group in optimizer.param_groups:
                group["lr"] = lr * group["scale"]
            with trainer.precision_plugin.forward_context():
                label_loss, character_loss, _ = trial.losses(window[number])
            (label_loss + task.character_head.WEIGHT * character_loss).backward()
            if trainer.world_size > 1:  # the copy is not the module whose gradients Lightning averages
                average_gradients(trial, strategy)
            optimizer.step()
            optimizer.zero_grad()
            label, character = strategy.reduce(torch.stack([label_loss, character_loss]).detach()).tolist()
            return float(label + task.character_head.WEIGHT * character)

        return lr_range_test(step)


def average_gradients(module: torch.nn.Module, strategy: Any) -> None:
    """Replace the gradients of each process by their mean over all of them, in one message."""
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    means = strategy.reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduce_op="mean")
    for gradient, mean in zip(gradients, means.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))
