"""Hashed n-grams -> log-probabilities: a linear model that votes beside a branch.

A network and a linear model with a hinge loss err on different texts. So the linear model is fitted before training
and has no part in the loss: only when an answer is given are the probabilities of both averaged. Of its rows those
with the largest weights are kept, in 8 bits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.linear import MASKED_LOGIT, fit_one_vs_rest
from fusion.branches.ngrams import NUM_HASH_BUCKETS, Ngrams

SHARPNESS = 3.0  # what the margins are multiplied with to be logits; chosen on validation sides, 2 to 4 are alike


class LinearMember(nn.Module):
    """linear_ids, linear_weight, each (B, V) -> log-probabilities (B, classes); nothing in it learns."""

    idf: torch.Tensor  # (PLACES,)
    buckets: torch.Tensor  # (rows,) int32, those that have a row of weights, ascending
    row_of: torch.Tensor  # (NUM_HASH_BUCKETS,) int64, -1 for a bucket without one
    weights: torch.Tensor  # (rows, classes), whole numbers from -127 to 127
    scale: torch.Tensor  # (classes,)
    bias: torch.Tensor  # (classes,)

    def __init__(self, rows: int, classes: int):
        super().__init__()
        self.fitted = rows * classes  # see LateFusion.size
        self.register_buffer("idf", torch.zeros(NUM_HASH_BUCKETS))
        self.register_buffer("buckets", torch.arange(rows, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(rows, classes))
        self.register_buffer("scale", torch.zeros(classes))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("row_of", torch.full((NUM_HASH_BUCKETS,), -1), persistent=False)
        self.register_state_dict_post_hook(_in_bytes)
        self.register_load_state_dict_post_hook(_index_rows)

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        ids = text["linear_ids"]
        weight, row = text["linear_weight"] * self.idf[ids], self.row_of[ids]  # (B, V), the weight 0 where padded
        known = weight.masked_fill(row < 0, 0.0)
        sums = F.embedding_bag(row.clamp(min=0), self.weights, mode="sum", per_sample_weights=known)  # (B, C)
        length = weight.norm(dim=1, keepdim=True).clamp(min=1e-9)  # (B, 1)
        return (SHARPNESS * (sums * self.scale / length + self.bias)).log_softmax(1)

    def index_rows(self) -> None:
        """Fill `row_of` from `buckets`."""
        self.row_of.fill_(-1)
        self.row_of[self.buckets.long()] = torch.arange(len(self.buckets), device=self.buckets.device)


def _in_bytes(_module: nn.Module, state: dict[str, Any], prefix: str, _local: Any) -> None:
    """The weights are whole numbers, stored as such; loading makes them floating-point numbers again."""
    state[prefix + "weights"] = state[prefix + "weights"].to(torch.int8)
    state[prefix + "idf"] = state[prefix + "idf"].half()


def _index_rows(linear_member: LinearMember, _keys: Any) -> None:
    linear_member.index_rows()


def rows_for(weights: int, classes: int) -> int:
    """The most weights, and how many classes share them -> rows of a linear_member; 0 is no linear_member."""
    return min(NUM_HASH_BUCKETS, weights // classes) if classes > 1 else 0


def rarity(counts: Any, groups: Sequence[str]) -> np.ndarray:
    """Sparse counts (B, F) and the project of each row -> (F,), larger the fewer projects have an n-gram.

    Of projects, not of texts: what one project says in all of its files is no sign of a language.
    """
    from scipy.sparse import csr_array

    names, number = np.unique(np.array(groups, object).astype(str), return_inverse=True)
    member = csr_array((np.ones(len(number), np.float32), (number, np.arange(len(number)))))  # (projects, B)
    having = (member @ counts > 0).sum(0)  # (F,)
    return (np.log((1 + len(names)) / (1 + having)) + 1).astype(np.float32)


def fit_linear_member(
    rows: Mapping[str, Sequence[str]], classes: Sequence[str], reader: Ngrams, size: int, seed: int
) -> LinearMember:
    """Training rows (text, group, label) -> the fitted linear_member of `size` rows.

    A class without training texts gets no vote.
    """
    from sklearn.preprocessing import normalize

    counts = reader.sparse(rows["text"])  # (B, PLACES)
    idf = rarity(counts, rows["group"])
    weights, bias = fit_one_vs_rest(normalize(counts * idf), rows["label"], classes, seed)  # (PLACES, C), (C,)
    kept = np.sort(np.argsort(-np.abs(weights).max(1), kind="stable")[:size])
    scale = np.maximum(np.abs(weights).max(0) / 127, 1e-12)  # (C,)
    linear_member = LinearMember(size, len(classes))
    linear_member.idf.copy_(torch.from_numpy(idf).half())  # as precise as it is stored
    linear_member.buckets.copy_(torch.from_numpy(kept))
    linear_member.weights.copy_(torch.from_numpy(np.rint(weights[kept] / scale)))
    linear_member.scale.copy_(torch.from_numpy(scale))
    linear_member.bias.copy_(torch.from_numpy(np.where(bias == MASKED_LOGIT, MASKED_LOGIT / SHARPNESS, bias)))
    linear_member.index_rows()
    return linear_member
