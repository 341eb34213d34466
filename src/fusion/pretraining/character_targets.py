"""A scene -> which characters stand in which part of each picture: what a network that learns to read is asked."""

import numpy as np

from fusion.screenshots import layout
from fusion.screenshots.painter import Painter, Scene

FIRST, LAST = 33, 126  # visible ASCII, whose glyph numbers are its code points
CHARACTERS = LAST - FIRST + 1


def character_targets(painter: Painter, scene: Scene, grid: int) -> np.ndarray:
    """Scene -> (B, grid, grid, CHARACTERS) float32, 1 where the middle of such a character lies in that part.

    Line numbers and titles are read too.
    """
    out = np.zeros((len(scene), grid, grid, CHARACTERS), np.float32)
    for row, g in enumerate(scene.geometry):
        sprites = painter.sprites(scene, row)
        x = sprites[:, layout.X] + g["advance"] / 2
        y = sprites[:, layout.Y] - g["advance"] / 2  # half as high as wide above the baseline
        character = sprites[:, layout.SLOT] - FIRST
        shown = (x >= max(g["x0"], 0)) & (x < min(g["x1"], painter.size[0]))
        shown &= (y >= max(g["y0"], 0)) & (y < min(g["y1"], painter.size[1]))
        shown &= (character >= 0) & (character < CHARACTERS)
        across, down = ((at * grid / side).astype(int) for at, side in zip((x, y), painter.size, strict=True))
        out[row, down[shown], across[shown], character[shown]] = 1.0
    return out
