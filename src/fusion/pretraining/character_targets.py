"""A scene -> which characters stand in which part of each picture: what a network that learns to read is asked."""

import numpy as np

from fusion.screenshots import charset as page
from fusion.screenshots import layout
from fusion.screenshots.painter import Painter, Scene

FIRST, LAST = 33, 126  # visible ASCII, whose slots on the page are its code points
CHARACTERS = LAST - FIRST + 1


def characters(painter: Painter, scene: Scene, grid: int) -> np.ndarray:
    """-> (B, grid, grid, CHARACTERS) float32, 1 where the middle of such a character lies in that part of the picture.

    Line numbers and titles are read too.
    """
    out = np.zeros((len(scene), grid, grid, CHARACTERS), np.float32)
    titles, tables = painter.tables[5], page.tables()
    for row, g in enumerate(scene.geometry):
        low, high = scene.offsets[row : row + 2]
        sprites = np.zeros((4 * int(high - low) + 1000, 6), np.int32)
        count = layout.place(scene.points, scene.classes, low, high, g, titles, *tables, sprites)
        x = sprites[:count, layout.X] + g["advance"] / 2
        y = sprites[:count, layout.Y] - g["advance"] / 2  # half as high as wide above the baseline
        sign = sprites[:count, layout.SLOT] - FIRST
        seen = (x >= max(g["x0"], 0)) & (x < min(g["x1"], painter.size[0])) & (sign >= 0) & (sign < CHARACTERS)
        seen &= (y >= max(g["y0"], 0)) & (y < min(g["y1"], painter.size[1]))
        across, down = ((place * grid / side).astype(int) for place, side in zip((x, y), painter.size, strict=True))
        out[row, down[seen], across[seen], sign[seen]] = 1.0
    return out
