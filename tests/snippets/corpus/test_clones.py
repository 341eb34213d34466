"""Packages that share their lines are one project."""

import numpy as np

from fusion.snippets.corpus.clones import COMMON, MIN_OWN_LINES, find_clones, join_projects


def lines_of(*hashes: range) -> dict[str, np.ndarray]:
    return {"C": np.array(sorted({x for some in hashes for x in some}), np.uint64)}


def test_packages_that_share_their_lines_are_clones() -> None:
    own = range(1000, 1000 + 4 * MIN_OWN_LINES)
    part = range(1000, 1000 + MIN_OWN_LINES)
    assert find_clones([lines_of(own), lines_of(part, range(0, 100)), lines_of(range(5000, 5200))]) == [
        (0, 1, MIN_OWN_LINES / (MIN_OWN_LINES + 100))
    ]
    assert find_clones([lines_of(own), {"Java": lines_of(part)["C"]}]) == [], "only within a language"
    assert find_clones([lines_of(own), lines_of(range(1000, 1010))]) == [], "ten lines prove nothing"
    tool = {"JavaScript": lines_of(part)["C"]}
    one, other = (tool | {"C": lines_of(range(start, start + 2000))["C"]} for start in (10_000, 20_000))
    assert find_clones([one, other]) == [], "what a tool leaves in both"
    assert find_clones([lines_of(own) for _ in range(COMMON)]) == [], "lines that everyone has are idioms"


def test_projects_are_joined_by_name_and_by_clones_and_named_by_the_first() -> None:
    projects = ["dojo", "dojo", "zlib", "copy-of-zlib", "alone"]
    assert join_projects(projects, [(2, 3, 0.5)]) == ["dojo", "dojo", "zlib", "zlib", "alone"]
