"""Near-duplicates: which texts are linked to which, and in the same way every time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fusion.snippets.dedup import (
    NEAR_DUPLICATE,
    connected_components,
    jaccard_similarity,
    near_pairs,
    shingles,
    signatures,
)

LINES = [f"value_{name} = compute({name}, other_{name})" for name in "abcdefghijklmnopqrst"]
WHOLE = "\n".join(LINES)


def test_copies_are_near_and_strangers_are_not() -> None:
    changed = WHOLE.replace("value_c", "result_c")
    spaced = WHOLE.replace("\n", "\n\n    ")
    numbered = WHOLE.replace("value_a", "value_a1")
    stranger = "\n".join(f"let {name} = await fetch('/{name}').json();" for name in "abcdefghijklmnop")
    texts = [WHOLE, changed, spaced, stranger]
    roots = connected_components(4, near_pairs(signatures(texts)))
    assert roots.tolist() == [0, 0, 0, 3]
    assert jaccard_similarity(WHOLE, changed) > NEAR_DUPLICATE and jaccard_similarity(WHOLE, stranger) < 0.1
    assert jaccard_similarity(WHOLE, spaced) == 1 and jaccard_similarity(
        "a1 = 23\nb", "a7 = 4\nb"
    ) == 1 > jaccard_similarity(WHOLE, numbered)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_has_shingles(one: str, other: str) -> None:
    assert shingles(one) and 0 <= jaccard_similarity(one, other) <= 1 and jaccard_similarity(one, one) == 1


def test_signatures_do_not_depend_on_company() -> None:
    alone, together = signatures([WHOLE]), signatures(["x = 1", WHOLE, ""])
    assert np.array_equal(alone[0], together[1]) and together.dtype == np.uint32
    assert list(near_pairs(signatures([]))) == []


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_components_are_named_by_their_lowest_row(case) -> None:
    count, pairs = case
    roots = connected_components(count, pairs)
    assert all(roots[one] == roots[other] for one, other in pairs)
    assert all(root <= row and roots[root] == root for row, root in enumerate(roots))
    assert np.array_equal(roots, connected_components(count, pairs[::-1]))
