"""Hashed n-grams of bytes and tokens -> log-probabilities: a linear model, beside a network or by itself.

A network and a linear model with a hinge loss make mistakes on different texts. So beside text=nano one is fitted
before training and takes no part in the loss: the probabilities of both are averaged in evaluation only. By itself it
is text=micro. It is fitted twice: on all n-grams, and again on those that had the largest weights, as if there were no
others. Those are kept, in 8 bits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.linear import MASKED_LOGIT, fit_one_vs_rest
from fusion.branches.ngrams import LINEAR_FEATURES, Ngrams

ALPHA = 3e-5  # of the penalty; chosen on sources held out, 1e-5 is alike
SHARPNESS = 3.0  # margins times this are logits; chosen on validation splits, 2 to 4 are alike


class LinearMember(nn.Module):
    """linear_ids, linear_weight, each (B, V) -> log-probabilities (B, classes); nothing in it learns."""

    outputs_logits = True  # as a branch of its own
    buckets: torch.Tensor  # (rows,) int32, those that have a row of weights, ascending
    idf: torch.Tensor  # (rows,)
    row_of: torch.Tensor  # (LINEAR_FEATURES,) int64, -1 for a bucket without one
    weights: torch.Tensor  # (rows, classes), whole numbers from -127 to 127
    scale: torch.Tensor  # (classes,)
    bias: torch.Tensor  # (classes,)

    def __init__(self, rows: int, classes: int):
        super().__init__()
        self.dim, self.fitted = classes, rows * classes  # see LateFusion.size
        self.register_buffer("buckets", torch.arange(rows, dtype=torch.int32))
        self.register_buffer("idf", torch.zeros(rows))
        self.register_buffer("weights", torch.zeros(rows, classes))
        self.register_buffer("scale", torch.zeros(classes))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("row_of", torch.full((LINEAR_FEATURES,), -1), persistent=False)
        self.register_state_dict_post_hook(_store_in_bytes)
        self.register_load_state_dict_post_hook(_index_rows)

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        row = self.row_of[text["linear_ids"]]  # (B, V)
        row, known = row.clamp(min=0), row >= 0
        weight = text["linear_weight"] * self.idf[row] * known  # (B, V), 0 where padded
        sums = F.embedding_bag(row, self.weights, mode="sum", per_sample_weights=weight)  # (B, C)
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
    return min(LINEAR_FEATURES, weights // classes) if classes > 1 else 0


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
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    counts = tokenizer.sparse(rows["text"])  # (B, LINEAR_FEATURES)
    idf = rarity(counts, rows["group"])  # (LINEAR_FEATURES,)
    weights, _ = fit_one_vs_rest(normalize(counts * idf), rows["label"], classes, seed, ALPHA)
    buckets = np.sort(np.argsort(-np.abs(weights).max(1), kind="stable")[:size])  # (size,)
    kept = normalize(csr_array(counts[:, buckets] * idf[buckets]))
    weights, bias = fit_one_vs_rest(_with_short_indices(kept), rows["label"], classes, seed, ALPHA)  # (size, C), (C,)
    scale = np.maximum(np.abs(weights).max(0) / 127, 1e-12)  # (C,)
    member = LinearMember(size, len(classes))
    member.idf.copy_(torch.from_numpy(idf[buckets]).half())  # as precise as it is stored
    member.buckets.copy_(torch.from_numpy(buckets))
    member.weights.copy_(torch.from_numpy(np.rint(weights / scale)))
    member.scale.copy_(torch.from_numpy(scale))
    member.bias.copy_(torch.from_numpy(np.where(bias == MASKED_LOGIT, MASKED_LOGIT / SHARPNESS, bias)))
    member.index_rows()
    return member


def _with_short_indices(rows: Any) -> Any:
    """Return a sparse matrix with indices of 32 bits; scikit-learn takes no other."""
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows
