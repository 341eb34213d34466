"""Glyph masks -> glyph atlas: the ink of 256 characters in four faces, ready to be added to pixels.

A glyph is a tile of alpha values, each written three times (red, green, blue) in rows of whole 32-byte
blocks, so that the inner loop of drawing is one run of vector instructions; alpha 0 leaves a pixel as it was.
At a scale other than 1 (pictures drawn directly at the training size) a tile is the area average of the exact
one, once for each of phases × phases sub-pixel positions.
"""

import threading
from typing import Any

import numpy as np

from fusion.jit import compiled
from fusion.screenshots import fonts
from fusion.screenshots.glyphs import GlyphMasks, glyph_masks

BLOCK = 32  # bytes; the length that the compiler turns into vector instructions, 16 it does not
START, ROWS, BLOCKS, TOP, LEFT, WIDTH = range(6)  # columns of the table of tiles
ASCII = 127  # slots that get every phase
_GROWING = threading.Lock()  # of the module, for an atlas must be able to travel to other processes


class GrowingArray:
    """An array that is appended to in place; its buffer doubles when it is full, so that appending copies little."""

    def __init__(self, values: np.ndarray):
        self._buffer, self._length = values, len(values)

    @property
    def values(self) -> np.ndarray:
        """Return what was appended so far; it stays valid and unchanged when more is."""
        return self._buffer[: self._length]

    def append(self, values: np.ndarray) -> None:
        """Add values, of the same type and shape but for their number, at the end."""
        length = self._length + len(values)
        if length > len(self._buffer):
            larger = np.empty((max(length, 2 * len(self._buffer)), *values.shape[1:]), values.dtype)
            larger[: self._length] = self.values
            self._buffer = larger
        self._buffer[self._length : length] = values
        self._length = length

    def __reduce__(self) -> tuple[Any, ...]:
        return GrowingArray, (self.values,)  # without the spare part of the buffer


