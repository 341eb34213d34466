"""Code is told from prose and from interfaces by the grid that it stands on."""

import numpy as np

from fusion.reading.cells import Cells
from fusion.reading.pane import find_pane
from fusion.reading.recognizer import CLASSES

PITCH, LINE = 8.4, 20.0  # pixels


def cells_at(x: np.ndarray, y: np.ndarray, pitch: float = PITCH, title: float = 0.0, sign: str = "a") -> Cells:
    """One cell for each character whose middle is given."""
    count = len(x)
    characters = np.full((count, CLASSES), -9.0)
    characters[:, ord(sign)] = -0.01
    return Cells(
        x,
        y,
        x,
        np.full(count, pitch),
        np.full(count, LINE),
        np.ones(count),
        characters,
        np.tile([0.0, title], (count, 1)),
    )


def code(rows: int, columns: int, left: float, top: float) -> Cells:
    """Rows of characters one pitch apart, a little off as a network says it."""
    noise = np.random.default_rng(0).normal(0, 0.5, (2, rows * columns))
    y, x = np.divmod(np.arange(rows * columns), columns)
    return cells_at(left + x * PITCH + noise[0], top + y * LINE + noise[1])


def prose(rows: int, characters: int, left: float, top: float, title: float = 0.0) -> Cells:
    """Rows of characters as wide as each is."""
    rng = np.random.default_rng(1)
    widths = rng.uniform(0.4 * PITCH, 1.4 * PITCH, (rows, characters))
    x = left + np.cumsum(widths, 1) - widths / 2
    y = np.repeat(top + np.arange(rows) * 1.3 * LINE, characters)
    return cells_at(x.ravel(), y, 0.9 * PITCH, title)


def together(*parts: Cells) -> Cells:
    names = Cells.__dataclass_fields__
    return Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def test_code_between_prose_is_found() -> None:
    block = code(6, 40, 60.0, 300.0)
    pane = find_pane(together(prose(8, 70, 20.0, 40.0), block, prose(8, 70, 20.0, 500.0)))
    assert pane is not None and abs(pane.pitch - PITCH) < 0.02
    assert len(pane.cells) == len(block) and pane.cells.y.min() > 290 and pane.cells.y.max() < 410


def test_a_side_bar_at_the_height_of_the_code_is_left_out() -> None:
    block = code(10, 50, 300.0, 50.0)
    pane = find_pane(together(prose(8, 14, 10.0, 48.0), block))
    assert pane is not None and len(pane.cells) == len(block) and pane.cells.x.min() > 290


def test_what_the_network_takes_for_an_interface_is_left_out_though_it_stands_on_a_grid_of_its_own() -> None:
    bar = cells_at(20 + (np.arange(30) + 0.45) * PITCH, np.full(30, 10.0), title=0.9)
    block = code(4, 30, 20.0, 50.0)
    pane = find_pane(together(bar, block))
    assert pane is not None and len(pane.cells) == len(block)


def test_short_lines_stay_where_they_stand_on_the_grid() -> None:
    brace = cells_at(np.array([60.0]), np.array([50 + 5 * LINE]))
    pane = find_pane(together(code(5, 40, 60.0, 50.0), brace))
    assert pane is not None and len(pane.cells) == 5 * 40 + 1


def test_a_few_short_lines_are_code_too() -> None:
    pane = find_pane(code(3, 3, 20.0, 20.0))
    assert pane is not None and len(pane.cells) == 9


def test_text_of_one_font_of_any_width_is_kept_where_nothing_else_is() -> None:
    text = prose(5, 60, 20.0, 20.0)
    pane = find_pane(text)
    assert pane is not None and len(pane.cells) == len(text)


def test_types_far_before_long_names_are_code_and_the_words_of_a_side_bar_are_not() -> None:
    block = code(6, 40, 300.0, 50.0)
    types = cells_at(np.tile(300 - (30 - np.arange(4)) * PITCH, 6), np.repeat(50 + np.arange(6) * LINE, 4))
    pane = find_pane(together(types, block))
    assert pane is not None and len(pane.cells) == len(block) + 24
    rng = np.random.default_rng(3)
    words = cells_at((np.tile(np.arange(4.0), 6) + np.repeat(rng.random(6), 4)) * PITCH, types.y + 3)
    pane = find_pane(together(words, block))
    assert pane is not None and len(pane.cells) == len(block)


def test_the_sign_of_a_comment_may_stand_far_before_its_text() -> None:
    sign = cells_at(np.array([300 - 16 * PITCH]), np.array([50 + 2 * LINE]))
    pane = find_pane(together(code(6, 40, 300.0, 50.0), sign))
    assert pane is not None and len(pane.cells) == 6 * 40 + 1


def test_what_stands_far_below_all_code_is_none() -> None:
    clock = cells_at(60 + np.arange(4) * PITCH, np.full(4, 50 + 20 * LINE))
    pane = find_pane(together(code(5, 40, 60.0, 50.0), clock))
    assert pane is not None and len(pane.cells) == 5 * 40


def test_little_code_among_much_prose_is_found() -> None:
    block = code(2, 12, 60.0, 300.0)
    pages = [prose(12, 90, 20.0, 40.0), block, prose(12, 90, 20.0, 400.0)]
    pane = find_pane(together(*pages))
    assert pane is not None and 290 < np.median(pane.cells.y) < 330


def test_a_single_line_that_hardly_stands_on_a_grid_is_no_code_on_one() -> None:
    for seed in range(20):
        x = 60 + np.arange(13) * PITCH + np.random.default_rng(seed).normal(0, 1.4, 13)
        pane = find_pane(cells_at(x, np.full(13, 50.0)))
        assert pane is not None and len(pane.cells) == 13
