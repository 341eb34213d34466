"""Random styles: keyed, independent field by field, checked when they are read."""

import dataclasses

import numpy as np
import pytest

from fusion.config.errors import UserError
from fusion.config.groups import names_in, read_group
from fusion.config.options import parse
from fusion.config.render import DEFAULT_FONT, STYLE, RenderOptions, Size, Style, load_render_options
from fusion.screenshots import style, themes
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import Styles, sample_key

KEYS = np.array([sample_key(0, 0, str(i)) for i in range(4000)], np.uint64)


def test_without_a_configuration_every_field_has_carbons_value():
    assert Styles({}).sample(5) == Style()


def test_fixing_one_field_leaves_the_others():
    ranges = {
        "theme": "any",
        "font_size": [12, 16],
        "padding_x": [0, 9],
        "background": "any",
        "line_numbers": 0.5,
    }
    free, fixed = Styles(ranges), Styles(ranges | {"theme": "monokai"})
    for key in KEYS[:50]:
        one, other = dataclasses.asdict(free.sample(int(key))), dataclasses.asdict(fixed.sample(int(key)))
        assert other.pop("theme") == "monokai" and one.pop("theme") and one == other


def test_ranges_have_both_ends_and_lists_are_drawn_from_evenly():
    columns = Styles(
        {"font_size": [12, 16], "scroll_y": [0, 0, 0, 1], "line_numbers": 0.25, "shadow": [0.2, 0.4]}
    ).columns(KEYS)
    sizes, counts = np.unique(columns["font_size"], return_counts=True)
    assert sizes.tolist() == [12, 13, 14, 15, 16] and counts.min() > 650
    assert abs(columns["scroll_y"].mean() - 0.25) < 0.03 and abs(columns["line_numbers"].mean() - 0.25) < 0.03
    assert 0.2 <= columns["shadow"].min() < 0.21 and 0.39 < columns["shadow"].max() <= 0.4


def test_fields_are_independent_of_each_other():
    drawn = style.hash_uniform(KEYS, Styles({}).salts)
    correlation = np.corrcoef(drawn.T) - np.eye(len(STYLE))
    assert np.abs(correlation).max() < 0.08
    assert drawn.min() >= 0 and drawn.max() < 1


def test_any_theme_is_as_often_light_as_dark():
    styles = Styles({"theme": "any"})
    dark = [themes.palette(styles.choices("theme")[i]).is_dark for i in styles.columns(KEYS)["theme"]]
    assert abs(np.mean(dark) - 0.5) < 0.04
    assert all(not themes.palette(name).is_dark for name in Styles({"theme": "light"}).choices("theme"))


def test_evaluation_styles_do_not_depend_on_the_seed():
    assert sample_key(0, None, "a") == sample_key(9, None, "a") != sample_key(0, 0, "a")
    assert len({sample_key(seed, epoch, id) for seed in range(3) for epoch in range(3) for id in "abc"}) == 27


@pytest.mark.parametrize(
    ("render", "message"),
    [
        ({"theem": "vs"}, r"render.theem is not known \(did you mean theme\?\)"),
        (
            {"theme": "monokay"},
            r"render.theme=monokay is not known \(did you mean monokai\?\); it is any, light, dark or",
        ),
        ({"window": "linux"}, "it is mac, windows, none"),
        ({"font_size": 2}, "must be a whole number from 4 to 72"),
        ({"font_size": 12.5}, "must be a whole number"),
        ({"font_size": [16, 12]}, "write the lower end first"),
        ({"font_size": True}, "must be a whole number"),
        ({"line_height": "high"}, "must be a number from 80 to 300"),
        ({"line_numbers": 3}, "true, false or a share"),
        ({"line_numbers": "sometimes"}, "true, false or a share"),
        ({"background": "red"}, "#rrggbb"),
        ({"degradation": []}, "nothing to draw from"),
        ({"font": "comic"}, "is not known"),
    ],
)
def test_a_wrong_value_is_named_with_what_there_is(render, message):
    with pytest.raises(UserError, match=message):
        Styles(parse(RenderOptions, render, "render").style)


@pytest.mark.parametrize("name", names_in("render"))
def test_every_file_of_conf_render_can_be_drawn_with(name):
    render = load_render_options(name, font=DEFAULT_FONT)  # the others need a network
    assert Renderer(render, Size(1360, 1360), 64, 0)(["a = 1\n"], ["x"], 0).shape == (1, 64, 64, 3)
    options = read_group("render", "carbon")
    assert set(STYLE) < set(options), "a field that is not in the file cannot be given as render.FIELD=VALUE"


def test_a_renamed_field_is_drawn_as_under_its_first_name():
    styles = Styles({"degradation": ["none", "jpeg", "blur", "rescale"]})
    columns = styles.columns(np.array([sample_key(0, 0, id) for id in "abcdefgh"], np.uint64))
    assert columns["degradation"].tolist() == [0, 0, 2, 0, 2, 1, 3, 1], "as drawn when the field was called wear"
