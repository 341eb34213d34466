"""What a backbone sees: any text, any source size, whole pictures, crops and tiles."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.screenshots.renderers import make_renderer

from fusion.config.errors import UserError
from fusion.config.render import STYLE, VIEW
from fusion.screenshots.resize import resize

CODE = "".join(f"def f{i}(x):\n    return '{i}' + x  # the {i}th\n\n" for i in range(30))
CARBON = {"theme": "any", "background": "any", "line_numbers": 0.5, "scroll_y": [0, 1], "scroll_x": [0, 0, 1]}
HOSTILE = {
    "empty": "", "one line of a megabyte": "x" * 1_000_000, "a hundred thousand lines": "y = 1\n" * 100_000,
    "tabs": "\t" * 5000, "nul": "a\x00b\x1b[31m", "bidi": "a\u202eb\u2066c\u200fd",
    "combining": "e" + "\u0301" * 3000,
    "cjk": "漢字かな\n" * 99, "emoji": "👩\u200d👩\u200d👧 🇩🇪 ☕\ufe0f\n", "surrogate": "a\ud800b",
    "line ends": "a\r\nb\rc\x85d\u2028e",
    "beyond": "\U000e0100\U0010ffff\U00020000", "only newlines": "\n" * 999,
    "spaces": " " * 4000, "bom": "\ufeffa",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["source", "direct"])
@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_gives_a_picture_of_the_right_size(name, mode):
    renderer = make_renderer(CARBON | {"mode": mode}, "200x120", 48, 0)
    assert renderer([HOSTILE[name], CODE], ["a", "b"], 1).shape == (2, 48, 48, 3)


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_any_batch_is_drawn_alike_alone_and_together(texts, epoch):
    renderer = make_renderer(CARBON, "80x64", 40, 0)
    ids = [str(i) for i in range(len(texts))]
    together = renderer(texts, ids, epoch)
    alone = [renderer([text], [id], epoch)[0] for text, id in zip(texts, ids, strict=True)]
    assert np.array_equal(together, np.stack(alone))


@given(
    font_size=st.integers(4, 30), line_height=st.floats(80, 300), padding_x=st.floats(-25, 40),
    padding_y=st.floats(-25, 40),
    scale=st.sampled_from([0.5, 1.0, 1.7]), corner_radius=st.integers(0, 100), shadow=st.floats(0, 1),
    margin=st.integers(0, 200),
    shift_x=st.floats(-50, 50), shift_y=st.floats(-50, 50),
    window=st.sampled_from(["mac", "windows", "none"]),
    height=st.sampled_from(["content", "full"]), marked=st.sampled_from(["line", "selection"]),
    marked_at=st.floats(0, 1),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_any_style_within_its_limits_can_be_drawn(**style):
    for mode in ("source", "direct"):
        assert make_renderer(style | {"mode": mode, "title": "a title"}, "90x70", 32, 0)([CODE], ["a"], 0).shape == (
            1,
            32,
            32,
            3,
        )


def test_source_mode_is_the_exact_picture_resized():
    exact = make_renderer(CARBON, 200, 200, 0)([CODE] * 5, list("abcde"), 0)
    seen = make_renderer(CARBON, 200, 64, 0)([CODE] * 5, list("abcde"), 0)
    assert np.array_equal(seen, resize(exact, np.empty((5, 64, 64, 3), np.uint8)))


@pytest.mark.parametrize("background", ["#abb8c3", "#667eea-#764ba2"])
def test_a_centre_crop_is_a_part_of_the_whole_picture(background):
    style = {"background": background, "line_numbers": True}
    whole = make_renderer(style, 200, 200, 0)([CODE], ["a"], None)[0]
    crop = make_renderer(style | {"view": "centre_crop", "crop_size": 80}, 200, 80, 0)([CODE], ["a"], None)[0]
    assert np.array_equal(crop, whole[60:140, 60:140])


def test_random_crops_are_parts_of_the_whole_and_differ_by_epoch():
    style = {"view": "random_crop", "crop_size": 50}
    whole = make_renderer({}, 120, 120, 0)([CODE], ["a"], 0)[0]
    renderer = make_renderer(style, 120, 50, 0)
    crops = [renderer([CODE], ["a"], epoch)[0] for epoch in range(4)]
    assert len({crop.tobytes() for crop in crops}) > 1
    for crop in crops:
        places = [(y, x) for y in range(71) for x in range(71) if np.array_equal(whole[y, x], crop[0, 0])]
        assert any(np.array_equal(whole[y : y + 50, x : x + 50], crop) for y, x in places)
    assert np.array_equal(renderer([CODE], ["a"], None), make_renderer(style, 120, 50, 5)([CODE], ["a"], None))


def test_tiles_are_one_in_training_and_several_in_evaluation():
    render = {
        "view": "tiles",
        "tile_size": 64,
        "tile_margin": 8,
        "tile_count": 3,
        "padding_x": 0,
        "padding_y": 0,
    }
    renderer = make_renderer(render, 200, 32, 0)
    several = renderer([CODE, ""], ["a", "b"], None)
    one = renderer([CODE, ""], ["a", "b"], 0)
    assert several.shape == (2, 3, 32, 32, 3) and one.shape == (2, 32, 32, 3)
    assert any(np.array_equal(renderer([CODE], ["a"], epoch)[0], tile) for epoch in range(9) for tile in several[0])


def test_evaluation_is_exact_though_training_is_drawn_directly():
    source, direct = (make_renderer(CARBON | {"mode": mode}, 200, 64, 0) for mode in ("source", "direct"))
    assert np.array_equal(source([CODE], ["a"], None), direct([CODE], ["a"], None))
    assert not np.array_equal(source([CODE], ["a"], 0), direct([CODE], ["a"], 0))


@pytest.mark.parametrize("kind", ["jpeg", "blur", "rescale"])
def test_degradation_changes_a_picture_slightly(kind):
    clean, degraded = (
        make_renderer({"degradation": each}, 200, 200)([CODE], ["a"], 0)[0].astype(int) for each in ("none", kind)
    )
    assert 0 < np.abs(clean - degraded).mean() < 12


def test_scrolling_to_the_end_shows_the_last_line():
    plain = {"padding_x": 0, "padding_y": 0, "window": "none", "line_height": 100, "height": "full"}
    text = "\n".join(["aaaa"] * 40 + ["WWWW"])
    end = make_renderer(plain | {"scroll_y": 1.0}, 100, 100, 0)([text], ["a"], None)[0]
    top = make_renderer(plain, 100, 100, 0)([text], ["a"], None)[0]
    only = make_renderer(plain, 100, 100, 0)(["\n".join(["aaaa"] * 5 + ["WWWW"])], ["a"], None)[0]
    assert not np.array_equal(end, top) and end.shape == only.shape


def test_the_highlight_policy_changes_the_picture_and_true_needs_labels():
    pictures = {policy: make_renderer({"highlight": policy}, 120, 120, 0)([CODE], ["a"], 0, ["Python"]).tobytes()
                for policy in ("none", "neutral", "true")}  # fmt: skip
    assert len(set(pictures.values())) == 3
    with pytest.raises(UserError, match="needs the label"):
        make_renderer({"highlight": "true"}, 64, 32, 0)([CODE], ["a"], 0)


def test_the_fingerprint_tells_whatever_changes_pixels():
    first = make_renderer(CARBON, 200, 64)
    assert first.fingerprint == make_renderer(dict(CARBON), "200x200", 64).fingerprint
    others = [make_renderer(CARBON, 201, 64), make_renderer(CARBON, 200, 65), make_renderer(CARBON, 200, 64, seed=1)]
    fingerprints = {renderer.fingerprint for renderer in [first, *others]}
    assert len(fingerprints) == 4 and all(len(each) == 16 for each in fingerprints)


CHANGED = {  # option -> another value than the default
    "highlight": "none", "mode": "direct", "view": "centre_crop", "crop_size": 48, "tile_size": 40, "tile_margin": 3,
    "tile_columns": 1, "tile_edges": 0.5, "tile_count": 2,
    "theme": "vs", "background": "#000000", "window": "none", "title": "a", "height": "full", "marked": "line",
    "degradation": "jpeg", "line_numbers": True, "scale": 2, "shadow": 0, "marked_at": 0.1, "scroll_x": 1, "scroll_y": 1,
}  # fmt: skip


def test_the_fingerprint_changes_with_every_option():
    base = make_renderer({"crop_size": 64, "tile_size": 64}, 100, 32).fingerprint
    seen = {base}
    for name in (*VIEW, *STYLE):
        if name != "font":  # the others need a network
            value = CHANGED[name] if name in CHANGED else STYLE[name].default + 1
            seen.add(make_renderer({"crop_size": 64, "tile_size": 64} | {name: value}, 100, 32).fingerprint)
    assert len(seen) == len(VIEW) + len(STYLE)


def test_a_renderer_travels_to_worker_processes():
    renderer = make_renderer(CARBON, 100, 32, 0)
    before = renderer([CODE], ["a"], 0)
    assert np.array_equal(pickle.loads(pickle.dumps(renderer))([CODE], ["a"], 0), before)


def test_an_empty_batch_is_an_empty_array():
    assert make_renderer({}, 100, 32, 0)([], [], 0).shape == (0, 32, 32, 3)
