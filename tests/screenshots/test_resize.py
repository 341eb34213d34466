"""Resizing as Pillow's BILINEAR does it."""

import numpy as np
import pytest
from PIL import Image

from fusion.screenshots.resize import blur, resize, weights


@pytest.mark.parametrize(
    ("source", "target"),
    [((500, 500), 224), ((96, 61), 32), ((33, 90), 64), ((20, 20), 48), ((7, 7), 7), ((9, 300), 1)],
)
def test_within_one_level_of_pillow(source, target):
    pictures = np.random.default_rng(0).integers(0, 256, (2, *source, 3), dtype=np.uint8)
    ours = resize(pictures, np.empty((2, target, target, 3), np.uint8))
    theirs = [
        np.asarray(Image.fromarray(p).resize((target, target), Image.Resampling.BILINEAR)) for p in pictures
    ]
    assert np.abs(ours.astype(int) - np.stack(theirs)).max() <= 1


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
def test_one_colour_stays_what_it_is(value):
    pictures = np.full((1, 50, 70, 3), value, np.uint8)
    assert (resize(pictures, np.empty((1, 23, 23, 3), np.uint8)) == value).all()


def test_a_blurred_point_is_a_bell():
    point = np.full((1, 31, 41, 3), 40, np.uint8)
    point[0, 15, 20] = 240
    ours, bell = blur(point, 1.0)[0, 12:19, 17:24, 0].astype(float), np.exp(-0.5 * np.arange(-3, 4) ** 2)
    expected = 40 + 200 * np.outer(bell, bell) / np.outer(bell, bell).sum()
    assert np.abs(ours - expected).max() <= 0.51
    assert (blur(np.full((1, 5, 3, 3), 7, np.uint8), 2.0) == 7).all()


def test_weights_sum_to_one():
    for source, target in ((500, 224), (224, 500), (8, 8), (5, 1)):
        first, weight = weights(source, target)
        assert np.allclose(weight.sum(1), 1, atol=1e-6) and first.min() >= 0
        assert (first + weight.shape[1]).max() <= source
