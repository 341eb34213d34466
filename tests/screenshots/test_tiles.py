"""Which tiles of a picture are worth looking at."""

import numpy as np
import pytest

from fusion.screenshots.tiles import choose, densities, edges, positions


def test_a_square_has_an_outline_and_nothing_else():
    picture = np.full((40, 40, 3), 30, np.uint8)
    picture[10:30, 10:30] = 220
    found = edges(picture)
    assert not found[14:26, 14:26].any() and not found[:8].any() and not found[:, :8].any()
    assert found[20, 8:12].sum() == 1 and found[8:12, 20].sum() == 1  # one pixel thick


def test_a_slope_is_no_edge():
    slope = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    assert not edges(np.ascontiguousarray(slope)).any()


def test_positions_are_two_columns_after_the_margin():
    assert positions((1360, 1360), 448, 32, 2) == [(x, y) for y in (0, 448, 896) for x in (32, 480)]
    assert positions((448, 448), 448, 32, 2) == [(0, 0)]


def test_dense_tiles_are_kept_in_reading_order():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[::4, :32] = 255
    density = densities(picture, [(0, 0), (32, 0), (0, 32), (32, 32)], 32)
    assert density[0] > 0.02 and density[2] > 0.02 and density[1] < 0.02
    assert choose(density, 0.05, 2).tolist() == [0, 2]
    assert choose(density, 0.05, 5).tolist() == [0, 2, 0, 2, 0]
    assert len(choose(density, 0.05, 1)) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_a_blank_picture_still_gives_tiles(count):
    assert choose(np.zeros(4), 0.02, count).tolist() == [0] * count
