"""Packages -> projects: packages that share many of their lines, or are one organisation's, count as one."""

from collections.abc import Mapping, Sequence

import numpy as np

from fusion.snippets.dedup import components

SHARED = 0.15  # of the longer lines of the smaller package, in one language
OVERALL = 0.05  # of all its longer lines; less is what a documentation tool or build system leaves behind
FEWEST = 40  # lines of their own that two packages need before they are compared
COMMON = 6  # packages; a line found in so many is an idiom or a licence

Lines = Mapping[str, np.ndarray]  # language -> (n,) uint64, hashes of the longer lines


def clones(lines: Sequence[Lines]) -> list[tuple[int, int, float]]:
    """Packages' lines -> (one, other, share) of every two that share SHARED or more of a language, one < other."""
    whole = [sum(map(len, one.values())) for one in lines]
    found: dict[tuple[int, int], float] = {}
    for language in sorted({language for one in lines for language in one}):
        holders = [(number, one[language]) for number, one in enumerate(lines) if language in one]
        for one, other, share in _in_one_language(holders, whole):
            found[one, other] = max(share, found.get((one, other), 0))
    return [(one, other, share) for (one, other), share in sorted(found.items())]


def _in_one_language(holders: list[tuple[int, np.ndarray]], whole: Sequence[int]) -> list[tuple[int, int, float]]:
    if len(holders) < 2:
        return []
    numbers = np.concatenate([np.full(len(held), number) for number, held in holders])  # (lines,)
    hashes = np.concatenate([held for _, held in holders])
    order = np.lexsort((numbers, hashes))
    numbers, hashes = numbers[order], hashes[order]
    _, starts, counts = np.unique(hashes, return_index=True, return_counts=True)
    rare = counts < COMMON
    own = np.bincount(np.repeat(rare, counts) * (numbers + 1))  # slot 0 takes the common lines
    shared: dict[tuple[int, int], int] = {}
    for start, count in zip(starts[rare & (counts > 1)], counts[rare & (counts > 1)], strict=True):
        together = numbers[start : start + count].tolist()
        for i, one in enumerate(together):
            for other in together[i + 1 :]:
                shared[one, other] = shared.get((one, other), 0) + 1
    result = []
    for (one, other), count in sorted(shared.items()):
        smaller = int(min(own[one + 1], own[other + 1]))
        overall = min(whole[one], whole[other])
        if smaller >= FEWEST and count >= SHARED * smaller and count >= OVERALL * overall:
            result.append((one, other, count / smaller))
    return result


def join(names: Sequence[str], projects: Sequence[str], pairs: Sequence[tuple[int, int, float]]) -> list[str]:
    """Packages, the project each is said to be of, and clones -> the project of each, named by its first package."""
    first: dict[str, int] = {}
    same = [(first.setdefault(project, number), number) for number, project in enumerate(projects)]
    roots = components(len(names), same + [(one, other) for one, other, _ in pairs])
    return [projects[root] for root in roots]
