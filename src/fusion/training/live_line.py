"""The live line of a job of a sweep while it trains: which epoch or step it is at, and what validation said last."""

import pytorch_lightning as pl

from fusion.training.sweep_progress import SweepJob


class LiveLine(pl.Callback):
    """Draws the line anew as an epoch begins and after each validation."""

    def __init__(self, job: SweepJob):
        self.job = job

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.job.show(state_of(trainer))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.job.show(state_of(trainer))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.job.show("evaluating")


def state_of(trainer: pl.Trainer) -> str:
    """Return "epoch 2 of 5 · validation 0.812", or the same of steps where there are no epochs."""
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        state = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
    else:
        state = f"step {trainer.global_step} of {trainer.max_steps}"
    accuracy = trainer.callback_metrics.get("val_accuracy")
    return state if accuracy is None else f"{state} · validation {float(accuracy):.3f}"
