"""Packages -> projects: packages that share many of their lines, or are one organisation's, count as one."""

from collections.abc import Mapping, Sequence

import numpy as np

from fusion.snippets.dedup import connected_components

MIN_SHARED = 0.15  # of the longer lines of the smaller package, in one language
MIN_SHARED_OVERALL = 0.05  # of all its longer lines; less is what a documentation tool or build system leaves behind
MIN_OWN_LINES = 40  # rare lines that two packages need before they are compared
COMMON = 6  # packages; a line found in so many is an idiom or a licence

LineHashes = Mapping[str, np.ndarray]  # language -> (n,) uint64, hashes of the longer lines


def find_clones(packages: Sequence[LineHashes]) -> list[tuple[int, int, float]]:
    """Lines of each package -> (first, second, share) of every two that share MIN_SHARED of a language, or more."""
    totals = [sum(map(len, lines.values())) for lines in packages]
    shares: dict[tuple[int, int], float] = {}
    for language in sorted({language for lines in packages for language in lines}):
        holders = [(number, lines[language]) for number, lines in enumerate(packages) if language in lines]
        for first, second, share in _clones_in_language(holders, totals):
            shares[first, second] = max(share, shares.get((first, second), 0))
    return [(first, second, share) for (first, second), share in sorted(shares.items())]


def _clones_in_language(holders: list[tuple[int, np.ndarray]], totals: Sequence[int]) -> list[tuple[int, int, float]]:
    """(package, its lines) -> (first, second, share), first < second."""
    if len(holders) < 2:
        return []
    numbers = np.concatenate([np.full(len(lines), number) for number, lines in holders])  # (lines,)
    hashes = np.concatenate([lines for _, lines in holders])
    order = np.lexsort((numbers, hashes))
    numbers, hashes = numbers[order], hashes[order]
    _, starts, counts = np.unique(hashes, return_index=True, return_counts=True)
    rare = counts < COMMON
    own = np.bincount(np.repeat(rare, counts) * (numbers + 1))  # slot 0 takes the common lines
    shared: dict[tuple[int, int], int] = {}
    for start, count in zip(starts[rare & (counts > 1)], counts[rare & (counts > 1)], strict=True):
        together = numbers[start : start + count].tolist()
        for i, first in enumerate(together):
            for second in together[i + 1 :]:
                shared[first, second] = shared.get((first, second), 0) + 1
    clones = []
    for (first, second), count in sorted(shared.items()):
        smaller = int(min(own[first + 1], own[second + 1]))
        overall = min(totals[first], totals[second])
        if smaller >= MIN_OWN_LINES and count >= MIN_SHARED * smaller and count >= MIN_SHARED_OVERALL * overall:
            clones.append((first, second, count / smaller))
    return clones


def join_projects(projects: Sequence[str], clones: Sequence[tuple[int, int, float]]) -> list[str]:
    """Project that each package is declared to be of, and clones -> the project of each, named by its first package."""
    first: dict[str, int] = {}
    same = [(first.setdefault(project, number), number) for number, project in enumerate(projects)]
    roots = connected_components(len(projects), same + [(one, other) for one, other, _ in clones])
    return [projects[root] for root in roots]
