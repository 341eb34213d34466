"""Hashed n-grams -> features, by several bags of embeddings.

In one bag two n-grams that share a bucket are one. So there are several smaller bags, each with a hash of its own, and
hardly any two n-grams meet in all of them (Svenstrup et al. 2017). While training each bag reads a random part of the
n-grams, so that the network does not rely on the habits of a project. A linear model on the same n-grams is averaged
with it: see linear_member.py.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.linear_member import LinearMember

# odd, each a hash of its own
HASH_MULTIPLIERS = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1, 0xD6E8FEB9, 0xCA5A8263)


class HashEmbedding(nn.Module):
    """input_ids, attention_mask, weight, each (B, T) -> (B, num_hashes * dim)."""

    multipliers: torch.Tensor  # (num_hashes, 1)

    def __init__(
        self, buckets: int, num_hashes: int, dim: int, ngram_dropout: float, linear_member: dict[str, int] | None = None
    ):
        super().__init__()
        self.linear_member = None if linear_member is None else LinearMember(**linear_member)
        self.buckets, self.ngram_dropout = buckets, ngram_dropout
        self.bag = nn.Parameter(torch.randn(num_hashes * buckets, dim) * 0.1)  # one bag after the other
        self.norm = nn.ModuleList(nn.LayerNorm(dim) for _ in range(num_hashes))
        self.register_buffer("multipliers", torch.tensor(HASH_MULTIPLIERS[:num_hashes]).view(-1, 1), persistent=False)
        self.dim, self.token_shape = num_hashes * dim, (num_hashes, dim)
        self.register_state_dict_post_hook(_store_in_half)  # 8 MB on disk instead of 17

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        mask = text["attention_mask"]
        ids, weight = text["input_ids"][mask], text["weight"][mask].to(self.bag.dtype)  # (N,), padding is not looked up
        starts = F.pad(mask.sum(1).cumsum(0), (1, 0))[:-1]  # (B,)
        return torch.cat([self._embed(k, ids, weight, starts) for k in range(len(self.norm))], 1)  # (B, num_hashes * D)

    def rows(self, ids: torch.Tensor, k: int) -> torch.Tensor:
        """N-grams (N,), as numbers -> their rows in the k-th bag (N,)."""
        return ((ids * self.multipliers[k]) >> 7) % self.buckets + k * self.buckets

    def _embed(self, k: int, ids: torch.Tensor, weight: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        rows = self.rows(ids, k)  # (N,)
        if self.training and self.ngram_dropout:
            mask = torch.rand_like(weight) >= self.ngram_dropout  # (N,)
            weight = weight * mask / (1 - self.ngram_dropout) ** 0.5  # the length of the sum stays about the same
        x = F.embedding_bag(rows, self.bag, starts, mode="sum", per_sample_weights=weight)  # (B, D)
        return self.norm[k](x)


def _store_in_half(_module: nn.Module, state: dict[str, Any], prefix: str, _local: Any) -> None:
    """Store the embeddings in 16 bits; loading makes them 32 again."""
    state[prefix + "bag"] = state[prefix + "bag"].half()
