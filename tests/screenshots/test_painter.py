"""A batch's scene: lexed once, sliced as it is drawn, its tokens where they are seen."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.screenshots.renderers import make_renderer

from fusion.screenshots import painter as module
from fusion.screenshots.lexing import CLASSES, token_classes
from fusion.screenshots.painter import MAX_CHARACTERS, count_lines, cut_boxes

CODE = "def f(x):\n    return x  # twice\n"


@pytest.fixture
def counted(monkeypatch):
    """The texts that a lexer was given, one after the other."""
    texts = []

    def count(text, *rest):
        texts.append(text)
        return token_classes(text, *rest)

    monkeypatch.setattr(module, "token_classes", count)
    return texts


@given(st.lists(st.sampled_from(["a", "\n", "bc\n", ""]), max_size=8).map("".join))
def test_lines_are_counted_as_an_editor_counts_them(text):
    assert count_lines(text) == max(1, len(text.removesuffix("\n").split("\n")))


def test_a_slice_of_a_scene_is_the_same_pictures():
    renderer = make_renderer({"line_numbers": 0.5, "theme": "any", "degradation": ["none", "jpeg"]}, 80, 80)
    scene = renderer.scene([CODE * i for i in range(5)], list("abcde"), 0)
    whole, part = np.empty((5, 80, 80, 3), np.uint8), np.empty((2, 80, 80, 3), np.uint8)
    for rows, out in ((slice(0, 5), whole), (slice(2, 4), part)):
        renderer.painter.draw(scene[rows], out)
        renderer.painter.degrade(scene[rows], out)
    assert np.array_equal(part, whole[2:4]) and len(scene[2:4]) == 2


@pytest.mark.parametrize(("highlight", "times"), [("guessed", 1), ("true", 1), ("random", 3)])
def test_what_takes_a_lexer_is_lexed_once(counted, highlight, times):
    renderer = make_renderer({"highlight": highlight}, 80, 32)
    for epoch in range(3):
        renderer([CODE], ["a"], epoch, ["Python"])
    assert len(counted) == times


def test_a_text_that_was_lexed_before_is_not_lexed_again(counted):
    renderer = make_renderer({"highlight": "guessed"}, 80, 32)
    renderer.painter.token_cache = {("a", None): np.full(len(CODE), 5, np.uint8), ("b", None): np.zeros(3, np.uint8)}
    scene = renderer.scene([CODE, CODE, CODE], ["a", "b", "c"], None)
    assert counted == [CODE, CODE], "classes of another length are of another text"
    assert (scene.classes[: len(CODE)] == 5).all()


def test_under_true_the_same_text_is_lexed_for_each_label(counted):
    renderer = make_renderer({"highlight": "true"}, 80, 32)
    scene = renderer.scene([CODE, CODE], ["a", "a"], None, ["Python", "C"])
    assert len(counted) == 2 and not np.array_equal(*scene.classes.reshape(2, -1))


def test_only_the_beginning_of_an_endless_text_is_looked_at():
    scene = make_renderer({}, 80, 32).scene(["x" * (MAX_CHARACTERS + 9), "y"], ["a", "b"], None)
    assert scene.offsets.tolist() == [0, MAX_CHARACTERS, MAX_CHARACTERS + 1]


def test_tokens_are_runs_of_one_class_on_one_line():
    renderer = make_renderer({"line_numbers": True, "title": "t"}, "300x120", 64)
    scene = renderer.scene([CODE], ["a"], None)
    tokens = renderer.painter.tokens(scene, 0, CODE)
    assert [token["token"] for token in tokens][:5] == ["def", "f", "(", "x", "):"]
    assert [token["class"] for token in tokens][:3] == ["Name", "Name.Function", "Punctuation"]
    assert all(CODE[token["start"] :].startswith(token["token"][0]) for token in tokens)
    for before, after in pairwise(tokens):
        assert before["box"][2] <= after["box"][0] + 1 or before["box"][3] <= after["box"][1] + 1
    assert {token["class"] for token in tokens} <= set(CLASSES)


@given(st.lists(st.integers(-30, 130), min_size=4, max_size=4))
def test_boxes_are_cut_at_the_window_and_the_picture(sides):
    x0, y0, x1, y1 = min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2])
    g = {"x0": 10.0, "y0": -5.0, "x1": 200.0, "y1": 60.0, "width": 100.0, "height": 80.0}
    found = cut_boxes([{"box": [x0, y0, x1, y1]}], g)
    seen = max(x0, 10) < min(x1, 100) and max(y0, 0) < min(y1, 60)
    assert found == ([{"box": [max(x0, 10), max(y0, 0), min(x1, 100), min(y1, 60)]}] if seen else [])


def test_what_pixels_depend_on_names_fonts_and_colours():
    first, second = (make_renderer({"theme": theme}, 80, 32).painter.facts() for theme in ("vs", "monokai"))
    assert first[0] == second[0] and first[1] != second[1] and len(first[0][0]) == 64
