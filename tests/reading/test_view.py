"""Where points of a flat picture are seen."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fusion.reading.view import View

SHIFTS = st.lists(st.floats(-0.1, 0.1), min_size=8, max_size=8)


@given(SHIFTS)
def test_corners_go_where_they_are_seen_and_back(shifts: list[float]) -> None:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    seen = (corners + np.array(shifts).reshape(4, 2)) * 200
    view = View.of_corners((200, 200), seen)
    np.testing.assert_allclose(view.moved(corners * 200), seen, atol=1e-6)
    np.testing.assert_allclose(view.inverse().moved(seen), corners * 200, atol=1e-6)
    np.testing.assert_allclose(view.scaled(3.0).moved(corners * 600), seen * 3, atol=1e-5)


def test_what_is_nearer_is_larger() -> None:
    view = View.of_corners((100, 100), np.array([(-50, 0), (150, 0), (100, 100), (0, 100)]))
    growth = view.growth(np.array([(50.0, 5.0), (50.0, 95.0)]))
    assert growth[0, 0] > growth[1, 0] and (growth > 0).all()
    flat = View.of_corners((100, 100), np.array([(0, 0), (100, 0), (100, 100), (0, 100)]))
    np.testing.assert_allclose(flat.growth(np.array([(3.0, 4.0)])), 1.0)
