"""Which characters stand where."""

import numpy as np

from fusion.config.options import parse
from fusion.config.render import RenderOptions, Size
from fusion.pretraining.character_targets import CHARACTERS, FIRST, character_targets, standing_characters
from fusion.screenshots.renderer import Renderer

PLAIN = {
    "font": "dejavu-sans-mono", "font_size": 10, "line_height": 160, "padding_x": 0, "padding_y": 0, "margin": 0,
    "window": "none", "height": "full", "shadow": 0, "title": "",
}  # fmt: skip


def test_characters_are_where_they_are_drawn() -> None:
    # 6 pixels a column, 16 a row: the grid's parts are 5 columns wide, 2 rows high
    renderer = Renderer(parse(RenderOptions, PLAIN), Size(64, 64), 32, 0)
    scene = renderer.scene(["ab   c\n\n}", "é" + " " * 60 + "z"], ["1", "2"], 0)
    targets = character_targets(renderer.painter, scene, 2)
    assert targets.shape == (2, 2, 2, CHARACTERS)
    ones = zip(*np.nonzero(targets), strict=True)
    places = [(row, down, across, chr(character + FIRST)) for row, down, across, character in ones]
    assert places == [(0, 0, 0, "a"), (0, 0, 0, "b"), (0, 0, 0, "c"), (0, 1, 0, "}")] or places == [
        (0, 0, 0, "a"), (0, 0, 0, "b"), (0, 0, 1, "c"), (0, 1, 0, "}"),
    ]  # fmt: skip


def test_each_cell_says_which_character_stands_in_it() -> None:
    # 6 pixels a column and 16 a row; cells of 2 pixels: 3 columns to a character
    renderer = Renderer(parse(RenderOptions, PLAIN), Size(64, 64), 32, 0)
    scene = renderer.scene(["ab   c", "é" + " " * 60 + "z"], ["1", "2"], 0)
    cells = standing_characters(renderer.painter, scene, 32)
    assert cells.shape == (2, 32, 32) and cells.dtype == np.uint8
    rows = {"".join(chr(cell + FIRST - 1) if cell else " " for cell in row).rstrip() for row in cells[0]}
    assert rows - {""} == {"aaabbb         ccc"} and not cells[1].any(), "what is no ASCII or not seen is not asked"
    inked = (cells[0] > 0).any(1).sum()
    assert 3 <= inked <= 5, "about as high as a character"
    coarse = standing_characters(renderer.painter, scene, 4)
    assert {chr(cell + FIRST - 1) for cell in coarse[0].ravel() if cell} <= set("abc") and coarse[0].any()
