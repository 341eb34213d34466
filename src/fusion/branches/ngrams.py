"""Texts -> hashed n-grams of bytes, rare names replaced by their shape; and for linear models n-grams of tokens too.

A name that few projects use (`fetchUserRows`) tells the project, not the language, so it is read as its shape
(`xXxXx`). Names that at least `min_groups` training projects share are kept as they are. The linear models
(linear_member.py) read runs of white space as one blank, since indentation is a habit of projects, and beside the bytes
the tokens (tokens.py).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.branches.names import FNV, hash_word, is_known, mixed, shape, words
from fusion.branches.tensors import as_tensors
from fusion.branches.tokens import MAX_TOKENS, tokens
from fusion.jit import compiled

if TYPE_CHECKING:
    import torch

NUM_HASH_BUCKETS = 1 << 18  # that n-grams are hashed to
LINEAR_FEATURES = 2 * NUM_HASH_BUCKETS  # of the linear models: n-grams of bytes, then n-grams of tokens
MAX_NGRAM = 5  # bytes of the longest n-gram
MAX_BYTES = 8192  # read of a text


class Ngrams:
    """Texts -> input_ids (B, T) int64, attention_mask (B, T) bool, weight (B, T) float32, T the most distinct n-grams.

    And for linear models linear_ids (B, V) and linear_weight (B, V), 0 where a text has no more n-grams. With
    `linear_only` that is all there is, under both names.
    """

    def __init__(self, known: Iterable[str], linear_only: bool = False):
        self.known, self.linear_only = sorted(known), linear_only
        self._hashes = np.array(sorted(hash_word(_bytes(word)) for word in self.known), np.uint64)

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        return as_tensors(self.arrays(texts))

    def arrays(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the same as numpy arrays."""
        data = [_bytes(text)[:MAX_BYTES] for text in texts]
        linear_ids, linear_weight = _pad([_read_both(text, self._hashes) for text in data])
        ids, weight = linear_ids, linear_weight
        if not self.linear_only:
            ids, weight = _pad([_read(text, self._hashes) for text in data])
        return {
            "input_ids": ids, "attention_mask": weight > 0, "weight": weight,
            "linear_ids": linear_ids, "linear_weight": linear_weight,
        }  # fmt: skip

    def sparse(self, texts: Sequence[str]) -> Any:
        """Texts (B) -> their weights as a scipy matrix (B, LINEAR_FEATURES), read as for linear models."""
        from scipy.sparse import csr_array

        rows = [_read_both(_bytes(text)[:MAX_BYTES], self._hashes) for text in texts]
        starts = np.cumsum([0, *(len(ids) for ids, _ in rows)], dtype=np.int32)  # scikit-learn takes no other
        ids, weights = (np.concatenate(column) for column in zip(*rows, strict=True))
        return csr_array((weights, ids, starts), shape=(len(rows), LINEAR_FEATURES))

    def to_json(self) -> str:
        return json.dumps({"kind": "ngrams", "known": self.known, "linear_only": self.linear_only})


def _pad(rows: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Buckets and weights of each text -> (B, T) int64 and (B, T) float32, padded with zeros."""
    most = max((len(ids) for ids, _ in rows), default=0) or 1
    buckets, weight = np.zeros((len(rows), most), np.int64), np.zeros((len(rows), most), np.float32)
    for row, (ids, weights) in enumerate(rows):
        buckets[row, : len(ids)], weight[row, : len(ids)] = ids, weights
    return buckets, weight


def train_ngrams(texts: Iterable[str], groups: Iterable[str], min_groups: int, linear_only: bool = False) -> Ngrams:
    """Training texts and their projects -> tokenizer that keeps the names of at least min_groups projects."""
    used_by: dict[bytes, set[str]] = defaultdict(set)
    for text, group in zip(texts, groups, strict=True):
        data = _bytes(text)[:MAX_BYTES]
        for start, end in words(data):
            used_by[data[start:end].tobytes()].add(group)
    return Ngrams((word.decode() for word, by in used_by.items() if len(by) >= min_groups), linear_only)


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-8", "replace"), np.uint8)


@compiled
def _put(out: np.ndarray, size: int, c: int, blank: bool) -> int:
    """Append a character to the `size` ones of `out`, and return how many there are.

    blank: runs of white space become one blank.
    """
    if blank and size and (c == 32 or 9 <= c <= 13) and (out[size - 1] == 32 or 9 <= out[size - 1] <= 13):
        out[size - 1] = 32
        return size
    out[size] = c
    return size + 1


@compiled
def _mask(text: np.ndarray, known: np.ndarray, blank: bool) -> np.ndarray:
    """Bytes -> the same, unknown names written as their shape, runs of one character in it as one."""
    out = np.empty(len(text), np.uint8)
    size, i = 0, 0
    for start, end in words(text):
        while i < start:
            size = _put(out, size, text[i], blank)
            i += 1
        if is_known(hash_word(text[start:end]), known):
            out[size : size + end - start] = text[start:end]
            size += end - start
        else:
            last = 0
            for k in range(start, end):
                character = shape(text[k])
                if character != last:
                    out[size] = character
                    size += 1
                last = character
        i = end
    while i < len(text):
        size = _put(out, size, text[i], blank)
        i += 1
    return out[:size]


@compiled
def _count(units: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes or tokens -> the buckets of their n-grams, and log(1 + count) of each, scaled to length 1."""
    counts = np.zeros(NUM_HASH_BUCKETS, np.uint16)
    buckets = np.empty(len(units) * longest, np.int32)
    distinct = 0
    for i in range(len(units)):
        value = FNV
        for k in range(min(longest, len(units) - i)):
            value = mixed(value, np.uint64(units[i + k]))
            bucket = np.int64((value ^ (value >> np.uint64(32))) % np.uint64(NUM_HASH_BUCKETS))
            if counts[bucket] == 0:
                buckets[distinct] = bucket
                distinct += 1
            if counts[bucket] < 65535:
                counts[bucket] += 1
    ids = buckets[:distinct].copy()
    weights = np.empty(distinct, np.float32)
    for j in range(distinct):
        weights[j] = np.log1p(np.float32(counts[ids[j]]))
    length = np.sqrt((weights * weights).sum())
    return ids, weights / max(length, np.float32(1e-9))


@compiled
def _read(text: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bytes -> the buckets and weights of its n-grams of 1 to MAX_NGRAM bytes."""
    return _count(_mask(text, known, False), MAX_NGRAM)


@compiled
def _read_both(text: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bytes -> what linear models read: n-grams of bytes and, after them, n-grams of tokens."""
    ids, weights = _count(_mask(text, known, True), MAX_NGRAM)
    token_ids, token_weights = _count(tokens(text, known), MAX_TOKENS)
    return np.concatenate((ids, token_ids + np.int32(NUM_HASH_BUCKETS))), np.concatenate((weights, token_weights))
