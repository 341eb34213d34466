"""Characters and the slots and cells they take."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.screenshots.charset import BOX, NOTHING, PAGE, SLOTS, tables


def test_the_page_fills_its_slots():
    assert len(PAGE) == 252 and len(SLOTS) == 252 and max(PAGE) == 255
    assert NOTHING not in PAGE and BOX not in PAGE


def test_visible_ascii_and_latin_1_stand_at_their_own_numbers():
    slots, cells = tables()
    own = [*range(33, 127), *range(161, 256)]
    assert slots[own].tolist() == own and (cells[own] == 1).all()


@pytest.mark.parametrize("char", "\u00a0\u2003\u3000 ")
def test_blanks_are_nothing_as_wide_as_they_are(char):
    slots, cells = tables()
    assert slots[ord(char)] == NOTHING and cells[ord(char)] == (2 if char == "\u3000" else 1)


@pytest.mark.parametrize("char", "\x00\x1b\x7f\u200f\u202e\u2066")
def test_control_and_bidirectional_characters_are_shown_as_a_box(char):
    slots, cells = tables()
    assert slots[ord(char)] == BOX and cells[ord(char)] == 1


@given(st.integers(0, 65_535))
def test_every_character_has_a_slot_and_cells_that_fit_its_kind(point):
    slots, cells = tables()
    char = chr(point)
    assert slots[point] in (NOTHING, BOX) or PAGE[int(slots[point])] == char
    if char not in SLOTS:
        is_mark = unicodedata.category(char) in ("Mn", "Me")
        is_wide = unicodedata.east_asian_width(char) in ("W", "F")
        assert cells[point] == (0 if is_mark else 2 if is_wide else 1)


def test_tables_are_made_once():
    assert all(np.shares_memory(first, second) for first, second in zip(tables(), tables(), strict=True))
