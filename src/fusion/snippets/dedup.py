"""Texts -> which of them say the same thing: MinHash over token triples, found by locality-sensitive hashing.

MinHash: Broder, "On the resemblance and containment of documents", 1997.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from rensa import RMinHash

PERMUTATIONS, BANDS = 128, 32  # bands of 4 rows: a pair of similarity 0.7 is met with probability 0.9998
NEAR = 0.7  # Jaccard similarity of token triples from which two snippets are one
CHUNK = 2048  # texts whose triples are in memory at once
REPRESENTATIVES = 32  # of a bucket that a newcomer is compared with

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d+")


def shingles(text: str) -> list[str]:
    """Text -> its token triples; numbers are all the same, white space is none."""
    tokens = _TOKEN.findall(_DIGITS.sub("0", text))
    if len(tokens) < 3:
        return [" ".join(tokens)]
    return [" ".join(triple) for triple in zip(tokens, tokens[1:], tokens[2:], strict=False)]


def signatures(texts: Sequence[str], seed: int = 1) -> np.ndarray:
    """Texts (N) -> (N, PERMUTATIONS) uint32; the share of equal entries estimates the Jaccard similarity."""
    found = np.zeros((len(texts), PERMUTATIONS), np.uint32)
    for start in range(0, len(texts), CHUNK):
        chunk = [shingles(text) for text in texts[start : start + CHUNK]]
        found[start : start + CHUNK] = RMinHash.digests_from_token_sets(chunk, PERMUTATIONS, seed)
    return found


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of two texts' token triples, exactly."""
    a, b = set(shingles(one)), set(shingles(other))
    return len(a & b) / len(a | b)


def near_pairs(signed: np.ndarray, least: float = NEAR) -> Iterator[tuple[int, int]]:
    """(N, PERMUTATIONS) -> pairs (first, later) of rows estimated at least that similar; a pair may come twice.

    In a bucket every row is compared with the rows that were not near any before them, so a chain of
    copies is linked without comparing each with each.
    """
    rows = PERMUTATIONS // BANDS
    for band in range(BANDS):
        part = np.ascontiguousarray(signed[:, band * rows : (band + 1) * rows])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * rows))).ravel()
        for bucket in _buckets(keys):
            yield from _within(signed, bucket, least)


def _buckets(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Row numbers, ascending, of every key that occurs more than once."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(counts)
    for number in np.flatnonzero(counts > 1):
        yield order[ends[number] - counts[number] : ends[number]]


def _within(signed: np.ndarray, bucket: np.ndarray, least: float) -> Iterator[tuple[int, int]]:
    chosen = [int(bucket[0])]
    for row in bucket[1:]:
        alike = (signed[chosen] == signed[row]).mean(1)  # (representatives,)
        best = int(alike.argmax())
        if alike[best] >= least:
            yield chosen[best], int(row)
        elif len(chosen) < REPRESENTATIVES:
            chosen.append(int(row))


def components(count: int, pairs: Iterator[tuple[int, int]] | Sequence[tuple[int, int]]) -> np.ndarray:
    """Rows 0..count-1 and pairs of them -> (count,) the lowest row that each is linked to, by however many steps."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(row) for row in range(count)], np.int64)
