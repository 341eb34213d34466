"""What stands in a picture, and what was read -> how many characters are wrong, how many lines are indented rightly."""

import re
import textwrap

import numpy as np

SKIP = 0.35  # cost of a line without a partner, where 0 is the cost of two equal lines and 1 of two with nothing shared


def tidy(text: str, squeeze: bool = False) -> str:
    """Return a text without what no picture shows: the margin, ends of lines, blank lines around it.

    squeeze: several blank lines count as one, for texts of several blocks.
    """
    lines = [line.rstrip() for line in text.expandtabs(4).split("\n")]
    joined = textwrap.dedent("\n".join(lines)).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", joined) if squeeze else joined


def distance(first: str, second: str) -> int:
    """Return the fewest characters to put in, take out or change that make one text the other (Levenshtein 1965)."""
    if first == second:
        return 0
    return int(distances(first, [second])[0])


def distances(first: str, others: list[str]) -> np.ndarray:
    """Return the distance of one text to each of several (N,), all computed at once."""
    width = max(map(len, others), default=0)
    codes = np.full((len(others), width), -1, np.int32)  # (N, W)
    for row, other in enumerate(others):
        codes[row, : len(other)] = [ord(char) for char in other]
    steps = np.arange(width + 1, dtype=np.int32)
    row = np.tile(steps, (len(others), 1))  # (N, W + 1) distances of the text so far to each start of the others
    for char in first:
        best = np.minimum(row[:, 1:] + 1, row[:, :-1] + (codes != ord(char)))
        row = np.concatenate([row[:, :1] + 1, best], 1)
        row = np.minimum.accumulate(row - steps, 1) + steps  # a character put in costs one
    return row[np.arange(len(others)), [len(other) for other in others]]


def character_error(truth: str, read: str, white_space: bool = True) -> float:
    """Return the distance as a share of the true characters; above 1 where more was read than stands there."""
    if not white_space:
        truth, read = "".join(truth.split()), "".join(read.split())
    return distance(truth, read) / max(1, len(truth))


def indented_rightly(truth: str, read: str) -> tuple[int, int]:
    """Return how many lines of the truth that are not blank were read with as many spaces before them, and of how many.

    Lines are paired by what is in them, so that one that was lost or made up does not shift the others.
    """
    wanted = [line for line in truth.split("\n") if line.strip()]
    found = [line for line in read.split("\n") if line.strip()]
    pairs = paired([line.strip() for line in wanted], [line.strip() for line in found])
    return sum(_indent(wanted[i]) == _indent(found[j]) for i, j in pairs), len(wanted)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def paired(truth: list[str], read: list[str]) -> list[tuple[int, int]]:
    """Return pairs of line numbers, both rising, that cost least."""
    if not truth or not read:
        return []
    lengths = np.array([len(line) for line in read])
    cost = np.stack([distances(line, read) / np.maximum(lengths, len(line)) for line in truth])  # (T, R)
    total = np.zeros((len(truth) + 1, len(read) + 1))
    total[:, 0], total[0, :] = SKIP * np.arange(len(truth) + 1), SKIP * np.arange(len(read) + 1)
    for i in range(1, len(truth) + 1):
        for j in range(1, len(read) + 1):
            skipped = min(total[i - 1, j], total[i, j - 1]) + SKIP
            total[i, j] = min(skipped, total[i - 1, j - 1] + cost[i - 1, j - 1])
    return _walk_back(total, cost)


def _walk_back(total: np.ndarray, cost: np.ndarray) -> list[tuple[int, int]]:
    pairs, i, j = list[tuple[int, int]](), cost.shape[0], cost.shape[1]
    while i and j:
        if total[i, j] == total[i - 1, j - 1] + cost[i - 1, j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif total[i, j] == total[i - 1, j] + SKIP:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def ratio_interval(
    above: np.ndarray, below: np.ndarray, groups: list[str], rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of sum(above) / sum(below) over pictures, whole projects being drawn (bootstrap)."""
    _names, of = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(of, above), np.bincount(of, below)])  # (2, G)
    drawn = np.random.default_rng(seed).integers(sums.shape[1], size=(rounds, sums.shape[1]))
    ratios = sums[0][drawn].sum(1) / np.maximum(sums[1][drawn].sum(1), 1e-9)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)
