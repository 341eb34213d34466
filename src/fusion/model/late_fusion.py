"""Features of each branch (B, D_i), put side by side -> logits (B, C)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


class LateFusion(nn.Module):
    """Late fusion by concatenation, then the head of the Rakuten study: 1024, 0.2, 512, 0.2, classes.

    A modality that a sample lacks (`present`) counts as zeros. While training, each sample loses one of its
    modalities with the chance `modality_dropout`, so that the head learns to do with either and leans on
    neither (Neverova et al. 2015, ModDrop). An ablation is one branch fewer. A branch that decides has no head, and
    one that has a linear_member is heard twice: see branches/__init__.py.
    """

    def __init__(
        self,
        branches: Mapping[str, Any],
        classes: int,
        hidden: Sequence[int],
        dropout: float,
        modality_dropout: float = 0.0,
    ):
        super().__init__()
        if not branches:
            raise ValueError("a model needs at least one branch")
        self.modality_dropout = modality_dropout
        self.branches = nn.ModuleDict(branches)
        width = sum(branch.dim for branch in branches.values())
        layers: list[nn.Module] = []
        for units in hidden:
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
            width = units
        decided = any(getattr(branch, "outputs_logits", False) for branch in branches.values())
        self.head = nn.Identity() if decided else nn.Sequential(*layers, nn.Linear(width, classes))

    @property
    def size(self) -> int:
        """Parameters, and the weights that were fitted before training."""
        return sum(p.numel() for p in self.parameters()) + sum(getattr(part, "fitted", 0) for part in self.modules())

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Batch -> logits (B, C). Of several tiles a sample, image (B, K, H, W, 3), the probabilities are averaged.

        A batch may hold what a branch would make of its pictures instead: features {"image": (B, D) or (B, K, D)}.
        """
        name = "features" if "features" in batch else "image"
        image = batch["features"]["image"] if name == "features" else batch.get("image")
        if image is None or image.ndim < (3 if name == "features" else 5):
            return self._logits(batch)
        parts = [{"image": tile} if name == "features" else tile for tile in image.unbind(1)]
        tiles = [self._logits({**batch, name: part}).log_softmax(1) for part in parts]
        return torch.stack(tiles).logsumexp(0) - math.log(len(tiles))  # (K, B, C) -> (B, C)

    def _logits(self, batch: Mapping[str, Any]) -> torch.Tensor:
        present = torch.stack([batch["present"][name] for name in self.branches], dim=1)  # (B, branches)
        if self.training and self.modality_dropout:
            present = self._without_one(present)
        known = batch.get("features", {})
        features = [
            (known[name] if name in known else branch(batch[name])) * present[:, i, None]  # (B, D_i)
            for i, (name, branch) in enumerate(self.branches.items())
        ]
        logits = self.head(torch.cat(features, dim=1))  # (B, sum D_i) -> (B, C)
        return logits if self.training else self._heard(logits, batch)

    def _heard(self, logits: torch.Tensor, batch: Mapping[str, Any]) -> torch.Tensor:
        """Logits -> the same, averaged as probabilities with what the voters say of the samples they see."""
        for name, branch in self.branches.items():
            if (linear_member := getattr(branch, "linear_member", None)) is not None:
                both = torch.stack([logits.float().log_softmax(1), linear_member(batch[name])])  # (2, B, C)
                logits = torch.where(batch["present"][name][:, None], both.logsumexp(0) - math.log(2), logits)
        return logits

    def _without_one(self, present: torch.Tensor) -> torch.Tensor:
        """(B, branches) bool -> the same, some rows that have several lacking one of them, drawn at random."""
        rows, branches = present.shape
        hit = (torch.rand(rows, device=present.device) < self.modality_dropout) & (present.sum(1) > 1)  # (B,)
        lost = (torch.rand(rows, branches, device=present.device) * present).argmax(1)  # (B,)
        return present & ~(hit[:, None] & nn.functional.one_hot(lost, branches).bool())
