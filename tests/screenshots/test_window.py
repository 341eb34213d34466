"""What surrounds the ink: background, shadow, window and controls."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.screenshots.renderers import make_renderer

from fusion.screenshots.window import MAC_COLORS, Canvas, box, paint_window

BLACK, WHITE, RED = (np.array(color, np.uint8) for color in ([0, 0, 0], [255, 255, 255], [255, 0, 0]))
GREY = "#808080"


def boxed(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """A white box on black: the share of each of 30 × 40 pixels that it covers."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    box(Canvas(pixels.reshape(-1), 30, 40, scale, scale), x0, y0, x1, y1, radius, WHITE)
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0] / 255


def painted(fill: int, background: str = GREY, size: str = "120x90", **style: Any) -> np.ndarray:
    """A picture without ink, its memory filled before."""
    renderer = make_renderer({"background": background, "theme": "vs"} | style, size, 64)
    g, tables = renderer.scene([""], ["a"], None).geometry[0], renderer.painter.tables
    width, height = renderer.size
    pixels = np.full((height, width, 3), fill, np.uint8)
    canvas = Canvas(pixels.reshape(-1), height, width, 1.0, 1.0)
    paint_window(canvas, g, tables.backgrounds[0], tables.grounds[0], tables.marks[0], BLACK)
    return pixels


@given(st.integers(0, 39), st.integers(0, 29), st.integers(1, 40), st.integers(1, 30))
@settings(deadline=None)
def test_a_box_on_whole_pixels_is_exact(x0, y0, width, height):
    expected = np.zeros((30, 40))
    expected[y0 : y0 + height, x0 : x0 + width] = 1
    assert np.array_equal(boxed(x0, y0, x0 + width, y0 + height), expected)


@given(st.floats(1, 15), st.floats(1, 10), st.floats(2, 20), st.floats(2, 15), st.sampled_from([1.0, 0.5]))
@settings(deadline=None)
def test_edges_are_smoothed_by_what_they_cover(x0, y0, width, height, scale):
    covered = boxed(x0 * scale, y0 * scale, (x0 + width) * scale, (y0 + height) * scale, 0.0, scale)
    assert covered.sum() == pytest.approx(width * height, abs=0.003 * 4 * (width + height))


@pytest.mark.parametrize("radius", [3, 6.5, 12])
def test_round_corners_have_the_area_of_a_circle(radius):
    covered = boxed(2, 2, 28, 28, radius)
    assert covered.sum() == pytest.approx(26 * 26 - (4 - math.pi) * radius**2, rel=0.01)
    assert np.allclose(covered[:, 2:28], covered[:, 2:28][:, ::-1]) and covered[2, 2] < 0.2


@given(
    window=st.sampled_from(["mac", "windows", "none"]), corner_radius=st.integers(0, 30), shadow=st.sampled_from([0, 0.5]),
    padding_x=st.floats(-25, 40), padding_y=st.floats(-25, 40), shift_x=st.floats(-50, 50), shift_y=st.floats(-50, 50),
    background=st.sampled_from([GREY, "#667eea-#764ba2"]), height=st.sampled_from(["content", "full"]),
    marked=st.sampled_from(["none", "line"]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_every_pixel_is_painted_whatever_was_there(**style):
    assert np.array_equal(painted(0, **style), painted(255, **style))


def test_a_gradient_runs_from_one_corner_to_the_other():
    picture = painted(0, "#000000-#ffffff", padding_x=40, padding_y=40, shadow=0, window="none").astype(int)
    along = picture[[0, 0, 30, -1], [0, 60, 100, -1], 0]
    assert along[0] < 3 and along[-1] > 252 and (np.diff(along) > 0).all()


def test_a_shadow_fades_with_the_distance_and_hangs_below():
    style = {"padding_x": 30, "padding_y": 30, "window": "none", "corner_radius": 0, "height": "full"}
    lit, shaded = (painted(0, shadow=share, shadow_blur=6, shadow_drop=8, **style)[..., 0] for share in (0, 0.6))
    darker = lit.astype(int) - shaded
    assert (darker >= 0).all() and (lit[darker > 0] == 128).all(), "the window itself is not shaded"
    below, beside = darker[64:, 60], darker[45, :35]
    assert (np.diff(below) <= 0).all() and (np.diff(beside) >= 0).all()
    assert darker[64, 60] > darker[25, 60] and beside[-1] > beside[0]


def test_a_mac_has_three_coloured_buttons_on_the_left_and_windows_three_signs_on_the_right():
    style = {"padding_x": 0, "padding_y": 0, "height": "full", "corner_radius": 0}
    mac, windows, none = (painted(0, window=kind, **style) for kind in ("mac", "windows", "none"))
    centres = [mac[16, 20 + 20 * i].tolist() for i in range(3)]
    assert centres == MAC_COLORS.tolist()
    assert (mac[:, 80:] == 255).all() and (windows[:, :35] == 255).all() and (none == 255).all()
    inked = (windows[:30] != 255).any((0, 2))
    starts = np.flatnonzero(np.diff(inked.astype(int)) == 1) + 1
    assert starts.tolist() == pytest.approx([120 - 84, 120 - 54, 120 - 24], abs=1)


def test_a_marked_line_is_a_band_across_the_window():
    style = {"padding_x": 10, "padding_y": 0, "window": "none", "height": "full", "corner_radius": 0, "marked_at": 0}
    plain, marked = (painted(0, marked=kind, **style) for kind in ("none", "line"))
    changed = (plain != marked).any(2)
    rows = np.flatnonzero(changed.any(1))
    assert changed[rows[0] : rows[-1] + 1, 12:108].all() and not changed[:, :12].any() and not changed[:, 108:].any()
