"""A backbone, two heads and what they learn from: the label of a picture and the characters in each part of it.

The rate rises over the first steps, stays, and falls to 0 over the last share of them (Hägele et al. 2024): as
good as a cosine, and a run can be made longer or shorter while it runs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR

from fusion.config.errors import UserError
from fusion.model.late_fusion import LateFusion
from fusion.pretraining.character_heads import Occurring, Standing
from fusion.results import statistics
from fusion.screenshots.style import sample_key

HEAD_LR_SCALE = 0.1  # a thousand features, all positive, make a layer on them take steps far too large


def warmup_stable_decay(step: int, steps: int, warmup: int, cooldown: float) -> float:
    """Return the share of the learning rate that a step has: up over `warmup` steps, 1, then down to 0.

    cooldown: share of `steps` over which it falls.
    """
    rising = (step + 1) / max(1, warmup)
    falling = (steps - step) / max(1.0, cooldown * steps)
    return max(0.0, min(1.0, rising, falling))


class PretrainingTask(pl.LightningModule):
    """Cross-entropy of the label, and of which characters stand in each part of the picture."""

    def __init__(
        self, net: LateFusion, character_head: Occurring | Standing, classes: list[str],
        schedule: Callable[[int], float], *, lr: float, weight_decay: float, label_smoothing: float, seed: int,
        keep_lr: bool = False,
    ):  # fmt: skip
        """schedule: step -> share of lr; keep_lr: a resumed run goes on at the rate that its state has."""
        super().__init__()
        self.net, self.character_head, self.classes, self.schedule = net, character_head, classes, schedule
        self.lr, self.weight_decay, self.label_smoothing, self.seed = lr, weight_decay, label_smoothing, seed
        self.keep_lr = keep_lr
        self.figures = torch.zeros(3)  # of the last step: loss, loss of the characters, accuracy
        self._logits: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def losses(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch -> loss of the label (), loss of the characters (), accuracy ()."""
        branch: Any = self.net.branches["image"]
        with self.character_head.watching(branch.net):
            maps = branch.net.forward_features(branch.normalised(batch["image"]))  # (B, M, h, w)
        logits = self.net.head([branch.pooled(maps)], None).float()  # (B, C)
        label_loss = F.cross_entropy(logits, batch["label"], label_smoothing=self.label_smoothing)
        character_loss = self.character_head.loss(maps, batch["characters"])
        return label_loss, character_loss, (logits.argmax(1) == batch["label"]).float().mean()

    def on_train_batch_start(self, batch: Mapping[str, torch.Tensor], batch_idx: int) -> None:
        """Key what is random in the network, such as dropout, by (seed, step), so that a run can be resumed."""
        torch.manual_seed(sample_key(self.seed, self.global_step, f"rank {self.global_rank}"))

    def training_step(self, batch: Mapping[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        label_loss, character_loss, accuracy = self.losses(batch)
        self.figures = torch.stack([label_loss.detach(), character_loss.detach(), accuracy])
        return label_loss + self.character_head.WEIGHT * character_loss

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> logits (B, C)."""
        present = torch.ones(len(image), dtype=torch.bool, device=image.device)
        logits: torch.Tensor = self.net({"image": image, "present": {"image": present}})
        return logits.float()

    def validation_step(self, batch: Mapping[str, torch.Tensor], batch_idx: int) -> None:
        self._logits.append(self(batch["image"]).cpu())
        self._labels.append(batch["label"].cpu())

    def on_validation_epoch_end(self) -> None:
        logits, truth = torch.cat(self._logits).numpy(), torch.cat(self._labels).numpy()
        self._logits, self._labels = [], []
        reached = scores(logits, truth, self.classes)
        self.log_dict({f"val_{name}": value for name, value in reached.items()}, sync_dist=True, logger=False)

    def make_optimizer(self, lr: float, weight_decay: float) -> torch.optim.Optimizer:
        """Return AdamW over the branches and, at HEAD_LR_SCALE of the rate, the heads."""
        heads = [*self.net.head.parameters(), *self.character_head.parameters()]
        groups = [
            {
                "params": [p for p in part if (p.ndim > 1) is matrix],
                "weight_decay": decay,
                "lr": lr * scale,
                "scale": scale,
            }
            for part, scale in ((list(self.net.branches.parameters()), 1.0), (heads, HEAD_LR_SCALE))
            for matrix, decay in ((True, weight_decay), (False, 0.0))  # biases and normalisations do not decay
        ]
        return torch.optim.AdamW(groups, lr, fused=True)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.lr, self.weight_decay)
        return [optimizer], [{"scheduler": LambdaLR(optimizer, self.schedule), "interval": "step"}]

    def on_train_start(self) -> None:
        """Take the learning rate and the schedule that a resumed run was given over those in its state."""
        restart_schedule(self.lr_schedulers(), self.lr, self.schedule(self.global_step))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["lr"] = self.lr

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Raise UserError for the state of another network."""
        own, given = ({name: value.shape for name, value in state.items()}
                      for state in (self.state_dict(), checkpoint["state_dict"]))  # fmt: skip
        if own != given:
            name = next(iter(own.items() ^ given.items()))[0]
            raise UserError(f"The state to resume from is that of another network ({name} differs); start anew.")
        if self.keep_lr:
            self.lr = checkpoint["lr"]


def restart_schedule(scheduler: Any, lr: float, share: float) -> None:
    """Set the rates of a LambdaLR and its optimizer to that share of lr, times each group's own scale."""
    for number, group in enumerate(scheduler.optimizer.param_groups):
        group["initial_lr"] = scheduler.base_lrs[number] = lr * group.get("scale", 1.0)
        group["lr"] = group["initial_lr"] * share


def scores(logits: np.ndarray, truth: np.ndarray, classes: list[str]) -> dict[str, float]:
    """Logits (N, C) and numbers of labels (N,) -> loss, accuracy with its 95 % interval, macro-F1."""
    result: Any = statistics.scores([classes[i] for i in truth], [classes[i] for i in logits.argmax(1)])
    (low, high), loss = result["accuracy_95"], statistics.negative_log_likelihood(logits, truth)
    return {
        "loss": loss, "accuracy": result["accuracy"], "low": low, "high": high, "f1_macro": result["f1_macro"]
    }  # fmt: skip
