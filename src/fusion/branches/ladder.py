"""Tokens -> features, one idea more in each variant, from an embedding to a transformer (text=ladder text.variant=v5).

    v1    the embedding of [CLS] alone: the same for every text, so chance by construction
    v2    + positions: still [CLS] alone, still chance
    v1m   the mean of all embeddings, so that the text is read
    v2m   + positions
    v3    + one head of self-attention, read at [CLS]
    v4    + several heads
    v5    pre-norm encoder: blocks of attention and MLP, each with a residual, read at [CLS]
    v5m   the same, read as the mean over the text (text=scratch)

[PAD] is masked wherever tokens are mixed or counted.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from fusion.config.errors import UserError


@dataclass(frozen=True)
class Variant:
    """The parts of a variant."""

    positions: bool = True
    mixing: str = "none"  # none, attention or blocks
    pooling: str = "cls"


VARIANTS = {
    "v1": Variant(positions=False),
    "v2": Variant(),
    "v1m": Variant(positions=False, pooling="mean"),
    "v2m": Variant(pooling="mean"),
    "v3": Variant(mixing="attention"),
    "v4": Variant(mixing="attention"),
    "v5": Variant(mixing="blocks"),
    "v5m": Variant(mixing="blocks", pooling="mean"),
}


class Ladder(nn.Module):
    """input_ids (B, T), attention_mask (B, T) -> features (B, dim), by one variant."""

    def __init__(
        self, variant: str, vocabulary: int, max_tokens: int, dim: int, blocks: int, heads: int, dropout: float
    ):
        super().__init__()
        parts = VARIANTS[variant]
        heads = 1 if variant == "v3" else heads
        if dim % heads:
            raise UserError(f"text.dim={dim} cannot be divided among text.heads={heads}; take a multiple of it.")
        self.dim, self.pooling = dim, parts.pooling
        self.token = nn.Embedding(vocabulary, dim)
        self.position = nn.Embedding(max_tokens, dim) if parts.positions else None
        self.dropout = nn.Dropout(dropout)
        self.mixing = nn.ModuleList()
        if parts.mixing == "attention":
            self.mixing.append(Attention(dim, heads, dropout))
        elif parts.mixing == "blocks":
            self.mixing.extend(Block(dim, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(dim) if parts.mixing == "blocks" else nn.Identity()
        nn.init.normal_(self.token.weight, std=0.02)
        if self.position is not None:
            nn.init.normal_(self.position.weight, std=0.02)

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        ids, mask = text["input_ids"], text["attention_mask"]
        x = self.token(ids)  # (B, T, D)
        if self.position is not None:
            x = x + self.position.weight[: ids.shape[1]]  # (B, T, D)
        x = self.dropout(x)
        for mix in self.mixing:
            x = mix(x, mask)  # (B, T, D)
        x = self.norm(x)
        if self.pooling == "cls":
            return x[:, 0]  # (B, D)
        x = x * mask[..., None]  # (B, T, D), padding is zero
        return x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)  # (B, D)


class Attention(nn.Module):
    """x (B, T, D) -> (B, T, D), each token a mixture of all but padding (Vaswani et al. 2017)."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, T, D/H)
        rate = self.rate if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, mask[:, None, None], dropout_p=rate)  # (B, H, T, D/H)
        return self.out(mixed.transpose(1, 2).reshape(b, t, d))  # (B, T, D)


class Block(nn.Module):
    """x (B, T, D) -> (B, T, D): x + attention(norm(x)), then x + mlp(norm(x)) (Xiong et al. 2020)."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dropout)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x), mask))  # (B, T, D)
        return x + self.dropout(self.mlp(self.before_mlp(x)))  # (B, T, D)
