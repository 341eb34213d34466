"""Branches that look up n-grams -> the same in operators that ONNX has.

ONNX has no bag of embeddings. Rows that are looked up, (B, T, D), times the weights of the n-grams, (B, 1, T), are the
same sums; an n-gram that only fills a row up has a weight of 0. Tables are kept in 16 or 8 bits and made floats after
the look-up, so that a file is as small as the run's own.
"""

import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.linear import Linear
from fusion.branches.linear_member import SHARPNESS, LinearMember
from fusion.branches.nano import HashEmbedding
from fusion.branches.ngrams import LINEAR_FEATURES

Columns = dict[str, torch.Tensor]


class Table(nn.Module):
    """Rows (B, T) and their weights (B, T) -> the weighted sums of the rows of a table (B, D)."""

    values: torch.Tensor  # (rows, D) float16, float32 or int8
    scale: torch.Tensor  # (D,) what a whole number of int8 stands for

    def __init__(self, values: torch.Tensor, scale: torch.Tensor | None = None):
        super().__init__()
        self.register_buffer("values", values)
        self.register_buffer("scale", scale)

    def forward(self, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        found = torch.embedding(self.values, rows).float()  # (B, T, D)
        sums = torch.matmul(weight[:, None], found)[:, 0]  # (B, D)
        return sums if self.scale is None else sums * self.scale


def in_bytes(values: torch.Tensor) -> Table:
    """(rows, D) -> the same in 8 bits, each column with a scale of its own."""
    scale = values.float().abs().amax(0).clamp(min=1e-12) / 127  # (D,)
    return Table((values / scale).round().to(torch.int8), scale)


class HashEmbeddingGraph(nn.Module):
    """What HashEmbedding does."""

    def __init__(self, branch: HashEmbedding, int8: bool):
        super().__init__()
        self.dim, self.norm, self.buckets = branch.dim, branch.norm, branch.buckets
        self.multipliers = [int(number) for number in branch.multipliers.flatten()]
        bags = branch.bag.detach().split(branch.buckets)  # num_hashes of (buckets, D)
        self.tables = nn.ModuleList(in_bytes(bag) if int8 else Table(bag.half()) for bag in bags)
        member = branch.linear_member
        self.linear_member = None if member is None else LinearMemberGraph(member)
        self.reads = ("input_ids", *(LinearMemberGraph.reads if member else ()), "weight")

    def forward(self, text: Columns) -> torch.Tensor:
        ids, weight, found = text["input_ids"], text["weight"], []
        for multiplier, table, norm in zip(self.multipliers, self.tables, self.norm, strict=True):
            rows = torch.fmod(ids * multiplier // 128, self.buckets)  # (B, T), as HashEmbedding.rows
            found.append(norm(table(rows, weight)))
        return torch.cat(found, 1)


class LinearMemberGraph(nn.Module):
    """What LinearMember does; its weights are whole numbers of 8 bits anyway."""

    outputs_logits, reads = True, ("linear_ids", "linear_weight")
    idf: torch.Tensor
    buckets: torch.Tensor
    bias: torch.Tensor

    def __init__(self, member: LinearMember):
        super().__init__()
        self.dim = member.dim
        self.table = Table(member.weights.to(torch.int8), member.scale)
        for name in ("buckets", "bias"):
            self.register_buffer(name, getattr(member, name))
        self.register_buffer("idf", member.idf.half())

    def forward(self, text: Columns) -> torch.Tensor:
        row = torch.embedding(self._row_of(), text["linear_ids"])[..., 0].long()  # (B, V)
        known, row = row >= 0, row.clamp(min=0)
        weight = text["linear_weight"] * torch.embedding(self.idf[:, None], row)[..., 0].float() * known  # (B, V)
        length = (weight * weight).sum(1, keepdim=True).sqrt().clamp(min=1e-9)  # (B, 1)
        return (SHARPNESS * (self.table(row, weight) / length + self.bias)).log_softmax(1)

    def _row_of(self) -> torch.Tensor:
        """Return the row of each bucket, (LINEAR_FEATURES, 1); worked out when a graph is opened, not stored."""
        numbers = torch.arange(len(self.buckets), dtype=torch.int32)
        return torch.full((LINEAR_FEATURES,), -1, dtype=torch.int32).scatter(0, self.buckets.long(), numbers)[:, None]


class LinearGraph(nn.Module):
    """What Linear does."""

    outputs_logits, reads = True, ("input_ids", "weight")
    idf: torch.Tensor
    bias: torch.Tensor

    def __init__(self, branch: Linear, int8: bool):
        super().__init__()
        self.dim = branch.dim
        self.table = in_bytes(branch.weights) if int8 else Table(branch.weights)
        self.register_buffer("idf", branch.idf)
        self.register_buffer("bias", branch.bias)

    def forward(self, text: Columns) -> torch.Tensor:
        ids = text["input_ids"]  # (B, T)
        x = F.normalize(text["weight"] * torch.embedding(self.idf[:, None], ids)[..., 0])  # (B, T), of length 1
        return self.table(ids, x) + self.bias


def for_onnx(branch: nn.Module, int8: bool = False) -> nn.Module:
    """Branch -> the one to export in its place; itself where torch can export it."""
    match branch:
        case HashEmbedding():
            return HashEmbeddingGraph(branch, int8)
        case LinearMember():
            return LinearMemberGraph(branch)
        case Linear():
            return LinearGraph(branch, int8)
    return branch
