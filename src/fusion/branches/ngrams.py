"""Texts -> hashed n-grams of bytes, rare names replaced by their shape.

A name that few projects use (`fetchUserRows`) tells the project, not the language, so it is read as its shape
(`xXxXx`). Names that at least `min_groups` training projects share are kept as they are. The linear member
(linear_member.py) reads runs of white space as one blank: indentation is a habit of projects, and two ways of reading
make different mistakes.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from fusion.jit import compiled

NUM_HASH_BUCKETS = 1 << 18  # that n-grams are hashed to
MAX_NGRAM = 5  # bytes of the longest n-gram
MAX_BYTES = 8192  # read of a text

_FNV, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits


class Ngrams:
    """Texts -> input_ids (B, T) int64, attention_mask (B, T) bool, weight (B, T) float32, T the most distinct n-grams.

    And for the linear member linear_ids (B, V) and linear_weight (B, V), 0 where a text has no more n-grams.
    """

    def __init__(self, known: Iterable[str]):
        self.known = sorted(known)
        self._hashes = np.array(sorted(_hash_word(_bytes(word)) for word in self.known), np.uint64)

    def __call__(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        data = [_bytes(text)[:MAX_BYTES] for text in texts]
        ids, weight = _pad([_read(text, self._hashes, False) for text in data])
        linear_ids, linear_weight = _pad([_read(text, self._hashes, True) for text in data])
        return {
            "input_ids": ids, "attention_mask": weight > 0, "weight": weight,
            "linear_ids": linear_ids, "linear_weight": linear_weight,
        }  # fmt: skip

    def sparse(self, texts: Sequence[str]) -> Any:
        """Texts (B) -> their weights as a scipy matrix (B, NUM_HASH_BUCKETS), read as for the linear member."""
        from scipy.sparse import csr_array

        rows = [_read(_bytes(text)[:MAX_BYTES], self._hashes, True) for text in texts]
        starts = np.cumsum([0, *(len(ids) for ids, _ in rows)], dtype=np.int32)  # scikit-learn takes no other
        ids, weights = (np.concatenate(column) for column in zip(*rows, strict=True))
        return csr_array((weights, ids, starts), shape=(len(rows), NUM_HASH_BUCKETS))

    def to_json(self) -> str:
        return json.dumps({"kind": "ngrams", "known": self.known})


def _pad(rows: list[tuple[np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Buckets and weights of each text -> (B, T) int64 and (B, T) float32, padded with zeros."""
    most = max((len(ids) for ids, _ in rows), default=0) or 1
    buckets, weight = np.zeros((len(rows), most), np.int64), np.zeros((len(rows), most), np.float32)
    for row, (ids, weights) in enumerate(rows):
        buckets[row, : len(ids)], weight[row, : len(ids)] = ids, weights
    return torch.from_numpy(buckets), torch.from_numpy(weight)


def train_ngrams(texts: Iterable[str], groups: Iterable[str], min_groups: int) -> Ngrams:
    """Training texts and their projects -> tokenizer that keeps the names of at least min_groups projects."""
    used_by: dict[bytes, set[str]] = defaultdict(set)
    for text, group in zip(texts, groups, strict=True):
        data = _bytes(text)[:MAX_BYTES]
        for start, end in _words(data):
            used_by[data[start:end].tobytes()].add(group)
    return Ngrams((word.decode() for word, by in used_by.items() if len(by) >= min_groups))


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-8", "replace"), np.uint8)


@compiled
def _is_letter(c: int) -> bool:
    return 97 <= c <= 122 or 65 <= c <= 90 or c == 95  # a-z, A-Z, _


@compiled
def _is_digit(c: int) -> bool:
    return 48 <= c <= 57


@compiled
def _words(text: np.ndarray) -> np.ndarray:
    """Bytes -> (start, end) of each name of two characters or more, (W, 2)."""
    spans = np.empty((len(text) // 2 + 1, 2), np.int64)
    count, i = 0, 0
    while i < len(text):
        start = i
        while i < len(text) and (_is_letter(text[i]) or (i > start and _is_digit(text[i]))):
            i += 1
        if i - start >= 2:
            spans[count, 0], spans[count, 1] = start, i
            count += 1
        i = max(i, start + 1)
    return spans[:count]


@compiled
def _hash_word(word: np.ndarray) -> np.uint64:
    value = _FNV
    for c in word:
        value = (value ^ np.uint64(c)) * _PRIME
    return value


@compiled
def _shape(c: int) -> int:
    """Letters and digits -> x, X or 0; _ stays."""
    if c == 95:
        return 95
    if _is_digit(c):
        return 48
    return 120 if c >= 97 else 88


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
    for start, end in _words(text):
        while i < start:
            size = _put(out, size, text[i], blank)
            i += 1
        value = _hash_word(text[start:end])
        position = np.searchsorted(known, value)
        if position < len(known) and known[position] == value:
            out[size : size + end - start] = text[start:end]
            size += end - start
        else:
            last = 0
            for k in range(start, end):
                character = _shape(text[k])
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
def _read(text: np.ndarray, known: np.ndarray, blank: bool) -> tuple[np.ndarray, np.ndarray]:
    """Bytes -> the buckets of its n-grams of 1 to MAX_NGRAM bytes, and log(1 + count) of each, scaled to length 1."""
    masked = _mask(text, known, blank)
    counts = np.zeros(NUM_HASH_BUCKETS, np.uint16)
    buckets = np.empty(len(masked) * MAX_NGRAM, np.int32)
    distinct = 0
    for i in range(len(masked)):
        value = _FNV
        for k in range(min(MAX_NGRAM, len(masked) - i)):
            value = (value ^ np.uint64(masked[i + k])) * _PRIME
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
