"""Names in bytes: where they are, what they hash to, and the shape of one that is not known."""

import numpy as np

from fusion.jit import compiled

FNV, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits


@compiled
def is_letter(c: int) -> bool:
    return 97 <= c <= 122 or 65 <= c <= 90 or c == 95  # a-z, A-Z, _


@compiled
def is_digit(c: int) -> bool:
    return 48 <= c <= 57


@compiled
def words(text: np.ndarray) -> np.ndarray:
    """Bytes -> (start, end) of each name of two characters or more, (W, 2)."""
    spans = np.empty((len(text) // 2 + 1, 2), np.int64)
    count, i = 0, 0
    while i < len(text):
        start = i
        while i < len(text) and (is_letter(text[i]) or (i > start and is_digit(text[i]))):
            i += 1
        if i - start >= 2:
            spans[count, 0], spans[count, 1] = start, i
            count += 1
        i = max(i, start + 1)
    return spans[:count]


@compiled
def hash_word(word: np.ndarray) -> np.uint64:
    value = FNV
    for c in word:
        value = (value ^ np.uint64(c)) * PRIME
    return value


@compiled
def is_known(value: np.uint64, known: np.ndarray) -> bool:
    """Return whether the hash of a name is among those of the known ones, ascending."""
    position = np.searchsorted(known, value)
    return bool(position < len(known) and known[position] == value)


@compiled
def shape(c: int) -> int:
    """Letters and digits -> x, X or 0; _ stays."""
    if c == 95:
        return 95
    if is_digit(c):
        return 48
    return 120 if c >= 97 else 88


@compiled
def mixed(value: np.uint64, unit: np.uint64) -> np.uint64:
    """Hash of an n-gram, and the byte or token after it -> the hash of both."""
    value = (value ^ (unit + (unit >> np.uint64(29)))) * PRIME
    return value ^ (value >> np.uint64(31))