class GlyphAtlas:
    """Tiles of every (font, size, scale) asked for so far, in two flat arrays that the drawing code reads."""

    def __init__(self, phases: int):
        self.phases = phases  # 1 for exact drawing
        self.entries: dict[tuple[str, int, float, float], int] = {}
        self._table = GrowingArray(np.zeros((0, 6), np.int32))
        self._alpha = GrowingArray(np.zeros(0, np.uint8))

    @property
    def table(self) -> np.ndarray:
        """Return (tiles, 6) int32, the columns above, at ((entry × 4 + face) × 256 + slot) × phases² + phase."""
        return self._table.values

    @property
    def alpha(self) -> np.ndarray:
        """Return flat uint8, the rows of all tiles; ask for the table first, which points into it."""
        return self._alpha.values

    def entry(self, font: str, pixels: int, scale: tuple[float, float] = (1.0, 1.0)) -> int:
        """Return the number of an entry, made if need be; scale: source pixels per drawn pixel (x, y)."""
        key = (font, pixels, *scale)
        with _GROWING:
            if key not in self.entries:
                self._add(key)
            return self.entries[key]

    def _add(self, key: tuple[str, int, float, float]) -> None:
        """Append the tiles of all four faces."""
        font, pixels, *scale = key
        faces = fonts.load(font).faces
        firsts = [faces.index(face) for face in faces]  # a face that repeats another shares its tiles
        masks = glyph_masks(font, pixels)
        tables = {}
        for face in sorted(set(firsts)):
            table, alpha = self._tiles(masks, face, (scale[0], scale[1]))
            table[..., START] += len(self.alpha) // BLOCK
            tables[face] = table.reshape(-1, 6)
            self._alpha.append(alpha)
        self._table.append(np.concatenate([tables[first] for first in firsts]))  # after alpha, into which it points
        self.entries[key] = len(self.entries)

    def _tiles(self, masks: GlyphMasks, face: int, scale: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return table (256, phases², 6) and alpha of one face; beyond ASCII a tile goes to the nearest pixel."""
        page = masks.alpha[face * 256 : (face + 1) * 256]
        if self.phases == 1:
            table, alpha = pack(page, masks.top, masks.left)
            return table[:, None], alpha
        at = int(np.ceil(masks.top / scale[1])), int(np.ceil(masks.left / scale[0]))
        square = self.phases * self.phases
        table = np.zeros((256, square, 6), np.int32)
        ascii_tiles = shrink(page[:ASCII], masks, scale, self.phases)
        ascii_table, ascii_alpha = pack(ascii_tiles.reshape(-1, *ascii_tiles.shape[2:]), *at)
        table[:ASCII] = ascii_table.reshape(ASCII, square, 6)
        other_table, other_alpha = pack(shrink(page[ASCII:], masks, scale, 1)[:, 0], *at)
        other_table[:, START] += len(ascii_alpha) // BLOCK
        table[ASCII:] = other_table[:, None]
        far = np.arange(self.phases) >= self.phases / 2
        table[ASCII:, :, TOP] += np.repeat(far, self.phases)
        table[ASCII:, :, LEFT] += np.tile(far, self.phases)
        return table, np.concatenate([ascii_alpha, other_alpha])


def pack(tiles: np.ndarray, top: int, left: int) -> tuple[np.ndarray, np.ndarray]:
    """(tiles, rows, columns) uint8 -> table (tiles, 6) and alpha of what is inked; START counts blocks."""
    table = np.zeros((len(tiles), 6), np.int32)
    blocks = _measure(tiles, table)
    alpha = np.zeros(blocks * BLOCK, np.uint8)
    _fill(tiles, table, alpha)
    table[:, TOP] -= top
    table[:, LEFT] -= left
    return table, alpha


@compiled
def _measure(tiles, table):
    """Fill the table with bounding boxes and return the number of blocks needed."""
    start = 0
    for n in range(tiles.shape[0]):
        top, bottom, left, right = tiles.shape[1], 0, tiles.shape[2], 0
        for y in range(tiles.shape[1]):
            for x in range(tiles.shape[2]):
                if tiles[n, y, x] > 0:
                    top, bottom = min(top, y), max(bottom, y + 1)
                    left, right = min(left, x), max(right, x + 1)
        if bottom > top:
            blocks = (3 * (right - left) + BLOCK - 1) // BLOCK
            table[n, START], table[n, ROWS], table[n, BLOCKS] = start, bottom - top, blocks
            table[n, TOP], table[n, LEFT], table[n, WIDTH] = top, left, right - left
            start += (bottom - top) * blocks
    return start


@compiled
def _fill(tiles, table, alpha):
    """Copy the ink of each tile to its blocks."""
    for n in range(tiles.shape[0]):
        t = table[n]
        for y in range(t[ROWS]):
            line = (t[START] + y * t[BLOCKS]) * BLOCK
            for x in range(t[WIDTH]):
                value = tiles[n, t[TOP] + y, t[LEFT] + x]
                alpha[line + 3 * x], alpha[line + 3 * x + 1], alpha[line + 3 * x + 2] = value, value, value


def shrink(page: np.ndarray, masks: GlyphMasks, scale: tuple[float, float], phases: int) -> np.ndarray:
    """Exact masks -> (glyphs, phases², rows, columns) uint8, averaged by area at sub-pixel positions.

    Phase p of P moves the tile by p / P of a drawn pixel; the baseline's left end stays on a pixel's corner.
    """
    count, rows, columns = page.shape
    across = _areas(columns, masks.left, scale[0], phases)  # (P, drawn columns, columns)
    down = _areas(rows, masks.top, scale[1], phases)
    half = np.einsum("gyx,pwx->gpyw", page.astype(np.float32), across, optimize=True)
    full = np.einsum("gpyw,qhy->gqphw", half, down, optimize=True)  # rows of phases first
    full = np.rint(full, out=full).clip(0, 255, out=full)  # in place: fresh memory costs more than the arithmetic
    return full.astype(np.uint8).reshape(count, phases * phases, *full.shape[3:])


def _areas(length: int, origin: int, scale: float, phases: int) -> np.ndarray:
    """Return weights (phases, drawn pixels, length): how much of a source pixel falls on a drawn one."""
    before = int(np.ceil(origin / scale))  # drawn pixels left of the origin
    after = int(np.ceil((length - origin) / scale)) + 1
    weights = np.zeros((phases, before + after + 1, length), np.float32)
    cells = np.arange(before + after + 1)[:, None]
    for phase in range(phases):
        edges = (np.arange(length + 1) - origin) / scale + phase / phases + before  # in drawn pixels
        low, high = edges[None, :-1], edges[None, 1:]
        weights[phase] = np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None)
    return weights
