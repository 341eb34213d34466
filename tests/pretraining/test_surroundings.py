"""What stands beside code and on it, and what pictures look like on a screen."""

import numpy as np
import pytest

from fusion.pretraining.disturbances import disturb, subpixels
from fusion.pretraining.surroundings import add_interface, add_things
from fusion.reading.targets import TITLE_ROLE, blank_targets, cover, fill_written

SIDE = 256


def white() -> np.ndarray:
    return np.full((SIDE, SIDE, 3), 255, np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_things_change_the_picture_where_they_say_and_nowhere_else(seed: int) -> None:
    picture = white()
    areas = add_things(picture, 1.0, np.random.default_rng(seed))
    outside = np.ones((SIDE, SIDE), bool)
    for left, top, right, bottom in areas:
        outside[top:bottom, left:right] = False
    assert (picture[outside] == 255).all()


def test_what_is_covered_is_not_to_be_read() -> None:
    classes = np.ones((32, 64), np.int64)
    cover(classes, [(40, 16, 80, 48)], 1.0)
    assert not classes[2:6, 10:20].any() and classes.sum() == classes.size - 4 * 10


@pytest.mark.parametrize("seed", range(8))
def test_text_of_an_interface_is_to_be_read_where_it_stands_as_no_code(seed: int) -> None:
    picture, aims = white(), blank_targets(1, (SIDE, SIDE))
    (left, top, right, bottom), written = add_interface(picture, 1.0, ["main.py", "run"], np.random.default_rng(seed))
    fill_written(
        written.boxes, written.slots, written.em, written.line_height, 1.0, [part[0] for part in aims], TITLE_ROLE
    )
    ink = aims.classes[0] > 0
    assert ink.any() and (aims.roles[0][ink] == TITLE_ROLE).all()
    rows, columns = np.nonzero(ink)
    assert rows.min() * 8 >= top - 8 and rows.max() * 8 <= bottom and columns.max() * 4 <= right
    assert columns.min() * 4 >= left - 4
    cells = picture.reshape(32, 8, 64, 4, 3).astype(float).std((1, 3)).mean(-1)
    assert cells[ink].mean() > 5 * cells[~ink].mean() or cells[~ink].mean() < 1


def test_coloured_edges_keep_the_mean() -> None:
    picture = white()
    picture[:, 100:102] = 0
    coloured = subpixels(picture)
    assert abs(coloured.mean() - picture.mean()) < 0.5
    assert coloured[0, 99, 2] < 255 or coloured[0, 99, 0] < 255, "a fringe"
    assert (subpixels(picture, is_bgr=True)[..., ::-1] == coloured).all()


def test_disturbed_pictures_are_pictures() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for seed in range(30):
        out = disturb(picture, np.random.default_rng(seed))
        assert out.shape == picture.shape and out.dtype == np.uint8
