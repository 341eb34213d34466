"""Features of each branch (B, D_i), put side by side -> logits (B, C)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


class LateFusion(nn.Module):
    """Batch -> logits, by concatenation and the head of the Rakuten study: 1024, 0.2, 512, 0.2, classes.

    A modality that a sample lacks (`present`) counts as zeros. While training, each sample loses one of its
    modalities with the chance `modality_dropout`, so that the head learns to do with either and relies on neither
    (Neverova et al. 2015, ModDrop). An ablation is one branch fewer. What branches with `outputs_logits` or a
    `linear_member` are, see branches/__init__.py: the first have no head, the second are an ensemble.
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
        outputs_logits = any(getattr(branch, "outputs_logits", False) for branch in branches.values())
        self.head = nn.Identity() if outputs_logits else nn.Sequential(*layers, nn.Linear(width, classes))

    @property
    def size(self) -> int:
        """Return the number of parameters and of weights that were fitted before training."""
        return sum(p.numel() for p in self.parameters()) + sum(getattr(part, "fitted", 0) for part in self.modules())

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Batch -> logits (B, C). Probabilities of several tiles a sample, image (B, K, H, W, 3), are averaged.

        In place of pictures a batch may hold what the branch would make of them: features {"image": (B, [K,] D)}.
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
            present = self._drop_modality(present)
        given = batch.get("features", {})
        features = [
            (given[name] if name in given else branch(batch[name])) * present[:, i, None]  # (B, D_i)
            for i, (name, branch) in enumerate(self.branches.items())
        ]
        logits = self.head(torch.cat(features, dim=1))  # (B, sum D_i) -> (B, C)
        return logits if self.training else self._with_ensemble(logits, batch)

    def _with_ensemble(self, logits: torch.Tensor, batch: Mapping[str, Any]) -> torch.Tensor:
        """Logits -> the same, averaged as probabilities with the linear member where a sample has its modality."""
        for name, branch in self.branches.items():
            if (linear_member := getattr(branch, "linear_member", None)) is not None:
                both = torch.stack([logits.float().log_softmax(1), linear_member(batch[name])])  # (2, B, C)
                logits = torch.where(batch["present"][name][:, None], both.logsumexp(0) - math.log(2), logits)
        return logits

    def _drop_modality(self, present: torch.Tensor) -> torch.Tensor:
        """(B, branches) bool -> the same; rows with several modalities lose one by chance, which is drawn evenly."""
        rows, branches = present.shape
        loses = (torch.rand(rows, device=present.device) < self.modality_dropout) & (present.sum(1) > 1)  # (B,)
        number = (torch.rand(rows, branches, device=present.device) * present).argmax(1)  # (B,)
        return present & ~(loses[:, None] & nn.functional.one_hot(number, branches).bool())
