"""Font and size -> glyph bank: the ink of 256 characters in four faces, ready to be added to pixels.

A glyph is a tile of alpha values, each written three times (red, green, blue) in rows of whole 32-byte
blocks, so that the inner loop of drawing is one run of vector instructions; alpha 0 leaves a pixel as it was.
At a scale other than 1 (pictures drawn directly at the training size) a tile is the area average of the exact
one, once for each of phases × phases sub-pixel positions.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusion.jit import compiled
from fusion.screenshots import fonts
from fusion.screenshots.charset import BOX, PAGE

BLOCK = 32  # bytes; the length that the compiler turns into vector instructions, 16 it does not
START, ROWS, BLOCKS, TOP, LEFT, WIDTH = range(6)  # columns of the table of tiles
_GROWING = threading.Lock()  # of the module, for a bank must be able to travel to other processes
ASCII = 127  # slots that get every phase
EM = 16_000  # pixels; so large that the advance is read without hinting


@dataclass(frozen=True)
class Metrics:
    """Of one font at one size, in pixels."""

    advance: float  # from one cell to the next: the font's own, not the hinted one
    ascent: int  # above the baseline
    descent: int


@dataclass(frozen=True)
class GlyphMasks:
    """The page at one size, unscaled; the baseline of each glyph starts at (top, left) of its tile."""

    alpha: np.ndarray  # (faces × 256, rows, columns) uint8
    top: int
    left: int


@lru_cache(maxsize=256)
def metrics(font: str, pixels: int) -> Metrics:
    face = fonts.load(font).at(0, pixels)
    ascent, descent = face.getmetrics()
    return Metrics(_advance(font) * pixels, ascent, descent)


@lru_cache(maxsize=64)
def _advance(font: str) -> float:
    """Width of a cell in ems."""
    return fonts.load(font).at(0, EM).getlength("M") / EM


@lru_cache(maxsize=4)  # large ones take 70 MB
def glyph_masks(font: str, pixels: int) -> GlyphMasks:
    """Every slot of the page in every face as Pillow draws it; a face that repeats another is drawn once."""
    found = fonts.load(font)
    size = metrics(font, pixels)
    margin = max(2, pixels // 4)
    top, left = size.ascent + margin, margin
    shape = (top + size.descent + margin, int(np.ceil(size.advance)) + 2 * margin)
    alpha = np.zeros((4, 256, *shape), np.uint8)
    for face in range(4):
        first = found.faces.index(found.faces[face])
        alpha[face] = alpha[first] if first < face else _page(found, face, pixels, shape, (left, top), size.advance)
    return GlyphMasks(alpha.reshape(4 * 256, *shape), top, left)


def _page(
    font: fonts.Font, face: int, pixels: int, shape: tuple[int, int], at: tuple[int, int], advance: float
) -> np.ndarray:
    """-> (256, rows, columns) uint8; what a font lacks is DejaVu's, as an editor would do, or the box."""
    page = np.zeros((256, *shape), np.uint8)
    box = Image.new("L", shape[::-1])
    right, height = at[0] + max(1, int(advance) - 2), max(1, round(0.7 * pixels))
    ImageDraw.Draw(box).rectangle((at[0] + 1, at[1] - height, right, at[1] - 1), outline=255)
    page[BOX] = np.asarray(box)
    pens = [font.at(face, pixels), fonts.load(fonts.DEFAULT_FONT).at(face, pixels)]
    lacking = [_draw(pen, "\uffff", shape, at) for pen in pens]
    for slot, char in PAGE.items():
        page[slot] = page[BOX]
        for pen, none in zip(pens, lacking, strict=True):
            glyph = _draw(pen, char, shape, at)
            if not np.array_equal(glyph, none):
                page[slot] = glyph
                break
    return page


def _draw(font: ImageFont.FreeTypeFont, char: str, shape: tuple[int, int], at: tuple[int, int]) -> np.ndarray:
    image = Image.new("L", shape[::-1])
    ImageDraw.Draw(image).text(at, char, font=font, fill=255, anchor="ls")
    return np.asarray(image)


