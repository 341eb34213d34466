"""Glyph masks: Pillow's own to the bit, kept on disk, drawn anew when what is kept is of no use."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from fusion.config.render import DEFAULT_FONT
from fusion.screenshots import fonts, glyphs
from fusion.screenshots.charset import BOX, NOTHING, PAGE
from fusion.screenshots.glyphs import GlyphMasks, glyph_masks, metrics

FOLDER = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"
TYPEWRITER = str(FOLDER / "cmtt10.ttf")  # lacks half of the page


@pytest.fixture(autouse=True)
def nothing_in_memory():
    glyph_masks.cache_clear()
    yield
    glyph_masks.cache_clear()


def drawn_alone(pen: ImageFont.FreeTypeFont, char: str, masks: GlyphMasks) -> np.ndarray:
    """The oracle: an image of its own for each character."""
    image = Image.new("L", masks.alpha.shape[:0:-1])
    ImageDraw.Draw(image).text((masks.left, masks.top), char, font=pen, fill=255, anchor="ls")
    return np.asarray(image)


def check_against_pillow(font: str, pixels: int) -> int:
    """Assert that every mask is what Pillow draws; return how many slots are boxes."""
    masks, faces, boxes = glyph_masks(font, pixels), fonts.load(font).faces, 0
    for face in range(4):
        page = masks.alpha[face * 256 : (face + 1) * 256]
        first = faces.index(faces[face])  # of a font of one file all faces are the regular one
        pens = [fonts.load(name).at(first, pixels) for name in (font, DEFAULT_FONT)]
        lacking = [drawn_alone(pen, "\uffff", masks) for pen in pens]
        for slot, char in PAGE.items():
            tiles = [drawn_alone(pen, char, masks) for pen in pens]
            there = [tile for tile, none in zip(tiles, lacking, strict=True) if not np.array_equal(tile, none)]
            assert np.array_equal(page[slot], there[0] if there else page[BOX]), (face, char)
            boxes += not there
        assert not page[NOTHING].any() and page[BOX].any()
    return boxes


@pytest.mark.parametrize("pixels", [6, 13, 16, 28])
def test_masks_are_what_pillow_draws_one_character_at_a_time(pixels):
    assert check_against_pillow(DEFAULT_FONT, pixels) < 40


@pytest.mark.parametrize("pixels", [9, 14])
def test_what_a_font_lacks_is_dejavus(pixels):
    check_against_pillow(TYPEWRITER, pixels)
    slot = next(slot for slot, char in PAGE.items() if char == "λ")
    masks = glyph_masks(TYPEWRITER, pixels)
    assert np.array_equal(masks.alpha[slot], drawn_alone(fonts.load(DEFAULT_FONT).at(0, pixels), "λ", masks))


@pytest.mark.network
@pytest.mark.parametrize("name", fonts.catalogue())
def test_masks_of_other_fonts_are_what_pillow_draws(name):
    for pixels in (12, 13, 14, 16, 28):
        check_against_pillow(name, pixels)


@pytest.mark.parametrize("font", [DEFAULT_FONT, TYPEWRITER])
def test_masks_are_drawn_once_and_read_back_as_they_were(font, monkeypatch):
    drawn = glyph_masks(font, 13)
    glyph_masks.cache_clear()
    monkeypatch.setattr(glyphs, "_draw_page", lambda *_: pytest.fail("drawn again"))
    read = glyph_masks(font, 13)
    assert np.array_equal(read.alpha, drawn.alpha) and (read.top, read.left) == (drawn.top, drawn.left)


@pytest.mark.parametrize("damage", [b"", b"no masks", None])
def test_damaged_masks_are_drawn_anew(cache_folder, damage):
    drawn = glyph_masks(DEFAULT_FONT, 13)
    glyph_masks.cache_clear()
    (path,) = (cache_folder / "glyphs").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert np.array_equal(glyph_masks(DEFAULT_FONT, 13).alpha, drawn.alpha)
    assert path.read_bytes() == whole


def test_another_font_or_size_has_a_file_of_its_own(cache_folder, monkeypatch):
    for font, pixels in ((DEFAULT_FONT, 8), (DEFAULT_FONT, 9), (TYPEWRITER, 9)):
        glyph_masks(font, pixels)
    glyph_masks.cache_clear()
    monkeypatch.setattr(glyphs.PIL, "__version__", "0.0")  # another Pillow may draw other masks
    glyph_masks(DEFAULT_FONT, 9)
    assert len(list((cache_folder / "glyphs").iterdir())) == 4


def test_large_masks_and_a_cache_that_cannot_be_written_cost_nothing_but_time(cache_folder):
    glyph_masks(TYPEWRITER, glyphs.MAX_STORED + 1)
    assert not cache_folder.exists()
    cache_folder.write_text("not a folder")
    assert glyph_masks(DEFAULT_FONT, 7).alpha.any()


@given(st.integers(4, 60))
@settings(max_examples=10, deadline=None)
def test_measures_grow_with_the_size(pixels):
    small, large = metrics(DEFAULT_FONT, pixels), metrics(DEFAULT_FONT, pixels + 4)
    assert small.advance == pytest.approx(0.602 * pixels, abs=0.001 * pixels)
    assert small.ascent < large.ascent and 0 < small.descent <= large.descent
