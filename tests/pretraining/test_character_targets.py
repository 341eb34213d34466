"""Which characters stand where."""

import numpy as np

from fusion.pretraining.character_targets import CHARACTERS, FIRST, characters
from fusion.screenshots.renderer import Renderer

PLAIN = {
    "font": "dejavu-sans-mono", "font_size": 10, "line_height": 160, "padding_x": 0, "padding_y": 0, "margin": 0,
    "window": "none", "height": "full", "shadow": 0, "title": "",
}  # fmt: skip


def test_characters_are_where_they_are_drawn() -> None:
    renderer = Renderer(
        PLAIN, 64, 32, 0
    )  # 6 pixels a column, 16 a row: the grid's parts are 5 columns wide, 2 rows high
    scene = renderer.scene(["ab   c\n\n}", "é" + " " * 60 + "z"], ["1", "2"], 0)
    found = characters(renderer.painter, scene, 2)
    assert found.shape == (2, 2, 2, CHARACTERS)
    places = [
        (row, down, across, chr(sign + FIRST)) for row, down, across, sign in zip(*np.nonzero(found), strict=True)
    ]
    assert places == [(0, 0, 0, "a"), (0, 0, 0, "b"), (0, 0, 0, "c"), (0, 1, 0, "}")] or places == [
        (0, 0, 0, "a"), (0, 0, 0, "b"), (0, 0, 1, "c"), (0, 1, 0, "}"),
    ]  # fmt: skip
