"""Degraded pictures: as large as before, and as much changed as was asked for."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fusion.screenshots.degradation import degrade

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def change(kind: str, **values: float) -> float:
    """How far a picture is from its degraded self."""
    given = {"quality": 75, "sigma": 0.6, "percent": 70.0} | values
    degraded = degrade(PICTURE, kind, int(given["quality"]), given["sigma"], given["percent"])
    assert degraded.shape == PICTURE.shape and degraded.dtype == np.uint8
    return float(np.abs(degraded.astype(int) - PICTURE).mean())


def test_none_is_the_picture_itself():
    assert degrade(PICTURE, "none", 1, 5.0, 10.0) is PICTURE


def test_jpeg_is_what_pillow_saves():
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG", quality=60)
    assert np.array_equal(degrade(PICTURE, "jpeg", 60, 0.6, 70.0), np.asarray(Image.open(file).convert("RGB")))


@pytest.mark.parametrize(
    ("kind", "mild", "strong"),
    [("jpeg", {"quality": 95}, {"quality": 10}), ("blur", {"sigma": 0.3}, {"sigma": 2}),
     ("rescale", {"percent": 95}, {"percent": 20})],
)  # fmt: skip
def test_a_stronger_degradation_changes_more(kind, mild, strong):
    assert 0 < change(kind, **mild) < change(kind, **strong)


@given(st.integers(0, 255), st.sampled_from(["blur", "rescale"]), st.floats(0.1, 5), st.floats(10, 100))
@settings(max_examples=20, deadline=None)
def test_one_colour_stays_what_it_is(value, kind, sigma, percent):
    picture = np.full((9, 14, 3), value, np.uint8)
    assert (degrade(picture, kind, 75, sigma, percent) == value).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 9, 3)])
def test_the_smallest_pictures_can_be_degraded(shape):
    for kind in ("jpeg", "blur", "rescale"):
        assert degrade(np.zeros(shape, np.uint8), kind, 50, 3.0, 10.0).shape == shape
