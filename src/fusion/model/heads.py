"""Features of each modality, and which of them a sample has -> logits (B, C): the ways to fuse.

Every head takes features, a list of (B, D_i), one of each modality, and present (B, M) bool. What stands in the
features of a modality that a sample lacks is up to LateFusion: zeros, or an embedding that was learned.
"""

from collections.abc import Sequence

import torch
from torch import nn

Widths = Sequence[int]  # of the features of each modality


def mlp(width: int, hidden: Sequence[int], dropout: float, classes: int) -> list[nn.Module]:
    """Return the layers of a head: hidden ones, each with ReLU and dropout, and the one that gives logits."""
    layers: list[nn.Module] = []
    for units in hidden:
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
        width = units
    return [*layers, nn.Linear(width, classes)]


class Concat(nn.Sequential):
    """Features side by side and a head behind them: late concatenation, with that of the Rakuten study."""

    def __init__(self, widths: Widths, classes: int, hidden: Sequence[int], dropout: float):
        super().__init__(*mlp(sum(widths), hidden, dropout, classes))

    def forward(self, features: Sequence[torch.Tensor], present: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(torch.cat(list(features), dim=1))  # (B, sum D_i) -> (B, C)


class Gated(nn.Module):
    """Each modality projected to `width`; of each unit a share of every modality, told from all of them.

    Gated multimodal units (Arevalo et al. 2017), the gates a softmax over the modalities that are there.
    """

    def __init__(self, widths: Widths, classes: int, hidden: Sequence[int], dropout: float, width: int):
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(of_modality, width) for of_modality in widths)
        self.gate = nn.Linear(sum(widths), len(widths) * width)
        self.out = nn.Sequential(nn.Dropout(dropout), *mlp(width, hidden, dropout, classes))

    def forward(self, features: Sequence[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        values = torch.stack([layer(x).tanh() for layer, x in zip(self.project, features, strict=True)], 1)  # (B, M, W)
        gates = self.gate(torch.cat(list(features), dim=1)).view_as(values)  # (B, M, W)
        shares = gates.masked_fill(~present[:, :, None], -1e4).softmax(1)  # (B, M, W)
        logits: torch.Tensor = self.out((shares * values).sum(1))  # (B, W) -> (B, C)
        return logits


class Bilinear(nn.Module):
    """The product of all modalities, each projected to `width` factors: every pair of features, of low rank.

    Low-rank multimodal fusion (Liu et al. 2018); a modality that is missing is a factor of 1.
    """

    def __init__(self, widths: Widths, classes: int, hidden: Sequence[int], dropout: float, width: int):
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(of_modality, width) for of_modality in widths)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), *mlp(width, hidden, dropout, classes))

    def forward(self, features: Sequence[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        product = torch.ones((), device=present.device)
        for i, (layer, x) in enumerate(zip(self.project, features, strict=True)):
            product = product * torch.where(present[:, i, None], 1 + layer(x), 1.0)  # (B, W)
        logits: torch.Tensor = self.out(product)  # (B, C)
        return logits


class CrossAttention(nn.Module):
    """Tokens of each modality that look at those of the others; their means side by side -> logits.

    tokens: (T_i, d_i) of each modality, patches of a picture or tokens of a text, whose product is its width. Where
    there is nothing else to look at, a learned token stands in.
    """

    HEADS = 4

    def __init__(
        self, tokens: Sequence[tuple[int, int]], classes: int, hidden: Sequence[int], dropout: float, width: int
    ):
        super().__init__()
        self.tokens = [*tokens]
        self.project = nn.ModuleList(nn.Linear(size, width) for _count, size in tokens)
        self.modality = nn.Parameter(torch.randn(len(self.tokens), width) * 0.02)
        self.nothing = nn.Parameter(torch.zeros(width))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in tokens)
        self.attend = nn.ModuleList(
            nn.MultiheadAttention(width, self.HEADS, dropout=dropout, batch_first=True) for _ in tokens
        )
        self.out = nn.Sequential(nn.Dropout(dropout), *mlp(len(self.tokens) * width, hidden, dropout, classes))

    def forward(self, features: Sequence[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        states = [
            norm(layer(x.unflatten(1, shape)) + self.modality[i])  # (B, T_i, W)
            for i, (x, shape, layer, norm) in enumerate(
                zip(features, self.tokens, self.project, self.norm, strict=True)
            )
        ]
        means = [self._look(i, states, present) * present[:, i, None] for i in range(len(states))]  # (B, W) each
        logits: torch.Tensor = self.out(torch.cat(means, dim=1))  # (B, C)
        return logits

    def _look(self, i: int, states: Sequence[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        """Tokens of the i-th modality, and what they see in the others -> their mean (B, W)."""
        rows = len(present)
        others = [j for j in range(len(states)) if j != i]
        seen = torch.cat([self.nothing.expand(rows, 1, -1), *(states[j] for j in others)], dim=1)  # (B, 1 + T, W)
        missing = [torch.zeros_like(present[:, :1])]
        missing += [~present[:, j, None].expand(-1, states[j].shape[1]) for j in others]
        looked, _ = self.attend[i](states[i], seen, seen, key_padding_mask=torch.cat(missing, dim=1))
        return (states[i] + looked).mean(1)  # (B, W)
