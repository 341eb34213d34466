"""Near-duplicates and projects: who is linked to whom, and in the same way every time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fusion.snippets.corpus.clones import COMMON, FEWEST, clones, join
from fusion.snippets.dedup import NEAR, components, near_pairs, shingles, signatures, similarity

LINES = [f"value_{name} = compute({name}, other_{name})" for name in "abcdefghijklmnopqrst"]
WHOLE = "\n".join(LINES)


def test_copies_are_near_and_strangers_are_not() -> None:
    changed = WHOLE.replace("value_c", "result_c")
    spaced = WHOLE.replace("\n", "\n\n    ")
    numbered = WHOLE.replace("value_a", "value_a1")
    stranger = "\n".join(f"let {name} = await fetch('/{name}').json();" for name in "abcdefghijklmnop")
    texts = [WHOLE, changed, spaced, stranger]
    roots = components(4, near_pairs(signatures(texts)))
    assert roots.tolist() == [0, 0, 0, 3]
    assert similarity(WHOLE, changed) > NEAR and similarity(WHOLE, stranger) < 0.1
    assert similarity(WHOLE, spaced) == 1 and similarity("a1 = 23\nb", "a7 = 4\nb") == 1 > similarity(WHOLE, numbered)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_has_shingles(one: str, other: str) -> None:
    assert shingles(one) and 0 <= similarity(one, other) <= 1 and similarity(one, one) == 1


def test_signatures_do_not_depend_on_company() -> None:
    alone, together = signatures([WHOLE]), signatures(["x = 1", WHOLE, ""])
    assert np.array_equal(alone[0], together[1]) and together.dtype == np.uint32
    assert list(near_pairs(signatures([]))) == []


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_components_are_named_by_their_lowest_row(case) -> None:
    count, pairs = case
    roots = components(count, pairs)
    assert all(roots[one] == roots[other] for one, other in pairs)
    assert all(root <= row and roots[root] == root for row, root in enumerate(roots))
    assert np.array_equal(roots, components(count, pairs[::-1]))


def held(*hashes: range) -> dict[str, np.ndarray]:
    return {"C": np.array(sorted({x for some in hashes for x in some}), np.uint64)}


def test_packages_that_share_their_lines_are_clones() -> None:
    own = range(1000, 1000 + 4 * FEWEST)
    part = range(1000, 1000 + FEWEST)
    assert clones([held(own), held(part, range(0, 100)), held(range(5000, 5200))]) == [(0, 1, FEWEST / (FEWEST + 100))]
    assert clones([held(own), {"Java": held(part)["C"]}]) == [], "only within a language"
    assert clones([held(own), held(range(1000, 1010))]) == [], "ten lines prove nothing"
    tool = {"JavaScript": held(part)["C"]}
    one, other = (tool | {"C": held(range(start, start + 2000))["C"]} for start in (10_000, 20_000))
    assert clones([one, other]) == [], "what a tool leaves in both"
    assert clones([held(own) for _ in range(COMMON)]) == [], "lines that everyone has are idioms"


def test_projects_are_joined_by_name_and_by_clones_and_named_by_the_first() -> None:
    names = ["dojo", "dijit", "zlib", "copy-of-zlib", "alone"]
    projects = ["dojo", "dojo", "zlib", "copy-of-zlib", "alone"]
    assert join(names, projects, [(2, 3, 0.5)]) == ["dojo", "dojo", "zlib", "zlib", "alone"]
