"""Hashed n-grams -> log-probabilities: the linear member of an ensemble, whose other member is the network.

A network and a linear model with a hinge loss make mistakes on different texts. So the linear model is fitted before
training and takes no part in the loss: the probabilities of both are averaged in evaluation only. Of its rows those
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

SHARPNESS = 3.0  # margins times this are logits; chosen on validation splits, 2 to 4 are alike


class LinearMember(nn.Module):
    """linear_ids, linear_weight, each (B, V) -> log-probabilities (B, classes); nothing in it learns."""

    idf: torch.Tensor  # (NUM_HASH_BUCKETS,)
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
        self.register_state_dict_post_hook(_store_in_bytes)
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


def _store_in_bytes(_module: nn.Module, state: dict[str, Any], prefix: str, _local: Any) -> None:
    """Store the weights, which are whole numbers, as such; loading makes them floating-point numbers again."""
    state[prefix + "weights"] = state[prefix + "weights"].to(torch.int8)
    state[prefix + "idf"] = state[prefix + "idf"].half()


def _index_rows(member: LinearMember, _keys: Any) -> None:
    member.index_rows()


def rows_for(weights: int, classes: int) -> int:
    """Return how many rows of one weight a class make at most so many weights; 0 rows are no linear member."""
    return min(NUM_HASH_BUCKETS, weights // classes) if classes > 1 else 0


def rarity(counts: Any, groups: Sequence[str]) -> np.ndarray:
    """Sparse counts (B, F) and the project of each row -> (F,), larger the fewer projects have an n-gram.

    Projects are counted, not texts: what one project writes in all of its files says nothing about a language.
    """
    from scipy.sparse import csr_array

    projects, number = np.unique(np.array(groups, object).astype(str), return_inverse=True)
    membership = csr_array((np.ones(len(number), np.float32), (number, np.arange(len(number)))))  # (projects, B)
    frequency = (membership @ counts > 0).sum(0)  # (F,), projects that have an n-gram
    return (np.log((1 + len(projects)) / (1 + frequency)) + 1).astype(np.float32)


def fit_linear_member(
    rows: Mapping[str, Sequence[str]], classes: Sequence[str], tokenizer: Ngrams, size: int, seed: int
) -> LinearMember:
    """Training rows (text, group, label) -> the fitted linear member of `size` rows.

    A class without training texts gets a probability of 0.
    """
    from sklearn.preprocessing import normalize

    counts = tokenizer.sparse(rows["text"])  # (B, NUM_HASH_BUCKETS)
    idf = rarity(counts, rows["group"])
    weights, bias = fit_one_vs_rest(
        normalize(counts * idf), rows["label"], classes, seed
    )  # (NUM_HASH_BUCKETS, C), (C,)
    buckets = np.sort(np.argsort(-np.abs(weights).max(1), kind="stable")[:size])
    scale = np.maximum(np.abs(weights).max(0) / 127, 1e-12)  # (C,)
    member = LinearMember(size, len(classes))
    member.idf.copy_(torch.from_numpy(idf).half())  # as precise as it is stored
    member.buckets.copy_(torch.from_numpy(buckets))
    member.weights.copy_(torch.from_numpy(np.rint(weights[buckets] / scale)))
    member.scale.copy_(torch.from_numpy(scale))
    member.bias.copy_(torch.from_numpy(np.where(bias == MASKED_LOGIT, MASKED_LOGIT / SHARPNESS, bias)))
    member.index_rows()
    return member
