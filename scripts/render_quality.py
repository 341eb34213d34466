"""Measure how exactly screenshots are drawn: the second question of bench_render.py."""

import numpy as np
from PIL import Image, ImageDraw

from fusion.config.render import DEFAULT_FONT, Render, Size
from fusion.screenshots import charset, fonts, themes
from fusion.screenshots.renderer import Renderer

SOURCE = Size(500, 500)


def max_difference(render: Render, texts: list[str]) -> int:
    """Return the largest difference of any pixel from Pillow drawing the same characters one at a time.

    Only of texts whose characters a font can draw: for others fusion draws a box of its own.
    """
    texts = [text for text in texts if set(text) <= set(charset.SLOTS) | set(" \t\n")]
    renderer = Renderer(render, SOURCE, 500, 0)
    worst = 0
    for text in texts:
        picture = renderer([text], [text], None)[0].astype(int)
        worst = max(worst, int(np.abs(picture - by_pillow(renderer, text)).max()))
    return worst


def by_pillow(renderer: Renderer, text: str) -> np.ndarray:
    """Draw the same characters at the same places, each by its own call of ImageDraw.text with Layout.BASIC."""
    scene = renderer.scene([text], [text], None)
    style = renderer.painter.styles.sample(0)
    palette = themes.palette(style.theme)
    faces = [fonts.load(DEFAULT_FONT).at(face, style.font_size) for face in range(4)]
    image = Image.new("RGB", renderer.size, tuple(palette.ground.tolist()))
    pen = ImageDraw.Draw(image)
    for x, y, slot, kind, _, _ in renderer.painter.sprites(scene, 0):
        if slot != charset.BOX:
            font = faces[palette.faces[kind]]
            pen.text((int(x), int(y)), charset.PAGE[slot], tuple(palette.inks[kind].tolist()), font, anchor="ls")
    return np.asarray(image).astype(int)


def decibels(render: Render, texts: list[str]) -> float:
    """Return the peak signal-to-noise of direct drawing at 224 against the exact 500 picture averaged by area."""
    ids = [str(i) for i in range(len(texts))]
    exact = Renderer(render, SOURCE, 500, 0)(texts, ids, 0).astype(np.float32)
    direct = Renderer(render.replaced(mode="direct"), SOURCE, 224, 0)(texts, ids, 0)
    edges, at = np.arange(225) * 500 / 224, np.arange(500)
    share = np.clip(np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at), 0, None)
    share = (share / share.sum(1, keepdims=True)).astype(np.float32)
    error = np.mean(
        [
            np.mean((np.einsum("yh,hwc,xw->yxc", share, a, share, optimize=True) - b) ** 2)
            for a, b in zip(exact, direct, strict=True)
        ]
    )
    return float(10 * np.log10(255**2 / error))
