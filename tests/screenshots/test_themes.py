"""Themes: colours that can be told from their ground."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from pygments.styles import get_style_by_name
from pygments.token import Token

from fusion.config.errors import UserError
from fusion.screenshots import themes
from fusion.screenshots.lexing import CLASSES
from fusion.screenshots.themes import BOLD, INKS, ITALIC, LINE_NUMBER, MIN_CONTRAST, TITLE, contrast, palette, rgb

COLORS = arrays(np.uint8, 3)


@pytest.mark.parametrize("theme", themes.names())
def test_every_ink_of_every_theme_can_be_read(theme):
    colors = palette(theme)
    assert colors.inks.shape == (INKS, 3) and colors.faces.shape == (INKS,)
    assert min(contrast(ink, colors.ground) for ink in colors.inks) >= MIN_CONTRAST
    assert contrast(colors.mark, colors.ground) > 1


def test_inks_and_faces_are_those_of_the_theme():
    colors, style = palette("monokai"), get_style_by_name("monokai")
    keyword = CLASSES.index("Keyword")
    assert colors.inks[keyword].tolist() == rgb(style.style_for_token(Token.Keyword)["color"]).tolist()
    assert colors.ground.tolist() == rgb(style.background_color).tolist() and colors.is_dark
    faces = palette("vs").faces, palette("friendly").faces
    assert faces[1][CLASSES.index("Keyword")] == BOLD and faces[1][CLASSES.index("Comment")] == ITALIC
    assert not any(each[[LINE_NUMBER, TITLE]].any() for each in faces)


def test_light_and_dark_weigh_the_same_under_any():
    weights = themes.of_kind("any")
    dark = sum(weight for name, weight in weights.items() if palette(name).is_dark)
    assert set(weights) == set(themes.names()) and dark == pytest.approx(1) == sum(weights.values()) - dark
    assert all(not palette(name).is_dark for name in themes.of_kind("light"))


def test_an_unknown_theme_is_named():
    with pytest.raises(UserError, match=r"did you mean monokai\?"):
        palette("monokay")


@pytest.mark.parametrize("color", ["#abc", "abc", "#aabbcc", "aabbcc", "#AABBCC"])
def test_colours_can_be_written_in_several_ways(color):
    assert rgb(color).tolist() == [0xAA, 0xBB, 0xCC]


@pytest.mark.parametrize("color", ["red", "#12", "#12345", "#gggggg", ""])
def test_what_is_no_colour_is_refused(color):
    with pytest.raises(ValueError):
        rgb(color)


@given(COLORS, COLORS)
def test_contrast_is_that_of_wcag(first, second):
    assert 1 <= contrast(first, second) == contrast(second, first) <= 21.000001
    assert contrast(np.zeros(3), np.full(3, 255)) == pytest.approx(21)


@given(COLORS, COLORS)
def test_any_ink_is_made_readable_on_any_ground(ink, ground):
    changed = themes.readable(ink, ground)
    assert contrast(changed, ground) >= MIN_CONTRAST
    assert contrast(ink, ground) < MIN_CONTRAST or np.array_equal(changed, ink)