class GlyphAtlas:
    """Tiles of every (font, size, scale) asked for so far, in two flat arrays that the drawing code reads.

    table: (tiles, 6) int32, the columns above, at ((entry × 4 + face) × 256 + slot) × phases² + phase.
    alpha: flat uint8.
    """

    def __init__(self, phases: int):
        self.phases = phases  # 1 for exact drawing
        self.entries: dict[tuple[str, int, float, float], int] = {}
        self.table = np.zeros((0, 6), np.int32)
        self.alpha = np.zeros(0, np.uint8)

    def entry(self, font: str, pixels: int, scale: tuple[float, float] = (1.0, 1.0)) -> int:
        """Font, pixels per em and source pixels per drawn pixel (x, y) -> the number of its entry."""
        key = (font, pixels, *scale)
        with _GROWING:
            if key not in self.entries:
                self._add(key)
            return self.entries[key]

    def _add(self, key: tuple[str, int, float, float]) -> None:
        font, pixels, *scale = key
        faces = fonts.load(font).faces
        firsts = [faces.index(face) for face in faces]  # a face that repeats another shares its tiles
        drawn = glyph_masks(font, pixels)
        parts = {face: self._tiles(drawn, face, (scale[0], scale[1])) for face in sorted(set(firsts))}
        start = len(self.alpha) // BLOCK
        for table, alpha in parts.values():
            table[..., START] += start
            start += len(alpha) // BLOCK
        tables = [parts[first][0].reshape(-1, 6) for first in firsts]
        self.alpha = np.concatenate([self.alpha, *(alpha for _, alpha in parts.values())])
        self.table = np.concatenate([self.table, *tables])  # after alpha, into which it points
        self.entries[key] = len(self.entries)

    def _tiles(self, drawn: GlyphMasks, face: int, scale: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """One face -> table (256, phases², 6), alpha; beyond ASCII a tile goes to the nearest pixel."""
        page = drawn.alpha[face * 256 : (face + 1) * 256]
        if self.phases == 1:
            table, alpha = pack(page, drawn.top, drawn.left)
            return table[:, None], alpha
        at = int(np.ceil(drawn.top / scale[1])), int(np.ceil(drawn.left / scale[0]))
        square = self.phases * self.phases
        table = np.zeros((256, square, 6), np.int32)
        fine = shrunk(page[:ASCII], drawn, scale, self.phases)
        few, alpha = pack(fine.reshape(-1, *fine.shape[2:]), *at)
        table[:ASCII] = few.reshape(ASCII, square, 6)
        rest, more = pack(shrunk(page[ASCII:], drawn, scale, 1)[:, 0], *at)
        rest[:, START] += len(alpha) // BLOCK
        table[ASCII:] = rest[:, None]
        far = np.arange(self.phases) >= self.phases / 2
        table[ASCII:, :, TOP] += np.repeat(far, self.phases)
        table[ASCII:, :, LEFT] += np.tile(far, self.phases)
        return table, np.concatenate([alpha, more])


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
    """Fills the table with bounding boxes; -> blocks needed."""
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
    for n in range(tiles.shape[0]):
        t = table[n]
        for y in range(t[ROWS]):
            line = (t[START] + y * t[BLOCKS]) * BLOCK
            for x in range(t[WIDTH]):
                value = tiles[n, t[TOP] + y, t[LEFT] + x]
                alpha[line + 3 * x], alpha[line + 3 * x + 1], alpha[line + 3 * x + 2] = value, value, value


def shrunk(page: np.ndarray, drawn: GlyphMasks, scale: tuple[float, float], phases: int) -> np.ndarray:
    """Exact ink -> (glyphs, phases², rows, columns) uint8, averaged by area at sub-pixel positions.

    Phase p of P moves the tile by p / P of a drawn pixel; the baseline's left end stays on a pixel's corner.
    """
    count, rows, columns = page.shape
    across = _areas(columns, drawn.left, scale[0], phases)  # (P, drawn columns, columns)
    down = _areas(rows, drawn.top, scale[1], phases)
    half = np.einsum("gyx,pwx->gpyw", page.astype(np.float32), across, optimize=True)
    full = np.einsum("gpyw,qhy->gqphw", half, down, optimize=True)  # rows of phases first
    return np.rint(full).clip(0, 255).astype(np.uint8).reshape(count, phases * phases, *full.shape[3:])


def _areas(length: int, origin: int, scale: float, phases: int) -> np.ndarray:
    """Weights (phases, drawn pixels, length): how much of a source pixel falls on a drawn one."""
    before = int(np.ceil(origin / scale))  # drawn pixels left of the origin
    after = int(np.ceil((length - origin) / scale)) + 1
    weights = np.zeros((phases, before + after + 1, length), np.float32)
    cells = np.arange(before + after + 1)[:, None]
    for phase in range(phases):
        edges = (np.arange(length + 1) - origin) / scale + phase / phases + before  # in drawn pixels
        low, high = edges[None, :-1], edges[None, 1:]
        weights[phase] = np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None)
    return weights
