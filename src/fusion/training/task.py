"""A network and how it learns: loss, optimiser, what is logged."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from fusion.config.errors import UserError
from fusion.config.options import to_dict
from fusion.config.training import Loss, OptimizerOptions, Schedule
from fusion.model.late_fusion import ALL, NETWORK, Answers, LateFusion
from fusion.training import losses, schedules
from fusion.training.freezing import layerwise_lr

# fused: one pass over a parameter instead of ten; on a CPU 8 ms instead of 57 for 4 million of them
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "sgd": partial(torch.optim.SGD, fused=True),
}
PLAIN, CONSTANT = Loss(), Schedule()  # plain cross-entropy; rates that stay as they are


class ClassificationTask(pl.LightningModule):
    """Cross-entropy, one learning rate a branch and, if asked for, a smaller one for each earlier layer of it."""

    def __init__(
        self,
        net: LateFusion,
        classes: int,
        lr: float,
        branch_lr: Mapping[str, float],
        optimizer: OptimizerOptions,
        *,
        lr_decay: Mapping[str, float] = MappingProxyType({}),
        schedule: Schedule = CONSTANT,
        loss: Loss = PLAIN,
        class_weights: Sequence[float] | None = None,
        augment: Callable[..., torch.Tensor] | None = None,
    ):
        super().__init__()
        self.net, self.lr, self.branch_lr, self.optimizer = net, lr, dict(branch_lr), optimizer
        self.lr_decay, self.schedule, self.smoothing = dict(lr_decay), schedule, loss.label_smoothing
        self.penalty = losses.HeadPenalty(net.head, loss.l1, loss.l2)
        self.augment = augment  # pictures, ids and epoch -> pictures
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)
        metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                "f1_weighted": MulticlassF1Score(classes, average="weighted"),
                "f1_macro": MulticlassF1Score(classes, average="macro"),
            }
        )
        self.metrics = nn.ModuleDict({f"{split}_metrics": metrics.clone(f"{split}_") for split in ("train", "val")})
        self.losses = nn.ModuleDict({f"{split}_losses": MeanMetric() for split in ("train", "val")})

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        return self.net(batch)  # (B, C)

    def training_step(self, batch: Mapping[str, Any], index: int) -> torch.Tensor:
        return self._step(self.augmented(batch), "train", index)

    def validation_step(self, batch: Mapping[str, Any], index: int) -> None:
        self._step(batch, "val", index)

    def predict_step(self, batch: Mapping[str, Any], _index: int) -> Answers:
        return {of: logits.float() for of, logits in self.net.answers(batch).items()}  # (B, C) each

    def augmented(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a training batch, which lies on its device, with its pictures changed."""
        if self.augment is None or "image" not in batch:
            return batch
        return {**batch, "image": self.augment(batch["image"], batch["id"], self.current_epoch)}

    def training_loss(self, answers: Answers, batch: Mapping[str, Any]) -> torch.Tensor:
        """Answers of the last forward pass, each (B, C) -> (): weighted, smoothed, with penalties.

        Each branch with a head of its own has a loss of its own, over the rows that have its modality.
        """
        label = batch["label"]
        loss = torch.zeros((), device=label.device) if self.net.averages else self._cross_entropy(answers[ALL], label)
        weight = 1.0 if self.net.averages else self.net.auxiliary
        for of in self.net.alone:
            has = batch["present"][of]
            if has.any():
                loss = loss + weight * self._cross_entropy(answers[of][has], label[has])
        return loss + self.penalty(len(label)) if self.penalty.active else loss

    def _cross_entropy(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        weight: Any = self.class_weights
        return F.cross_entropy(logits, label, weight, label_smoothing=self.smoothing)

    def _step(self, batch: Mapping[str, Any], split: str, index: int) -> torch.Tensor:
        answers, label = self.net.answers(batch), batch["label"]
        # what is fitted without training has no part in telling which epoch is the best
        logits = answers.get(NETWORK, answers[ALL])
        # validation is judged by the plain loss, so that runs of other weights and penalties can be compared
        loss = self.training_loss(answers, batch) if split == "train" else F.cross_entropy(logits, label)
        if not torch.isfinite(loss):
            raise UserError(
                f"The {split} loss is {loss.item()} at step {self.global_step} with lr={self.lr:g}; lower lr."
            )
        metrics, mean = self.metrics[f"{split}_metrics"], self.losses[f"{split}_losses"]
        metrics.update(logits, label)  # type: ignore[operator]
        mean.update(loss.detach(), len(label))  # type: ignore[operator]
        # loggers get what metrics.csv does, from MetricsLogger
        if index == 0:  # once an epoch: Lightning asks the metrics at its end, and each call costs it a millisecond
            self.log(f"{split}_loss", mean, on_step=False, on_epoch=True, prog_bar=True, logger=False)  # type: ignore[arg-type]
            self.log_dict(metrics, on_step=False, on_epoch=True, logger=False)  # type: ignore[arg-type]
        return loss

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser, with a group for the head and for each layer that has a rate of its own."""
        groups: list[dict[str, Any]] = [{"params": self.net.head_parameters(), "lr": self.lr}]
        for name, branch in self.net.branches.items():
            lr = self.branch_lr.get(name, self.lr)
            for parameters, share in layerwise_lr(branch, self.lr_decay.get(name, 1.0)):
                groups.append({"params": parameters, "lr": lr * share})
        fields = to_dict(self.optimizer)
        return OPTIMIZERS[fields.pop("name")](groups, lr=self.lr, **fields)

    def configure_optimizers(self) -> Any:
        optimizer, trainer = self.make_optimizer(), self._trainer
        ends = trainer is not None and self.schedule.name in ("auto", "cosine")
        steps = trainer.estimated_stepping_batches if ends else math.inf  # type: ignore[union-attr]
        return [optimizer], schedules.schedulers(self.schedule, optimizer, steps)
