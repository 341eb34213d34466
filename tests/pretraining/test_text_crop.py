"""Where a passage begins, and that it shows enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.pretraining.text_crop import density, is_dense, text_crop


def shown(text: str, rows: int, columns: int) -> int:
    lines = [line[:columns] for line in text.split("\n")[:rows]]
    return sum(len(line) - line.count(" ") for line in lines)


@given(st.text(alphabet="ab \n\t{}", min_size=1, max_size=300), st.integers(0, 2**64 - 1))
def test_a_passage_of_a_dense_text_shows_enough(text: str, key: int) -> None:
    found = text_crop(text, key, 3, 8, 10)
    assert found == text_crop(text, key, 3, 8, 10)
    if is_dense(text, 3, 8, 10):
        assert shown(found, 3, 8) >= 10
    else:
        assert shown(found, 3, 8) == density(text.expandtabs(4).split("\n"), 0, 3, 8).max()


def test_places_differ_and_empty_ones_are_passed_over() -> None:
    text = "\n".join(["first line of it", *[""] * 20, *(f"    line {i} of the end" for i in range(9))])
    found = [text_crop(text, key, 3, 20, 30) for key in range(200)]
    starts = {one.split("\n")[0] for one in found}
    assert len(starts) > 5 and "" not in starts
    assert any(one.startswith("line") for one in found), "at the indentation"
    assert any(one.startswith("    line") for one in found), "at the first column"


@pytest.mark.parametrize("text", ["", "\n\n", "\t"])
def test_nothing_is_shown_of_nothing(text: str) -> None:
    assert text_crop(text, 5, 3, 8, 10).strip() == "" and not is_dense(text, 3, 8, 10)
    assert isinstance(density([""], 0, 3, 8), np.ndarray)
