"""Words that are coloured are marked, whatever the colours are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import configured

from fusion.config.options import parse
from fusion.config.render import RenderOptions, Size
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.word_colours import MARK, WORD, marked, stands_out

CODE = "class Box:\n    def size(self):\n        return self.width * 2\n"


def test_a_word_of_another_colour_is_marked_and_nothing_else_changes():
    black, red = [0, 0, 0], [200, 0, 0]
    assert (
        marked("letter x = y", [*WORD.finditer("letter x = y")], np.array([black, red, red]))
        == f"letter {MARK}x = {MARK}y"
    )


@given(st.text(max_size=60), st.integers(0, 2**32 - 1))
def test_without_its_marks_the_text_is_the_same(text, seed):
    words = [*WORD.finditer(text)]
    colours = np.random.default_rng(seed).integers(0, 256, (len(words), 3))
    out = marked(text, words, colours)
    assert out.replace(MARK, "") == text.replace(MARK, "")
    assert out.count(MARK) - text.count(MARK) < max(1, len(words))


def test_the_usual_colour_is_that_of_most_characters_and_near_ones_are_the_same():
    colours = np.array([[10, 10, 10], [20, 15, 10], [200, 0, 0], [190, 10, 0]])
    assert stands_out(colours, np.array([5, 5, 4, 4])).tolist() == [False, False, True, True]
    assert stands_out(colours, np.array([1, 1, 4, 4])).tolist() == [True, True, False, False]
    assert not len(stands_out(np.zeros((0, 3)), np.zeros(0)))


@pytest.mark.parametrize("highlight, coloured", [("true", True), ("none", False)])
def test_the_marks_of_a_renderer_follow_what_it_draws_and_a_reader_finds_them(highlight, coloured):
    from fusion.reading.reader import read_picture
    from fusion.reading.word_colours import with_colours

    given = configured("render=plain", f"render.highlight={highlight}", "render.theme=vs", "render.font_size=14").render
    render = parse(RenderOptions, given, "render") if isinstance(given, dict) else given
    renderer = Renderer(render, Size(480, 160), 64, 0)
    (expected,) = renderer.marked([CODE], ["id"], None, ["Python"])
    assert (MARK + "class" in expected) == coloured and MARK + "width" not in expected
    (picture,) = renderer.source([CODE], ["id"], None, ["Python"])
    read = with_colours(read_picture(picture), picture)
    assert read.rstrip("\n") == expected.rstrip("\n")
