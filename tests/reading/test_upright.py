"""Cells seen at an angle, put where they stand on the screen."""

import numpy as np
import pytest
from tests.reading.test_pane import LINE, PITCH, code

from fusion.reading.cells import Cells
from fusion.reading.pane import find_pane
from fusion.reading.upright import make_upright
from fusion.reading.view import View

ROWS, COLUMNS = 20, 60


def seen_from(corners: list[tuple[float, float]]) -> tuple[Cells, Cells, View]:
    flat = code(ROWS, COLUMNS, 20.0, 20.0)
    size = (COLUMNS * PITCH + 40, ROWS * LINE + 40)
    view = View.of_corners(size, (np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) + np.array(corners)) * size)
    points = view.moved(np.column_stack([flat.x, flat.y]))
    others = [getattr(flat, name) for name in [*Cells.__dataclass_fields__][3:]]
    return flat, Cells(points[:, 0], points[:, 1], points[:, 0], *others), view


def test_a_picture_from_straight_ahead_stays_as_it_is() -> None:
    flat = code(ROWS, COLUMNS, 20.0, 20.0)
    cells, angle = make_upright(flat)
    assert angle is None and cells is flat
    assert make_upright(code(2, 5, 20.0, 20.0))[1] is None, "too little to tell an angle from"


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 0), (0, 0.06), (0, 0.06), (0, 0)],  # lines that rise
        [(0, 0), (0, 0.03), (0, -0.02), (0, 0)],  # lines that meet further on
        [(0.03, 0.02), (-0.02, 0.04), (0, -0.03), (0.01, 0)],
    ],
)
def test_lines_become_level_and_columns_upright(corners: list[tuple[float, float]]) -> None:
    flat, tilted, _ = seen_from(corners)
    cells, angle = make_upright(tilted)
    assert angle is not None
    row = np.arange(ROWS).repeat(COLUMNS)
    off = [cells.y[row == number].std() for number in range(ROWS)]
    assert max(off) < 0.05 * LINE and max(tilted.y[row == number].std() for number in range(ROWS)) > 0.1 * LINE
    pane = find_pane(cells)
    assert pane is not None and pane.is_grid and len(pane.cells) > 0.9 * len(flat)
    points = np.column_stack([cells.x, cells.y])
    np.testing.assert_allclose(angle.seen(points), np.column_stack([tilted.x, tilted.y]), atol=0.5)
