"""Tokens -> features, trained from nothing: a small pre-norm transformer, readable from top to bottom."""

import torch
import torch.nn.functional as F
from torch import nn


class Encoder(nn.Module):
    """input_ids (B, T), attention_mask (B, T) -> the mean over the text (B, dim)."""

    def __init__(self, vocabulary: int, max_tokens: int, dim: int, blocks: int, heads: int, dropout: float):
        super().__init__()
        self.dim = dim
        self.token = nn.Embedding(vocabulary, dim)
        self.position = nn.Embedding(max_tokens, dim)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(dim)
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        ids, mask = text["input_ids"], text["attention_mask"]
        x = self.token(ids) + self.position.weight[: ids.shape[1]]  # (B, T, D)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, mask)  # (B, T, D)
        x = self.norm(x) * mask[..., None]  # (B, T, D), padding is zero
        return x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)  # (B, D)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (Xiong et al. 2020)."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.before_attention, self.before_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x), mask))  # (B, T, D)
        return x + self.dropout(self.mlp(self.before_mlp(x)))  # (B, T, D)

    def attention(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, T, D/H)
        rate = self.rate if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, mask[:, None, None], dropout_p=rate)  # (B, H, T, D/H)
        return self.out(mixed.transpose(1, 2).reshape(b, t, d))  # (B, T, D)
