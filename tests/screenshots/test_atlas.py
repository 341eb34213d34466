"""The atlas: masks as rows of ink that the drawing code adds, exact or shrunk."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fusion.config.render import DEFAULT_FONT
from fusion.screenshots import atlas
from fusion.screenshots.atlas import (
    BLOCK,
    BLOCKS,
    LEFT,
    ROWS,
    START,
    TOP,
    WIDTH,
    GlyphAtlas,
    GrowingArray,
    pack,
    shrink,
)
from fusion.screenshots.glyphs import glyph_masks

FOLDER = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"


def unpacked(table: np.ndarray, alpha: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The tiles that a table and its ink describe, (tiles, rows, columns)."""
    tiles = np.zeros(shape, np.uint8)
    for tile, row in zip(tiles, table, strict=True):
        length = int(row[BLOCKS]) * BLOCK
        ink = alpha[row[START] * BLOCK :][: row[ROWS] * length].reshape(row[ROWS], length)
        ink = ink[:, : 3 * row[WIDTH]].reshape(row[ROWS], row[WIDTH], 3)
        assert (ink == ink[..., :1]).all(), "red, green and blue have the same alpha"
        tile[row[TOP] : row[TOP] + row[ROWS], row[LEFT] : row[LEFT] + row[WIDTH]] = ink[..., 0]
    return tiles


@given(arrays(np.uint8, (3, 7, 13), elements=st.sampled_from([0, 0, 0, 1, 255])))
def test_packed_tiles_are_all_there(tiles):
    table, alpha = pack(tiles, 0, 0)
    assert np.array_equal(unpacked(table, alpha, tiles.shape), tiles)
    assert len(alpha) % BLOCK == 0
    moved, _ = pack(tiles, 2, 5)
    assert np.array_equal(moved - table, np.tile([0, 0, 0, -2, -5, 0], (3, 1)))


def test_an_exact_entry_holds_the_masks():
    masks, entries = glyph_masks(DEFAULT_FONT, 14), GlyphAtlas(1)
    assert [entries.entry(DEFAULT_FONT, pixels) for pixels in (13, 14, 13)] == [0, 1, 0]
    table = entries.table[1024:].copy()
    table[:, TOP] += masks.top * (table[:, ROWS] > 0)
    table[:, LEFT] += masks.left * (table[:, ROWS] > 0)
    table[table[:, ROWS] == 0] = 0
    assert np.array_equal(unpacked(table, entries.alpha, masks.alpha.shape), masks.alpha)


def test_faces_that_repeat_share_their_tiles():
    one, four = GlyphAtlas(1), GlyphAtlas(1)
    one.entry(str(FOLDER / "DejaVuSansMono.ttf"), 14)
    four.entry(DEFAULT_FONT, 14)
    assert len(one.table) == len(four.table) == 1024 and len(one.alpha) < 0.4 * len(four.alpha)


def test_shrunk_ink_is_the_mean_of_what_it_covers():
    masks = glyph_masks(DEFAULT_FONT, 12)
    page = masks.alpha[65:70]
    tiles = shrink(page, masks, (2.0, 2.0), 1)[:, 0]  # (glyphs, rows, columns)
    top, left = (-side % 2 for side in (masks.top, masks.left))  # the baseline's start stays on a pixel's corner
    bottom, right = (-(side + before) % 2 for side, before in zip(page.shape[1:], (top, left), strict=True))
    even = np.pad(page, ((0, 0), (top, bottom), (left, right))).astype(float)
    means = even.reshape(5, even.shape[1] // 2, 2, even.shape[2] // 2, 2).mean((2, 4))
    assert np.abs(tiles[:, : means.shape[1], : means.shape[2]] - means).max() <= 0.5


@pytest.mark.parametrize("phases", [2, 6])
def test_a_shrunk_entry_has_a_tile_for_every_phase_and_no_ink_is_lost(phases):
    entries, masks = GlyphAtlas(phases), glyph_masks(DEFAULT_FONT, 16)
    entries.entry(DEFAULT_FONT, 16, (2.5, 2.0))
    assert entries.table.shape == (4 * 256 * phases * phases, 6)
    ink = masks.alpha[ord("W")].sum() / 5
    tiles = shrink(masks.alpha[ord("W")][None], masks, (2.5, 2.0), phases)[0]
    assert np.abs(tiles.sum((1, 2), dtype=int) / ink - 1).max() < 0.02


def test_an_atlas_travels_without_spare_memory(monkeypatch):
    entries = GlyphAtlas(1)
    for pixels in (8, 9, 10):
        entries.entry(DEFAULT_FONT, pixels)
    copy = pickle.loads(pickle.dumps(entries))
    assert np.array_equal(copy.table, entries.table) and np.array_equal(copy.alpha, entries.alpha)
    assert len(pickle.dumps(entries)) < 1.01 * (entries.table.nbytes + entries.alpha.nbytes) + 1000
    monkeypatch.setattr(atlas, "glyph_masks", lambda *_: pytest.fail("made again"))
    assert copy.entry(DEFAULT_FONT, 9) == 1


@given(st.lists(st.lists(st.integers(0, 255), max_size=9), max_size=9))
def test_a_growing_array_is_what_was_appended_and_its_past_stays(parts):
    array, past = GrowingArray(np.zeros(0, np.uint8)), []
    for part in parts:
        past.append((array.values, array.values.tolist()))
        array.append(np.array(part, np.uint8))
    assert array.values.tolist() == [value for part in parts for value in part]
    assert all(values.tolist() == before for values, before in past)
