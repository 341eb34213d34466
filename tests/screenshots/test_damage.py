"""Damaged screenshots: as large as before, damaged as much as was asked for, by chance that is keyed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fusion.screenshots.damage import KINDS, damage, written_area

WHITE = 255
pictures = arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))
kinds, strengths, seeds = st.sampled_from(KINDS), st.floats(0.001, 1), st.integers(0, 99)


def written(height: int = 60, width: int = 90) -> np.ndarray:
    """Black and white noise in the middle of a white page."""
    page = np.full((height, width, 3), WHITE, np.uint8)
    noise = np.random.default_rng(0).integers(0, 2, (height - 20, width - 30, 1), dtype=np.uint8) * 255
    page[10:-10, 15:-15] = noise
    return page


def damaged(kind: str, strength: float, seed: int = 0, picture: np.ndarray | None = None) -> np.ndarray:
    return damage(written() if picture is None else picture, kind, strength, np.random.default_rng(seed))


@given(pictures, kinds, seeds)
def test_strength_0_changes_nothing(picture, kind, seed):
    assert np.array_equal(damaged(kind, 0.0, seed, picture.copy()), picture)


@given(pictures, kinds, strengths, seeds)
@settings(deadline=None)
def test_shape_and_type_stay_the_same_seed_repeats_it_and_the_picture_itself_is_left_alone(
    picture, kind, strength, seed
):
    before = picture.copy()
    first = damaged(kind, strength, seed, picture)
    assert first.shape == picture.shape and first.dtype == np.uint8
    assert np.array_equal(first, damaged(kind, strength, seed, picture)) and np.array_equal(picture, before)


@pytest.mark.parametrize("kind", KINDS)
def test_more_strength_changes_more(kind):
    page = written()

    def change(strength: float) -> float:
        seeds = range(20) if kind in ("cover", "cut") else range(1)
        return float(np.mean([np.abs(damaged(kind, strength, seed).astype(int) - page).mean() for seed in seeds]))

    changes = [change(strength) for strength in (0.1, 0.4, 1.0)]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_where_there_is_ink_is_told_from_the_paper():
    assert written_area(written()) == pytest.approx((10, 50, 15, 75), abs=1)
    assert written_area(np.zeros((5, 9, 3), np.uint8)) == (0, 5, 0, 9)


@given(st.floats(0.02, 1), seeds)
@settings(deadline=None)
def test_boxes_hide_the_share_of_the_written_area_and_nothing_else(share, seed):
    page = np.full((140, 180, 3), WHITE, np.uint8)
    page[20:120, 30:150] = np.indices((100, 120)).sum(0)[..., None] % 2 * 255
    covered = damaged("cover", share, seed, page)
    top, bottom, left, right = written_area(page)
    hidden = (covered != page).any(2)
    grey = (covered != 0).any(2) & (covered != WHITE).any(2)  # a box changes half of the squares beneath it at least
    assert not hidden[:top].any() and not hidden[bottom:].any() and not hidden[:, :left].any()
    area = (bottom - top) * (right - left)
    assert abs(grey[top:bottom, left:right].sum() / area - share) < 0.06


def test_a_picture_is_covered_by_one_box_or_by_several_of_plain_colours():
    colours = [len(np.unique(damaged("cover", 0.3, seed).reshape(-1, 3), axis=0)) - 2 for seed in range(30)]
    assert {*colours} == {1, 2, 3}


def test_a_side_is_lost_and_filled_with_paper():
    sides = set()
    for seed in range(30):
        lost = (damaged("cut", 0.5, seed) != written()).any(2)
        rows, columns = np.flatnonzero(lost.any(1)), np.flatnonzero(lost.any(0))
        sides.add((rows.min() < 12, rows.max() > 47, columns.min() < 17, columns.max() > 72))
    assert len(sides) == 4 and all(sum(touched) == 3 for touched in sides)
    assert (damaged("cut", 1.0) == WHITE).all()
