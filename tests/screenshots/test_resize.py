"""Resizing: smaller by area, larger by linear interpolation."""

import numpy as np
import pytest
from PIL import Image

from fusion.screenshots.resize import blur, gaussian, resize, weights


def by_area(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The oracle: every source pixel cut into height × width parts, their means taken."""
    fine = picture.repeat(height, 0).repeat(width, 1).astype(float)
    return fine.reshape(height, picture.shape[0], width, picture.shape[1], 3).mean((1, 3))


@pytest.mark.parametrize(
    ("source", "target"), [((50, 50), 22), ((9, 6), 4), ((30, 12), 12), ((7, 7), 7), ((9, 300), 1)]
)
def test_a_smaller_picture_is_the_mean_of_its_areas(source, target):
    pictures = np.random.default_rng(0).integers(0, 256, (2, *source, 3), dtype=np.uint8)
    ours = resize(pictures, np.empty((2, target, target, 3), np.uint8))
    expected = np.stack([by_area(picture, target, target) for picture in pictures])
    assert np.abs(ours - expected).max() <= 0.51


@pytest.mark.parametrize(("source", "target"), [((20, 20), 48), ((33, 21), 64), ((1, 3), 5)])
def test_a_larger_picture_is_pillows_bilinear(source, target):
    pictures = np.random.default_rng(0).integers(0, 256, (2, *source, 3), dtype=np.uint8)
    ours = resize(pictures, np.empty((2, target, target, 3), np.uint8))
    theirs = [np.asarray(Image.fromarray(p).resize((target, target), Image.Resampling.BILINEAR)) for p in pictures]
    assert np.abs(ours.astype(int) - np.stack(theirs)).max() <= 1


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("target", [23, 70])
def test_one_colour_stays_what_it_is(value, target):
    pictures = np.full((1, 50, 70, 3), value, np.uint8)
    assert (resize(pictures, np.empty((1, target, target, 3), np.uint8)) == value).all()
    assert (blur(pictures, 2.0) == value).all()


def test_a_blurred_point_is_a_bell():
    point = np.full((1, 31, 41, 3), 40, np.uint8)
    point[0, 15, 20] = 240
    ours, bell = blur(point, 1.0)[0, 12:19, 17:24, 0].astype(float), np.exp(-0.5 * np.arange(-3, 4) ** 2)
    expected = 40 + 200 * np.outer(bell, bell) / np.outer(bell, bell).sum()
    assert np.abs(ours - expected).max() <= 0.51


def test_weights_sum_to_one_and_taps_come_in_fours():
    for source, target in ((500, 224), (224, 500), (8, 8), (5, 1), (3, 2)):
        first, weight = weights(source, target)
        assert np.allclose(weight.sum(1), 1, atol=1e-6) and first.min() >= 0 and weight.shape[1] % 4 == 0
        assert ((weight > 0).sum(1) + first).max() <= source
    assert np.allclose(gaussian(9, 0.7)[1].sum(1), 1, atol=1e-6)
