"""A scene -> which characters stand in which part of each picture: what a network that learns to read is asked."""

from collections.abc import Iterator

import numpy as np

from fusion.screenshots import layout
from fusion.screenshots.painter import Painter, Scene

FIRST, LAST = 33, 126  # visible ASCII, whose glyph numbers are its code points
CHARACTERS = LAST - FIRST + 1
TALL = 1.4  # a character's height, relative to its width


def character_targets(painter: Painter, scene: Scene, grid: int) -> np.ndarray:
    """Scene -> (B, grid, grid, CHARACTERS) float32, 1 where the middle of such a character lies in that part.

    Line numbers and titles are read too.
    """
    out = np.zeros((len(scene), grid, grid, CHARACTERS), np.float32)
    for row, _, x, y, character in _middles(painter, scene):
        across, down = ((at * grid / side).astype(int) for at, side in zip((x, y), painter.size, strict=True))
        out[row, down, across, character] = 1.0
    return out


def standing_characters(painter: Painter, scene: Scene, grid: int) -> np.ndarray:
    """Scene -> (B, grid, grid) uint8, one more than the character that each cell lies in, 0 where there is none.

    A character takes the cells whose middles it covers, and the one that its own middle lies in.
    """
    out = np.zeros((len(scene), grid, grid), np.uint8)
    for row, advance, x, y, character in _middles(painter, scene):
        middles, halves = [], []
        for at, side, half in zip((x, y), painter.size, (advance / 2, advance * TALL / 2), strict=True):
            middles.append((at * grid / side).astype(int))
            first = np.ceil((at - half) * grid / side - 0.5).astype(int)
            halves.append((first, np.ceil((at + half) * grid / side - 0.5).astype(int)))
        (left, right), (top, bottom) = halves
        for n, number in enumerate(character + 1):
            out[row, max(top[n], 0) : max(bottom[n], 0), max(left[n], 0) : max(right[n], 0)] = number
        out[row, middles[1], middles[0]] = character + 1
    return out


def _middles(painter: Painter, scene: Scene) -> Iterator[tuple[int, float, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield for each picture its number, its pitch, and of each visible character (N,): x, y, number."""
    for row, g in enumerate(scene.geometry):
        sprites = painter.sprites(scene, row)
        x = sprites[:, layout.X] + g["advance"] / 2
        y = sprites[:, layout.Y] - g["advance"] / 2  # half as high as wide above the baseline
        character = sprites[:, layout.SLOT] - FIRST
        shown = (x >= max(g["x0"], 0)) & (x < min(g["x1"], painter.size[0]))
        shown &= (y >= max(g["y0"], 0)) & (y < min(g["y1"], painter.size[1]))
        shown &= (character >= 0) & (character < CHARACTERS)
        yield row, float(g["advance"]), x[shown], y[shown], character[shown]
