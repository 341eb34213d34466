"""A scene -> which characters stand in which part of each picture: what a network that learns to read is asked."""

import numpy as np

from fusion.screenshots import charset, layout
from fusion.screenshots.painter import Painter, Scene

FIRST, LAST = 33, 126  # visible ASCII, whose glyph numbers are its code points
CHARACTERS = LAST - FIRST + 1


def character_targets(painter: Painter, scene: Scene, grid: int) -> np.ndarray:
    """Scene -> (B, grid, grid, CHARACTERS) float32, 1 where the middle of such a character lies in that part.

    Line numbers and titles are read too.
    """
    out = np.zeros((len(scene), grid, grid, CHARACTERS), np.float32)
    titles, tables = painter.tables[5], charset.tables()
    for row, g in enumerate(scene.geometry):
        start, stop = scene.offsets[row : row + 2]
        sprites = np.zeros((4 * int(stop - start) + 1000, 6), np.int32)
        count = layout.place(scene.points, scene.classes, start, stop, g, titles, *tables, sprites)
        x = sprites[:count, layout.X] + g["advance"] / 2
        y = sprites[:count, layout.Y] - g["advance"] / 2  # half as high as wide above the baseline
        character = sprites[:count, layout.SLOT] - FIRST
        shown = (x >= max(g["x0"], 0)) & (x < min(g["x1"], painter.size[0]))
        shown &= (y >= max(g["y0"], 0)) & (y < min(g["y1"], painter.size[1]))
        shown &= (character >= 0) & (character < CHARACTERS)
        across, down = ((at * grid / side).astype(int) for at, side in zip((x, y), painter.size, strict=True))
        out[row, down[shown], across[shown], character[shown]] = 1.0
    return out
