"""Sizes, views and styles: what a picture may be drawn by."""

import pytest

from fusion.config.errors import UserError
from fusion.config.render import STYLE, VIEW, Render, Size, check_view, load_render_options, parse_side, parse_size


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        (500, (500, 500)),
        ("680x500", (680, 500)),
        ([1360, 900], (1360, 900)),
        ("256", (256, 256)),
        ("680X500", (680, 500)),
    ],
)
def test_a_size_is_read_in_every_way_it_is_written(typed: object, size: tuple[int, int]) -> None:
    assert parse_size(typed) == Size(*size)


@pytest.mark.parametrize("typed", [0, 7, 9000, "wide", "1x2x3", None, [], "500x", -4])
def test_what_is_no_size_is_refused_with_an_example(typed: object) -> None:
    with pytest.raises(ValueError, match="say 680x500"):
        parse_size(typed)


def test_the_side_of_a_square_may_be_written_as_a_size() -> None:
    assert parse_side("224x224") == parse_side([224, 224]) == parse_side(224) == 224
    with pytest.raises(ValueError, match="square"):
        parse_side("224x96")


def test_the_options_of_a_file_come_back_flat_as_they_were() -> None:
    carbon = load_render_options("carbon")
    flat = carbon.to_option()
    assert set(flat) == {*VIEW, *STYLE} and flat["font_size"] == [12, 16] and flat["highlight"] == "neutral"
    assert carbon.replaced(theme="monokai").to_option() == flat | {"theme": "monokai"}


def test_a_change_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"render\.shadow=2 must be a number from 0 to 1"):
        load_render_options("plain", shadow=2)


def test_a_view_must_lie_in_the_picture() -> None:
    check_view(Render(view="random_crop", crop_size=200), Size(680, 200))
    for render, reason in (
        (Render(view="centre_crop", crop_size=201), "shorter side, 200"),
        (Render(view="tiles", tile_size=448), "shorter side, 200"),
        (Render(view="tiles", tile_size=100, mode="direct"), "draws no tiles"),
    ):
        with pytest.raises(UserError, match=reason):
            check_view(render, Size(680, 200))
