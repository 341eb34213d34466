"""Segments whose characters are one pitch apart, and those that are put on the common grid."""

import numpy as np
from tests.reading.test_pane import LINE, PITCH, cells_at, code, together

from fusion.reading.pitch import on_grid
from fusion.reading.segments import cut, segment_of, straightened


def test_italics_a_little_narrower_are_counted_one_by_one() -> None:
    columns = np.array([column for column in range(60) if column % 7 != 3], float)  # blanks between words
    x = 20 + columns * PITCH * 0.98 + np.random.default_rng(0).normal(0, 0.3, len(columns))
    moved = on_grid(np.sort(np.concatenate([x, x + 0.2])), PITCH)
    assert moved is not None
    found = np.unique(np.rint((moved - moved[0]) / PITCH))
    np.testing.assert_array_equal(found, columns)


def test_fonts_of_proportional_width_and_few_characters_are_left_as_they_are() -> None:
    widths = np.random.default_rng(1).uniform(0.4, 1.4, 60) * PITCH
    assert on_grid(np.cumsum(widths), PITCH) is None
    assert on_grid(np.arange(4) * PITCH, PITCH) is None


def test_a_line_of_dashes_stands_in_the_columns_that_it_covers() -> None:
    block = code(4, 40, 60.0, 50.0)
    own = 60 + np.arange(0, 40, 0.5) * PITCH
    line = cells_at(own + np.random.default_rng(2).uniform(-0.5, 0.5, 80) * PITCH, np.full(80, 50 + 5 * LINE), sign="-")
    line = type(line)(line.x, line.y, own, *(getattr(line, name) for name in [*line.__dataclass_fields__][3:]))
    cells = together(block, line)
    parts = [np.arange(row * 40, row * 40 + 40) for row in range(4)] + [np.arange(160, 240)]
    assert segment_of(cells, parts[-1], PITCH).coherence < 0.5
    moved = segment_of(straightened(cells, parts, PITCH, LINE), parts[-1], PITCH)
    assert moved.coherence > 0.99 and abs(moved.off(segment_of(cells, parts[0], PITCH))) < 0.1
    assert moved.drawn == 1 and moved.sure > 0.9


def test_rows_are_cut_where_nothing_stands() -> None:
    x = np.array([30.0, 0.0, 8.0, 90.0, 98.0])
    assert [part.tolist() for part in cut(x, np.arange(5), 30.0)] == [[1, 2, 0], [3, 4]]
