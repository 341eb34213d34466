"""Cells -> lines: what a perfect network sees comes back character by character, with its indentation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.ideal import aims_of, cells_of
from tests.reading.test_pane import LINE, code, together

from fusion.reading.decode import decode
from fusion.reading.lines import assemble
from fusion.reading.transcript import Line

TEXT = "def f(a, b):\n    if a > b:\n\n\n        return [a, 'é→']  # l1I|\n    return {}\n\nx = {'0': O}"


def read(text: str, zoom: float = 1.0, **style: object) -> tuple[Line, ...]:
    grid = decode(cells_of(aims_of(text, zoom, **style)))
    return () if grid is None else assemble(grid, 1.0)


def joined(lines: tuple[Line, ...]) -> str:
    return "\n".join(line.text for line in lines)


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize(("size", "line_height"), [(9, 110), (11, 133), (14, 150), (16, 170)])
def test_a_text_comes_back(size: int, line_height: int, numbers: bool) -> None:
    lines = read(TEXT, font_size=size, line_height=line_height, line_numbers=numbers, first_line=7)
    assert joined(lines) == TEXT
    assert [line.number for line in lines] == ([*range(7, 15)] if numbers else [None] * 8)


def test_a_picture_of_more_pixels_reads_the_same() -> None:
    assert joined(read(TEXT, 2.0)) == joined(read(TEXT)) == TEXT


def test_tabs_come_back_as_the_blanks_they_look_like() -> None:
    assert joined(read("a\n\tb\n\t\tc")) == "a\n    b\n        c"


def test_wide_characters_take_two_columns_and_are_not_told_apart() -> None:
    assert joined(read("x = '日本'\ny = 1")) == "x = '\ufffd\ufffd'\ny = 1"


def test_titles_are_no_code() -> None:
    assert joined(read("a = 1\nb = 2", title="untitled", window="mac")) == "a = 1\nb = 2"


def test_numbers_in_code_are_no_gutter() -> None:
    assert joined(read("1\n1\n2\n3\n5\n8")) == "1\n1\n2\n3\n5\n8"
    assert joined(read("10 print\n20 goto 10\n30 end")) == "10 print\n20 goto 10\n30 end"


def test_boxes_lie_where_the_characters_are() -> None:
    line = read("ab\n  c", font_size=14, margin=10)[1]
    pitch = line.boxes[2, 2] - line.boxes[2, 0]
    assert line.text == "  c" and 8 < pitch < 9
    assert line.boxes[2, 0] == pytest.approx(10 + 2 * pitch, abs=1)
    assert (np.diff(line.boxes[:, 0]) > 0).all() and line.confidence.shape == (3,)


def test_a_picture_of_nothing_has_no_lines() -> None:
    assert read("") == () and read("\n\n") == ()


@given(st.lists(st.text(st.sampled_from("ab1({;.  _"), max_size=30), min_size=1, max_size=9))
def test_any_text_comes_back_without_its_margin(drawn: list[str]) -> None:
    wanted = [line.rstrip() for line in drawn]
    while wanted and not wanted[-1]:
        wanted.pop()
    while wanted and not wanted[0]:
        wanted.pop(0)
    margin = min((len(line) - len(line.lstrip()) for line in wanted if line), default=0)
    visible = sum(len(line.replace(" ", "")) for line in wanted)
    if visible < 2:
        return
    assert joined(read("\n".join(drawn))) == "\n".join(line[margin:] for line in wanted)


def test_lines_far_below_are_code_only_where_they_are_as_far_apart() -> None:
    block = code(8, 30, 60.0, 50.0)
    below = code(4, 30, 60.0, 50.0 + 20 * LINE)
    grid = decode(together(block, below))
    assert grid is not None and len(grid.rows) == 12, "another block of the same page"
    top = below.y.min()
    terminal = replace(below, y=top + (below.y - top) * 0.8)
    grid = decode(together(block, terminal))
    assert grid is not None and len(grid.rows) == 8, "the terminal under an editor"
