"""Exact drawing against Pillow, character by character; the same bytes whatever the threads and the order."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.screenshots.renderers import make_renderer

from fusion.config.render import DEFAULT_FONT
from fusion.screenshots import fonts, themes
from fusion.screenshots.charset import PAGE
from fusion.screenshots.glyphs import metrics
from fusion.screenshots.lexing import token_classes

PLAIN = {
    "padding_x": 0,
    "padding_y": 0,
    "margin": 4,
    "window": "none",
    "shadow": 0,
    "corner_radius": 0,
    "height": "full",
}
CODE = (
    'def naïve(x):  # "quoted"\n\treturn [x ** 2 for x in range(10)]\n\n@decorated\nclass Glyph(Base):\n    pass\n' * 4
)


def pillow(text: str, classes: np.ndarray, theme: str, font: str, pixels: int, size: int) -> np.ndarray:
    """The oracle: one Pillow call a character, Layout.BASIC, at the cell's own place."""
    palette, file, measured = themes.palette(theme), fonts.load(font), metrics(font, pixels)
    image = Image.new("RGB", (size, size), tuple(palette.ground.tolist()))
    pen = ImageDraw.Draw(image)
    faces = [file.at(face, pixels) for face in range(4)]
    step = pixels * 1.5
    baseline = round((step - measured.ascent - measured.descent) / 2 + measured.ascent)
    row = column = 0
    for char, kind in zip(text, classes, strict=True):
        if char == "\n":
            row, column = row + 1, 0
        elif char == "\t":
            column += 4 - column % 4
        else:
            at = (4 + int(column * measured.advance + 0.5), 4 + baseline + int(row * step + 0.5))
            if char != " ":
                pen.text(at, char, tuple(palette.inks[kind].tolist()), faces[palette.faces[kind]], anchor="ls")
            column += 1
    return np.asarray(image)


def drawn(text: str, theme: str, font: str, pixels: int, size: int) -> np.ndarray:
    style = {"theme": theme, "font": font, "font_size": pixels, "line_height": 150} | PLAIN
    return make_renderer(style, size, size, 0)([text], ["id"], None)[0]


@pytest.mark.parametrize("pixels", [9, 12, 13, 16, 28])
@pytest.mark.parametrize("theme", ["monokai", "friendly"])
def test_the_difference_from_pillow_is_zero(pixels, theme):
    size = 60 * pixels // 2
    expected = pillow(CODE, token_classes(CODE, "neutral", 0), theme, DEFAULT_FONT, pixels, size)
    assert np.array_equal(drawn(CODE, theme, DEFAULT_FONT, pixels, size), expected)


@pytest.mark.parametrize("pixels", [11, 14, 17, 20, 31])
def test_all_glyphs_of_the_page_are_pillows(pixels):
    chars = [PAGE[slot] for slot in sorted(PAGE)]
    text = "\n".join("".join(chars[i : i + 32]) for i in range(0, len(chars), 32))
    size = 40 * pixels
    face = fonts.load(DEFAULT_FONT).at(0, pixels)
    lacking = face.getmask("\uffff").getbbox(), bytes(face.getmask("\uffff"))
    text = "".join(c for c in text if c == "\n" or (face.getmask(c).getbbox(), bytes(face.getmask(c))) != lacking)
    expected = pillow(text, token_classes(text, "neutral", 0), "vs", DEFAULT_FONT, pixels, size)
    assert np.array_equal(drawn(text, "vs", DEFAULT_FONT, pixels, size), expected)
    assert set(map(chr, range(33, 127))) <= set(text)


@pytest.mark.network
@pytest.mark.parametrize("name", ["hack", "fira-code", "jetbrains-mono", "ubuntu-mono", "space-mono"])
def test_all_glyphs_of_other_fonts_are_pillows(name):
    for pixels in (12, 13, 14, 16, 28):
        face = fonts.load(name).at(0, pixels)
        lacking = bytes(face.getmask("\uffff"))
        chars = [char for char in PAGE.values() if bytes(face.getmask(char)) != lacking]
        text = "\n".join("".join(chars[i : i + 32]) for i in range(0, len(chars), 32))
        expected = pillow(text, token_classes(text, "neutral", 0), "vs", name, pixels, 40 * pixels)
        assert np.array_equal(drawn(text, "vs", name, pixels, 40 * pixels), expected)


CARBON = {
    "theme": "any", "background": "any", "line_numbers": 0.5, "font_size": [12, 16], "scale": [1, 2],
    "window": ["mac", "windows", "none"], "degradation": ["none", "jpeg", "blur", "rescale"], "shift_x": [-10, 10],
}  # fmt: skip


@pytest.mark.parametrize("mode", ["source", "direct"])
def test_same_bytes_for_any_threads_and_any_order(mode):
    texts = [CODE[i:] for i in range(9)]
    ids = [f"id{i}" for i in range(9)]
    renderer = make_renderer(CARBON | {"mode": mode}, "120x90", 64, 3)
    renderer.threads = 1
    first = renderer(texts, ids, 5)
    renderer.threads = 4
    assert np.array_equal(renderer(texts, ids, 5), first)
    order = [4, 2, 8, 0, 1, 3, 7, 5, 6]
    again = make_renderer(CARBON | {"mode": mode}, "120x90", 64, 3)(
        [texts[i] for i in order], [ids[i] for i in order], 5
    )
    assert np.array_equal(again, first[order])
    assert np.array_equal(renderer(texts[4:5], ids[4:5], 5)[0], first[4])
    assert not np.array_equal(renderer(texts, ids, 6), first)


def test_evaluation_is_the_same_for_every_seed():
    one, other = (make_renderer(CARBON, 100, 48, seed)([CODE] * 3, list("abc"), None) for seed in (0, 1))
    assert np.array_equal(one, other)


def by_area(picture: np.ndarray, side: int) -> np.ndarray:
    """(S, S, 3) -> (side, side, 3) float: each pixel the mean of what it covers, fractions included."""
    edges = np.arange(side + 1) * len(picture) / side
    at = np.arange(len(picture))
    share = np.clip(np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at), 0, None)
    share /= share.sum(1, keepdims=True)
    return np.einsum("yh,hwc,xw->yxc", share, picture.astype(float), share, optimize=True)


@pytest.mark.parametrize(("size", "shape"), [(240, 96), (500, 224), (448, 224)])
def test_direct_drawing_comes_close_to_the_exact_picture_averaged_by_area(size, shape):
    style = {"theme": "vs", "background": "#abb8c3", "line_numbers": True, "font_size": 13}
    exact = by_area(make_renderer(style, size, size, 0)([CODE], ["a"], None)[0], shape)
    direct = make_renderer(style | {"mode": "direct"}, size, shape, 0)([CODE], ["a"], 0)[0]
    assert 10 * np.log10(255**2 / np.mean((exact - direct) ** 2)) > 40  # decibels
