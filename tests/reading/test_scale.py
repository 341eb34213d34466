"""The size that a picture is read at."""

import numpy as np
import pytest

from fusion.reading import scale
from fusion.reading.scale import busiest, find_zoom, scaled, trimmed


def looker(pitch: float, best: float = 8.0) -> scale.Look:
    """A network that is the surer the nearer characters of `pitch` pixels come to the best size."""
    seen: list[int] = []

    def look(part: np.ndarray) -> tuple[float, float, int]:
        zoom = scale.TRIED[len(seen)]
        seen.append(1)
        return float(np.exp(-abs(np.log(pitch * zoom / best)))), pitch * zoom, 100

    return look


@pytest.mark.parametrize(("pitch", "zoom"), [(8.4, 1.0), (16.8, 0.476), (4.2, 1.905), (30.0, 0.267), (500.0, 0.05)])
def test_text_is_brought_to_the_size_that_reads_best(pitch: float, zoom: float) -> None:
    assert find_zoom(np.zeros((400, 600, 3), np.uint8), looker(pitch)) == pytest.approx(zoom, abs=0.01)


def test_a_picture_without_text_has_no_size() -> None:
    assert find_zoom(np.zeros((50, 50, 3), np.uint8), lambda part: (0.0, 8.0, 0)) == 0


def test_the_busiest_part_is_looked_at() -> None:
    picture = np.zeros((1000, 1000, 3), np.uint8)
    picture[700:800, 600:900:2] = 255
    part = busiest(picture, (200, 300))
    assert part.shape == (200, 300, 3) and (part > 0).sum() > 0.8 * (picture > 0).sum()
    assert busiest(picture[:50, :60], (200, 300)).shape == (50, 60, 3)


@pytest.mark.parametrize("zoom", [1.0, 0.5, 1.7])
def test_a_picture_is_filled_to_whole_cells(zoom: float) -> None:
    out = scaled(np.full((33, 21, 3), 9, np.uint8), zoom)
    assert out.shape[0] % 8 == 0 and out.shape[1] % 4 == 0 and (out == 9).all()


def test_what_is_of_one_colour_around_the_text_is_cut_off() -> None:
    picture = np.full((300, 400, 3), 200, np.uint8)
    picture[100:150, 120:180:2] = 0
    inner, left, top = trimmed(picture)
    assert (left, top) == (120 - scale.MARGIN - 1, 100 - scale.MARGIN)
    assert (
        inner.shape[0] < 50 + 2 * scale.MARGIN + 2
        and (inner == picture[top:, left:][: inner.shape[0], : inner.shape[1]]).all()
    )
    assert trimmed(np.full((30, 40, 3), 7, np.uint8))[0].size == 0
