"""Hashed n-grams -> features: the mean of what each n-gram was learnt to mean."""

import torch
import torch.nn.functional as F
from torch import nn


class Nano(nn.Module):
    """input_ids, attention_mask, weight, each (B, T) -> (B, dim), by a weighted bag of embeddings."""

    def __init__(self, buckets: int, dim: int):
        super().__init__()
        self.dim = dim
        self.bag = nn.Parameter(torch.randn(buckets, dim) * 0.1)
        self.norm = nn.LayerNorm(dim)

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        mask = text["attention_mask"]
        ids, weight = text["input_ids"][mask], text["weight"][mask]  # (N,), padding is not looked up
        starts = F.pad(mask.sum(1).cumsum(0), (1, 0))[:-1]  # (B,)
        x = F.embedding_bag(ids, self.bag, starts, mode="sum", per_sample_weights=weight.to(self.bag.dtype))  # (B, D)
        return self.norm(x)
