"""Where everything stands: the window, its text, line numbers and title."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.screenshots.renderers import make_renderer

from fusion.config.render import Style
from fusion.screenshots import charset, layout
from fusion.screenshots.glyphs import Metrics, metrics
from fusion.screenshots.layout import CELLS, CHARACTER, CLASS, SLOT, X, Y
from fusion.screenshots.themes import LINE_NUMBER, TITLE

BARE = {"padding_x": 0, "padding_y": 0, "margin": 5, "window": "none", "height": "full", "font_size": 10}


def geometry(text: str, **style: Any) -> np.void:
    return make_renderer(BARE | style, "200x150", 64).scene([text], ["a"], None).geometry[0]


def sprites(text: str, **style: Any) -> np.ndarray:
    """What is placed of a text, (N, 6) int32."""
    renderer = make_renderer(BARE | style, "200x150", 64)
    scene, out = renderer.scene([text], ["a"], None), np.zeros((5000, 6), np.int32)
    titles = renderer.painter.tables.titles
    g = scene.geometry[0]
    count = layout.place(scene.points, scene.classes, 0, len(text), g, titles, *charset.tables(), out)
    return out[:count]


def expected(text: str, g: np.void) -> list[tuple[int, int, int]]:
    """The oracle: (x, y, index) of every character that shows, one after the other."""
    slots, cells = charset.tables()
    found, row, column = [], 0, 0
    for index, char in enumerate(text):
        if char == "\n":
            row, column = row + 1, 0
        elif char == "\t":
            column = (column // layout.TAB + 1) * layout.TAB
        elif char != "\r" or text[index + 1 : index + 2] != "\n":
            if slots[ord(char)] != charset.NOTHING and row < g["rows"] and column < g["columns"]:
                x = int(g["text_x"] + np.floor(column * g["advance"] + 0.5))
                y = int(g["text_y"] + g["baseline"] + np.floor(row * g["line_height"] + 0.5))
                found.append((x, y, index))
            column += int(cells[ord(char)])
    return found


@given(st.text(alphabet="ab\t \n\r漢\u0301é\u202e", max_size=120), st.sampled_from([100, 133, 200]))
@settings(max_examples=40, deadline=None)
def test_every_character_stands_in_its_own_cell(text, line_height):
    placed = sprites(text, line_height=line_height)
    wanted = expected(text, geometry(text, line_height=line_height))
    assert [tuple(sprite) for sprite in placed[:, [X, Y, CHARACTER]].tolist()] == wanted


def test_wide_characters_take_two_cells_and_marks_none():
    placed = sprites("漢e\u0301b👩c")
    assert placed[:, CELLS].tolist() == [2, 1, 1, 2, 1]
    assert np.diff(placed[:, X]).tolist() == [12, 6, 6, 12]  # of 10 pixels an em, 6 a cell


def test_lines_have_right_aligned_numbers():
    placed = sprites("a\n" * 12, line_numbers=True, first_line=95)
    numbers = placed[placed[:, CLASS] == LINE_NUMBER]
    rows = [numbers[numbers[:, Y] == y] for y in np.unique(numbers[:, Y])]
    assert ["".join(chr(slot) for slot in row[::-1, SLOT]) for row in rows][:7] == [*map(str, range(95, 102))]
    assert len({row[:, X].max() for row in rows}) == 1, "the last digits stand below each other"
    assert numbers[:, X].max() < placed[placed[:, CHARACTER] >= 0, X].min()


def test_a_title_stands_in_the_middle_of_its_bar():
    g, placed = geometry("", title="ab c☕"), sprites("", title="ab c☕")
    assert placed[:, SLOT].tolist() == [ord("a"), ord("b"), ord("c"), charset.BOX] and (placed[:, CLASS] == TITLE).all()
    middle = (placed[0, X] + placed[-1, X] + g["advance"]) / 2
    assert abs(middle - 100) <= 1 and 0 < placed[0, Y] < g["bar"]


def test_scrolling_shows_the_last_lines_and_columns():
    text = "\n".join(f"{i:03d}" + "x" * 90 + "END" for i in range(60))
    end = {text[i] for i in sprites(text, scroll_x=1.0, scroll_y=1.0)[:, CHARACTER]}
    last = text.rindex("END") + 2
    assert "E" in end and last in sprites(text, scroll_x=1.0, scroll_y=1.0)[:, CHARACTER]
    assert last not in sprites(text)[:, CHARACTER] and 0 in sprites(text)[:, CHARACTER]


@pytest.mark.parametrize(("kind", "rows"), [("none", 0), ("line", 1), ("selection", 3)])
def test_a_band_lies_behind_whole_lines(kind, rows):
    g = geometry("a\n" * 12, line_height=100, marked=kind, marked_at=0.5)
    assert g["mark_y1"] - g["mark_y0"] == rows * 10
    assert (g["mark_y0"] - g["text_y"]) % 10 == 0


def test_a_window_is_as_high_as_its_code_or_as_the_picture_allows():
    low, full = (geometry("a\n" * 3, padding_y=10, height=height) for height in ("content", "full"))
    assert full["y0"] == 15 and full["y1"] == 135
    assert low["y1"] - low["y0"] == pytest.approx(2 * 5 + 3 * 13.3, abs=1) and low["y0"] + low["y1"] == pytest.approx(
        150, abs=1
    )
    many = geometry("a\n" * 90, padding_y=10, height="content")
    assert (many["y0"], many["y1"]) == (15, 135)


@given(st.integers(0, 60), st.integers(0, 50))
@settings(max_examples=10, deadline=None)
def test_a_crop_moves_everything_alike(left, top):
    whole = make_renderer(BARE | {"marked": "line"}, "200x150", 64).scene(["a\nb"], ["a"], None).geometry
    part = layout.crop(whole, np.array([left]), np.array([top]))
    shifts = dict.fromkeys(("x0", "x1", "text_x"), -left) | {"left": left, "top": top}
    shifts |= dict.fromkeys(("y0", "y1", "text_y", "mark_y0", "mark_y1"), -top)
    for name in layout.GEOMETRY.names:
        assert part[name][0] - whole[name][0] == shifts.get(name, 0), name


@given(st.integers(1, 40), st.integers(6, 30), st.floats(80, 300), st.sampled_from([1.0, 2.0]))
@settings(max_examples=30, deadline=None)
def test_the_height_that_is_needed_shows_every_line(lines, font_size, line_height, scale):
    style = Style(font_size=font_size, line_height=line_height, scale=scale)
    measured = metrics(style.font, round(font_size * scale))
    height = layout.needed_height(style, measured, lines)
    drawn = {"font_size": font_size, "line_height": line_height, "scale": scale, "padding_x": 0, "padding_y": 0}
    if 8 <= height <= 8192:
        g = make_renderer(drawn, f"200x{height}", 64).scene(["a\n" * lines], ["a"], None).geometry[0]
        assert g["rows"] >= lines and g["y0"] >= 0
        last = g["text_y"] + g["baseline"] + np.floor((lines - 1) * g["line_height"] + 0.5)
        assert last + measured.descent <= height + 1


def test_titles_are_slots_with_blanks_at_the_end():
    table = layout.title_table(("", "a b", "☕"))
    assert table.tolist() == [[0, 0, 0], [ord("a"), charset.NOTHING, ord("b")], [charset.BOX, 0, 0]]


def test_measures_can_be_of_several_fonts():
    few = [Metrics(6.0, 9, 3), Metrics(12.0, 18, 6)]
    renderer = make_renderer(BARE, "200x150", 64)
    columns = renderer.painter.styles.columns(np.array([1, 2], np.uint64))
    words = {name: renderer.painter.styles.choices(name) for name in ("window", "title", "height", "marked")}
    both = layout.arrange(columns, words, few, [7, 8], np.array([3, 4]), (200, 150))
    assert both["advance"].tolist() == [6, 12] and both["entry"].tolist() == [7, 8]
    assert both["columns"].tolist() == [33, 17]
