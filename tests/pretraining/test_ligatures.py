"""Signs that are drawn as one: what is left out of the text comes back in its place."""

import numpy as np

from fusion.config.render import DEFAULT_FONT, Size, load_render_options
from fusion.pretraining.ligatures import draw_runs, visible_runs, without
from fusion.screenshots.renderer import Renderer

TEXT = "a => b\nif x != y:\n    z -> 0 // no"


def drawn(text: str, renderer: Renderer) -> np.ndarray:
    scene = renderer.scene([text], ["x"], 1, ["C"])
    picture = np.empty((1, 128, 256, 3), np.uint8)
    renderer.painter.draw(scene, picture)
    return picture


def test_a_font_without_ligatures_gives_the_same_picture() -> None:
    render = load_render_options(
        "plain", font=DEFAULT_FONT, font_size=14, highlight="none", theme="vs", line_numbers=False
    )
    renderer = Renderer(render, Size(256, 128), 128, 0)
    scene = renderer.scene([TEXT], ["x"], 1, ["C"])
    sprites = renderer.painter.sprites(scene, 0)
    runs = visible_runs(TEXT, sprites)
    assert [signs for _, signs in runs] == ["=>", "!=", "->", "//"]
    blanked = without(TEXT, runs)
    assert len(blanked) == len(TEXT) and "=>" not in blanked and blanked.count("\n") == 2
    picture, whole = drawn(blanked, renderer), drawn(TEXT, renderer)
    assert (picture != whole).any()
    palette = renderer.painter.palettes[0]
    draw_runs(picture[0], scene.geometry[0], sprites, runs, DEFAULT_FONT, 14, palette.inks, palette.faces)
    difference = abs(picture.astype(int) - whole)
    assert difference.mean() < 1, "signs stand within a pixel of where they were"
    assert (difference.max(-1) > 128).mean() < 0.005


def test_runs_that_are_cut_off_are_drawn_as_they_were() -> None:
    sprites = np.array([[0, 0, 61, 0, 2, 1]])  # of "=>" the first sign alone is seen
    assert visible_runs("a => b", sprites) == []
