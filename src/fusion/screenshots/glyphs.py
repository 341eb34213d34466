"""Font and size -> glyph masks: the 256 characters of the page in four faces, exactly as Pillow draws them.

Drawing them takes FreeType up to a tenth of a second, so they are kept in the cache under a hash of everything they
depend on; later processes read them in milliseconds.
"""

import hashlib
import logging
import os
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL
import PIL.features
from PIL import Image, ImageDraw, ImageFont

from fusion.config.paths import cache_dir
from fusion.config.render import DEFAULT_FONT
from fusion.files import replacing
from fusion.screenshots import fonts
from fusion.screenshots.charset import BOX, PAGE

log = logging.getLogger(__name__)

MASKS = 1  # raised when the same font and size give other masks than before
MAX_STORED = 64  # pixels per em; larger ones are rare and take a megabyte each
EM = 16_000  # pixels; so large that the advance is read without hinting


@dataclass(frozen=True)
class Metrics:
    """The measures of one font at one size, in pixels."""

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
    """Return the measures of a font by name or path, at a size in pixels per em."""
    face = fonts.load(font).at(0, pixels)
    ascent, descent = face.getmetrics()
    return Metrics(_advance(font) * pixels, ascent, descent)


@lru_cache(maxsize=64)
def _advance(font: str) -> float:
    """Return the width of a cell in ems."""
    return fonts.load(font).at(0, EM).getlength("M") / EM


@lru_cache(maxsize=4)  # large ones take 70 MB
def glyph_masks(font: str, pixels: int) -> GlyphMasks:
    """Return every slot of the page in every face; a face that repeats another has the same masks."""
    faces, size = fonts.load(font).faces, metrics(font, pixels)
    margin = max(2, pixels // 4)
    top, left = size.ascent + margin, margin
    shape = (top + size.descent + margin, int(np.ceil(size.advance)) + 2 * margin)
    distinct = sorted({faces.index(face) for face in faces})
    path = _path(fonts.load(font), pixels)
    pages = _read(path, (len(distinct), 256, *shape))
    if pages is None:
        pages = np.stack([_draw_page(font, face, pixels, shape, (left, top)) for face in distinct])
        if pixels <= MAX_STORED:
            _write(path, pages)
    alpha = pages[[distinct.index(faces.index(face)) for face in faces]]
    return GlyphMasks(alpha.reshape(4 * 256, *shape), top, left)


def _draw_page(font: str, face: int, pixels: int, shape: tuple[int, int], at: tuple[int, int]) -> np.ndarray:
    """Return (256, rows, columns) uint8; what a font lacks is DejaVu's, as an editor would do, or else a box.

    shape: of a tile; at: where the baseline starts in it, (x, y).
    """
    page = np.zeros((256, *shape), np.uint8)
    page[BOX] = _draw_box(pixels, shape, at, metrics(font, pixels).advance)
    lacking = list(PAGE)
    for name in (font, DEFAULT_FONT):
        pen = fonts.load(name).at(face, pixels)
        for slot in lacking:
            page[slot] = 0
            _draw_glyph(pen, PAGE[slot], page[slot], at)
        lacking_glyph = np.zeros(shape, np.uint8)
        _draw_glyph(pen, "\uffff", lacking_glyph, at)
        lacking = [slot for slot in lacking if np.array_equal(page[slot], lacking_glyph)]
    page[lacking] = page[BOX]
    return page


def _draw_box(pixels: int, shape: tuple[int, int], at: tuple[int, int], advance: float) -> np.ndarray:
    """Return the tile, (rows, columns) uint8, of what no font has."""
    image = Image.new("L", shape[::-1])
    right, height = at[0] + max(1, int(advance) - 2), max(1, round(0.7 * pixels))
    ImageDraw.Draw(image).rectangle((at[0] + 1, at[1] - height, right, at[1] - 1), outline=255)
    return np.asarray(image)


def _draw_glyph(pen: ImageFont.FreeTypeFont, char: str, tile: np.ndarray, at: tuple[int, int]) -> None:
    """Write a character's mask to a blank tile, cut at its edges.

    An image and a pen for each, as ImageDraw has them, would take four times as long.
    """
    mask, (x, y) = pen.getmask2(char, "L", anchor="ls")
    columns, rows = mask.size
    left, top = at[0] + int(x), at[1] + int(y)
    ink = np.frombuffer(bytes(mask), np.uint8).reshape(rows, columns)
    ink = ink[max(0, -top) : max(0, tile.shape[0] - top), max(0, -left) : max(0, tile.shape[1] - left)]
    top, left = max(0, top), max(0, left)
    tile[top : top + ink.shape[0], left : left + ink.shape[1]] = ink


def _path(font: fonts.Font, pixels: int) -> Path:
    """Return where the masks are kept: named after all that they depend on."""
    files = [font.sha256, fonts.load(DEFAULT_FONT).sha256]
    drawn_by = [PIL.__version__, PIL.features.version("freetype2"), os.environ.get("FREETYPE_PROPERTIES")]
    facts = repr((MASKS, files, pixels, sorted(PAGE.items()), drawn_by))
    return cache_dir() / "glyphs" / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.zlib"


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return what was written to a path, or None where nothing whole is."""
    try:
        return np.frombuffer(bytearray(zlib.decompress(path.read_bytes())), np.uint8).reshape(shape)
    except FileNotFoundError:
        return None
    except (OSError, zlib.error, ValueError) as error:
        log.debug("glyph masks in %s cannot be read: %s", path, error)
        return None


def _write(path: Path, pages: np.ndarray) -> None:
    """Keep masks for later processes; a cache that cannot be written only costs them the time to draw."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(zlib.compress(pages.tobytes(), 1))
    except OSError as error:
        log.debug("glyph masks were not kept: %s", error)
