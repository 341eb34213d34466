"""The recognizer and what it learns from: the character of each cell, its place and size, and its role."""

from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR

from fusion.pretraining.task import restart_schedule
from fusion.reading.recognizer import Maps, Recognizer
from fusion.reading.targets import NUMBER_ROLE, TITLE_ROLE

SIZES_WEIGHT, ROLES_WEIGHT = 2.0, 0.2  # beside the loss of the characters


class ReaderTask(pl.LightningModule):
    """Cross-entropy of the character in each inked cell, and of everything else that a cell says."""

    FIGURES = ("train_loss", "character_loss", "train_accuracy")

    def __init__(self, net: Recognizer, schedule: Callable[[int], float], lr: float, weight_decay: float):
        super().__init__()
        self.net, self.schedule, self.lr, self.weight_decay = net, schedule, lr, weight_decay
        self.figures = torch.zeros(3)
        self._right = torch.zeros(4, dtype=torch.long)

    def training_step(self, batch: Mapping[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        maps, characters, right = self._read(batch)
        loss = characters + cell_loss(maps, batch)
        self.figures = torch.stack([loss.detach(), characters.detach(), right.float().mean()])
        return loss

    def validation_step(self, batch: Mapping[str, torch.Tensor], batch_idx: int) -> None:
        """Count inked cells and those that are read right, blank cells and those that are seen to be blank."""
        maps, _, right = self._read(batch)
        seen, ink = maps.ink > 0, batch["classes"] > 0
        counts = [(right & seen[ink]).sum(), ink.sum(), (~seen[~ink]).sum(), (~ink).sum()]
        self._right += torch.stack(counts).cpu()

    def _read(self, batch: Mapping[str, torch.Tensor]) -> tuple[Maps, torch.Tensor, torch.Tensor]:
        """Batch -> maps, loss of the characters (), and for each of the N inked cells whether it is right, (N,)."""
        maps, classes = self.net(batch["image"]), batch["classes"]
        ink = classes > 0
        logits = self.net.characters(maps.hidden.permute(0, 2, 3, 1)[ink]).float()  # (N, CLASSES)
        loss = F.cross_entropy(logits, classes[ink]) if len(logits) else logits.sum()
        return maps, loss, logits.argmax(1) == classes[ink]

    def on_validation_epoch_end(self) -> None:
        right, ink, blank_right, blank = self._right.tolist()
        self._right.zero_()
        reached = {"val_accuracy": right / max(ink, 1), "val_blank": blank_right / max(blank, 1)}
        self.log_dict(reached, logger=False)

    def configure_optimizers(self) -> Any:
        parameters = [*self.net.parameters()]
        groups = [
            {"params": [p for p in parameters if (p.ndim > 1) is matrix], "weight_decay": decay}
            for matrix, decay in ((True, self.weight_decay), (False, 0.0))
        ]
        optimizer = torch.optim.AdamW(groups, self.lr)  # not fused: Lightning would not clip its gradients in bf16
        return [optimizer], [{"scheduler": LambdaLR(optimizer, self.schedule), "interval": "step"}]

    def on_train_start(self) -> None:
        """Take the learning rate and the schedule that a resumed run was given over those in its state."""
        restart_schedule(self.lr_schedulers(), self.lr, self.schedule(self.global_step))


def cell_loss(maps: Maps, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Maps and targets -> the loss of where characters stand, and of their places, sizes and roles, ().

    Inked and blank cells count alike, however few there are of one kind.
    """
    ink = batch["classes"] > 0
    count, blanks = ink.sum().clamp(min=1), (~ink).sum().clamp(min=1)
    seen = F.binary_cross_entropy_with_logits(maps.ink, ink.float(), reduction="none")
    loss = (seen * ink).sum() / count + (seen * ~ink).sum() / blanks
    apart = F.smooth_l1_loss(maps.sizes, batch["sizes"], reduction="none", beta=0.1)
    roles = torch.stack([batch["roles"] == role for role in (NUMBER_ROLE, TITLE_ROLE)], 1).float()
    wrong = F.binary_cross_entropy_with_logits(maps.roles, roles, reduction="none")
    shown = ink[:, None]
    return loss + SIZES_WEIGHT * (apart * shown).sum() / count + ROLES_WEIGHT * (wrong * shown).sum() / count
