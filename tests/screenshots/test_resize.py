"""Resizing as Pillow's BILINEAR does it."""

import numpy as np
import pytest
from PIL import Image

from fusion.screenshots.resize import resize, weights


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


def test_weights_sum_to_one():
    for source, target in ((500, 224), (224, 500), (8, 8), (5, 1)):
        first, weight = weights(source, target)
        assert np.allclose(weight.sum(1), 1, atol=1e-6) and first.min() >= 0
        assert (first + weight.shape[1]).max() <= source
