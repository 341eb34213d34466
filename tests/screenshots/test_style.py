"""Random styles: keyed, independent field by field, checked when they are read."""

import dataclasses

import numpy as np
import pytest
import yaml

from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR
from fusion.screenshots import style, themes
from fusion.screenshots.style import FIELDS, Style, Styles, sample_key

KEYS = np.array([sample_key(0, 0, str(i)) for i in range(4000)], np.uint64)


def test_without_a_configuration_every_field_has_carbons_value():
    assert Styles({}).one(5) == Style()


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
        one, other = dataclasses.asdict(free.one(int(key))), dataclasses.asdict(fixed.one(int(key)))
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
    correlation = np.corrcoef(drawn.T) - np.eye(len(FIELDS))
    assert np.abs(correlation).max() < 0.08
    assert drawn.min() >= 0 and drawn.max() < 1


def test_any_theme_is_as_often_light_as_dark():
    styles = Styles({"theme": "any"})
    dark = [themes.palette(styles.words("theme")[i]).is_dark for i in styles.columns(KEYS)["theme"]]
    assert abs(np.mean(dark) - 0.5) < 0.04
    assert all(not themes.palette(name).is_dark for name in Styles({"theme": "light"}).words("theme"))


@pytest.mark.parametrize("theme", themes.names())
def test_every_ink_of_every_theme_can_be_read(theme):
    palette = themes.palette(theme)
    lowest = min(themes.contrast(ink, palette.ground) for ink in palette.inks)
    assert lowest >= themes.MIN_CONTRAST
    assert themes.contrast(palette.mark, palette.ground) > 1


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
        ({"wear": []}, "nothing to draw from"),
        ({"font": "comic"}, "is not known"),
    ],
)
def test_a_wrong_value_is_named_with_what_there_is(render, message):
    with pytest.raises(UserError, match=message):
        Styles(render)


@pytest.mark.parametrize("file", sorted(path.stem for path in (CONF_DIR / "render").glob("*.yaml")))
def test_every_file_of_conf_render_can_be_drawn_with(file):
    from fusion.render import named
    from fusion.screenshots.renderer import Renderer

    render = named("render", file) | {"font": "dejavu-sans-mono"}  # the others need a network
    assert Renderer(render, 1360, 64, 0)(["a = 1\n"], ["x"], 0).shape == (1, 64, 64, 3)
    every = yaml.safe_load((CONF_DIR / "render" / "carbon.yaml").read_text(encoding="utf-8"))
    assert set(FIELDS) < set(every), "a field that is not in the file cannot be given as render.FIELD=VALUE"
