"""Hashed n-grams -> log-probabilities: a linear model that votes beside a branch.

A network and a linear model with a hinge loss err on different texts. So the linear model is fitted before training
and has no part in the loss: only when an answer is given are the probabilities of both averaged. Of its rows those
with the largest weights are kept, in 8 bits.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.linear import NEVER, fitted
from fusion.branches.ngrams import PLACES, Ngrams

SHARPNESS = 3.0  # what the margins are multiplied with to be logits; chosen on validation sides, 2 to 4 are alike


class Voter(nn.Module):
    """voter_ids, voter_weight, each (B, V) -> log-probabilities (B, classes); nothing in it learns."""

    idf: torch.Tensor  # (PLACES,) float16
    kept: torch.Tensor  # (rows,) int32, places in ascending order
    weights: torch.Tensor  # (rows, classes) int8
    scale: torch.Tensor  # (classes,)
    bias: torch.Tensor  # (classes,)

    def __init__(self, rows: int, classes: int):
        super().__init__()
        self.register_buffer("idf", torch.zeros(PLACES, dtype=torch.float16))
        self.register_buffer("kept", torch.arange(rows, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(rows, classes, dtype=torch.int8))
        self.register_buffer("scale", torch.zeros(classes))
        self.register_buffer("bias", torch.zeros(classes))

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        ids, weight = text["voter_ids"], text["voter_weight"].float()  # (B, V)
        x = F.normalize(weight * self.idf[ids])  # (B, V), of length 1
        row = torch.searchsorted(self.kept, ids.int()).clamp(max=len(self.kept) - 1)  # (B, V)
        known = (self.kept[row] == ids) & (weight > 0)  # (B, V)
        sums = torch.zeros(len(ids), len(self.bias), device=ids.device)  # (B, C)
        sums.index_add_(0, known.nonzero()[:, 0], self.weights[row[known]] * x[known][:, None])
        return (SHARPNESS * (sums * self.scale + self.bias)).log_softmax(1)


def rows_for(weights: int, classes: int) -> int:
    """The most weights, and how many classes share them -> rows of a voter; 0 is no voter."""
    return min(PLACES, weights // classes) if classes > 1 else 0


def fit_voter(
    texts: Sequence[str], labels: Sequence[str], classes: Sequence[str], reader: Ngrams, rows: int, seed: int
) -> Voter:
    """Training texts and their labels -> the fitted voter; a class without training texts gets no vote."""
    weights, bias, idf = fitted(reader.sparse(texts), labels, classes, seed)  # (PLACES, C), (C,), (PLACES,)
    kept = np.sort(np.argsort(-np.abs(weights).max(1), kind="stable")[:rows])
    scale = np.maximum(np.abs(weights).max(0) / 127, 1e-12)  # (C,)
    voter = Voter(rows, len(classes))
    voter.idf.copy_(torch.from_numpy(idf))
    voter.kept.copy_(torch.from_numpy(kept))
    voter.weights.copy_(torch.from_numpy(np.rint(weights[kept] / scale)))
    voter.scale.copy_(torch.from_numpy(scale))
    voter.bias.copy_(torch.from_numpy(np.where(bias == NEVER, NEVER / SHARPNESS, bias)))
    return voter
