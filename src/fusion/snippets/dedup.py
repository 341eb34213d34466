"""Texts -> near-duplicates among them: MinHash over token triples, found by locality-sensitive hashing.

MinHash: Broder, "On the resemblance and containment of documents", 1997.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from rensa import RMinHash

NUM_PERM, NUM_BANDS = 128, 32  # bands of 4 rows: a pair of similarity 0.7 is met with probability 0.9998
NEAR_DUPLICATE = 0.7  # Jaccard similarity of token triples from which two snippets are one
CHUNK = 2048  # texts whose triples are in memory at once
MAX_REPRESENTATIVES = 32  # rows of a bucket that a newcomer is compared with

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d+")


def shingles(text: str) -> list[str]:
    """Text -> its token triples; all numbers are the same, white space is ignored."""
    tokens = _TOKEN.findall(_DIGITS.sub("0", text))
    if len(tokens) < 3:
        return [" ".join(tokens)]
    return [" ".join(triple) for triple in zip(tokens, tokens[1:], tokens[2:], strict=False)]


def signatures(texts: Sequence[str], seed: int = 1) -> np.ndarray:
    """Texts (N) -> (N, NUM_PERM) uint32; the share of equal entries estimates the Jaccard similarity."""
    hashes = np.zeros((len(texts), NUM_PERM), np.uint32)
    for start in range(0, len(texts), CHUNK):
        chunk = [shingles(text) for text in texts[start : start + CHUNK]]
        hashes[start : start + CHUNK] = RMinHash.digests_from_token_sets(chunk, NUM_PERM, seed)
    return hashes


def jaccard_similarity(first: str, second: str) -> float:
    """Return the exact Jaccard similarity of two texts' token triples."""
    a, b = set(shingles(first)), set(shingles(second))
    return len(a & b) / len(a | b)


def near_pairs(hashes: np.ndarray, min_similarity: float = NEAR_DUPLICATE) -> Iterator[tuple[int, int]]:
    """(N, NUM_PERM) -> pairs (first, later) of rows estimated at least that similar; a pair may come twice.

    In a bucket every row is compared with the rows that were not near any before them, so a chain of
    copies is linked without comparing each with each.
    """
    rows = NUM_PERM // NUM_BANDS
    for band in range(NUM_BANDS):
        part = np.ascontiguousarray(hashes[:, band * rows : (band + 1) * rows])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * rows))).ravel()
        for bucket in _buckets(keys):
            yield from _near_in_bucket(hashes, bucket, min_similarity)


def _buckets(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the row numbers, ascending, of every key that occurs more than once."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(counts)
    for number in np.flatnonzero(counts > 1):
        yield order[ends[number] - counts[number] : ends[number]]


def _near_in_bucket(hashes: np.ndarray, bucket: np.ndarray, min_similarity: float) -> Iterator[tuple[int, int]]:
    representatives = [int(bucket[0])]
    for row in bucket[1:]:
        similarity = (hashes[representatives] == hashes[row]).mean(1)  # (representatives,)
        best = int(similarity.argmax())
        if similarity[best] >= min_similarity:
            yield representatives[best], int(row)
        elif len(representatives) < MAX_REPRESENTATIVES:
            representatives.append(int(row))


def connected_components(count: int, pairs: Iterator[tuple[int, int]] | Sequence[tuple[int, int]]) -> np.ndarray:
    """Rows 0..count-1 and pairs of them -> (count,) the lowest row that each is linked to, by however many steps."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    return np.array([root(row) for row in range(count)], np.int64)
