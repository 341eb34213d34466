"""Signs that a font draws as one: left out of the text that is drawn, and drawn over it as the font joins them."""

import io
import re
from functools import lru_cache

import numpy as np
from PIL import ImageFont

from fusion.screenshots import fonts, layout

JOINED = re.compile(r"[-+*/<>=!&|:.?~#$%^@_\\;]{2,}|www")
WITH_LIGATURES = ("fira-code", "jetbrains-mono", "cascadia-code", "victor-mono")
Run = tuple[int, str]  # index into the text, and the signs


def visible_runs(text: str, sprites: np.ndarray) -> list[Run]:
    """Return the runs of signs that may be joined, all of whose signs are seen."""
    seen = set(sprites[:, layout.CHARACTER].tolist())
    found = ((match.start(), match.group()) for match in JOINED.finditer(text))
    return [(start, signs) for start, signs in found if all(start + i in seen for i in range(len(signs)))]


def without(text: str, runs: list[Run]) -> str:
    """Return the text with blanks in place of the runs."""
    for start, signs in runs:
        text = text[:start] + " " * len(signs) + text[start + len(signs) :]
    return text


def draw_runs(
    picture: np.ndarray, g: np.void, sprites: np.ndarray, runs: list[Run], font: str, pixels: int,
    inks: np.ndarray, faces: np.ndarray,
) -> None:  # fmt: skip
    """Draw runs where their first signs stand. inks: (INKS, 3) of the theme, faces: (INKS,)."""
    row_of = {int(character): row for row, character in enumerate(sprites[:, layout.CHARACTER])}
    x0, y0, x1, y1 = (int(max(g[name], 0)) for name in ("x0", "y0", "x1", "y1"))
    window = picture[y0:y1, x0:x1]
    for start, signs in runs:
        sprite = sprites[row_of[start]]
        kind = sprite[layout.CLASS]
        mask, (dx, dy) = _shaper(font, int(faces[kind]), pixels).getmask2(signs, "L", anchor="ls")
        columns, rows = mask.size
        alpha = np.frombuffer(bytes(mask), np.uint8).reshape(rows, columns, 1) / 255
        left, top = int(sprite[layout.X]) + int(dx) - x0, int(sprite[layout.Y]) + int(dy) - y0
        alpha = alpha[max(0, -top) : max(0, window.shape[0] - top), max(0, -left) : max(0, window.shape[1] - left)]
        part = window[max(0, top) :, max(0, left) :][: alpha.shape[0], : alpha.shape[1]]
        part[:] = np.rint(part * (1 - alpha) + inks[kind] * alpha).astype(np.uint8)


@lru_cache(maxsize=512)
def _shaper(font: str, face: int, pixels: int) -> ImageFont.FreeTypeFont:
    """Return a face of a font that joins signs as an editor does."""
    data = io.BytesIO(fonts.load(font).faces[face])
    return ImageFont.truetype(data, pixels, layout_engine=ImageFont.Layout.RAQM)
