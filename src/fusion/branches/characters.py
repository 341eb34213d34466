"""Texts -> hashed n-grams of characters and their counts, by scikit-learn's HashingVectorizer."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.branches.tensors import as_tensors

if TYPE_CHECKING:
    import torch


class Characters:
    """Texts -> input_ids (B, T) int64, attention_mask (B, T) bool, weight (B, T) float32: 1 + log of each count."""

    def __init__(self, features: int, max_ngram: int):
        from sklearn.feature_extraction.text import HashingVectorizer

        self.features, self.max_ngram = features, max_ngram
        settings = {"ngram_range": (1, max_ngram), "n_features": features, "norm": None, "alternate_sign": False}
        self.counter = HashingVectorizer(analyzer="char", lowercase=False, dtype=np.float32, **settings)

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        return as_tensors(self.arrays(texts))

    def arrays(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the same as numpy arrays."""
        counts = self.counts(texts)
        lengths = np.diff(counts.indptr)  # (B,)
        mask = np.arange(max(lengths.max(initial=0), 1)) < lengths[:, None]  # (B, T)
        ids, weight = np.zeros(mask.shape, np.int64), np.zeros(mask.shape, np.float32)
        ids[mask], weight[mask] = counts.indices, 1 + np.log(counts.data)
        return {"input_ids": ids, "attention_mask": mask, "weight": weight}

    def counts(self, texts: Sequence[str]) -> Any:
        """Texts (B) -> sparse (B, features), the count of each n-gram."""
        return self.counter.transform([text.encode("utf-8", "replace").decode() for text in texts])

    def to_json(self) -> str:
        return json.dumps({"kind": "characters", "features": self.features, "max_ngram": self.max_ngram})
