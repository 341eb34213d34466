"""Theme name -> palette: the colours of every token class on the window's own ground.

Themes are those Pygments has. Ink fainter than MIN_CONTRAST is moved to black or white until it can be read.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pygments.styles import get_all_styles, get_style_by_name
from pygments.token import Token
from pygments.util import ClassNotFound

from fusion.config.errors import UserError, did_you_mean
from fusion.screenshots.lexing import TOKENS

MIN_CONTRAST = 2.5  # to 1, as WCAG 2 measures it
LINE_NUMBER, TITLE = len(TOKENS), len(TOKENS) + 1  # inks after those of the token classes
INKS = len(TOKENS) + 2
BOLD, ITALIC = 1, 2  # bits of a face's number


@dataclass(frozen=True)
class Palette:
    """The colours and faces of one theme."""

    ground: np.ndarray  # (3,) uint8, of the window
    mark: np.ndarray  # (3,) uint8, of the current line or a selection
    inks: np.ndarray  # (INKS, 3) uint8
    faces: np.ndarray  # (INKS,) uint8, 0 regular, 1 bold, 2 italic, 3 both
    is_dark: bool


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of all themes."""
    return tuple(sorted(get_all_styles()))


def of_kind(kind: str) -> dict[str, float]:
    """Return the themes that any, light or dark stands for, with weights; under any, light and dark weigh the same."""
    dark = [name for name in names() if palette(name).is_dark]
    light = [name for name in names() if not palette(name).is_dark]
    chosen = {"any": [dark, light], "dark": [dark], "light": [light]}[kind]
    return {name: 1 / len(group) for group in chosen for name in group}


@lru_cache(maxsize=128)
def palette(name: str) -> Palette:
    """Return the colours of a theme. Raises UserError for one that Pygments does not have."""
    try:
        style = get_style_by_name(name)
    except ClassNotFound as error:
        raise UserError(
            f"render.theme={name} is not known{did_you_mean(name, names())}; it is any, light, dark or one "
            f"of {', '.join(names())}."
        ) from error
    ground = rgb(style.background_color)
    plain = _ink(style.style_for_token(Token.Text)["color"], ground)
    inks, faces = np.zeros((INKS, 3), np.uint8), np.zeros(INKS, np.uint8)
    for number, token in enumerate(TOKENS):
        look = style.style_for_token(token)
        inks[number] = _ink(look["color"], ground) if look["color"] else plain
        faces[number] = BOLD * bool(look["bold"]) | ITALIC * bool(look["italic"])
    number_color = style.line_number_color
    muted = (ground.astype(float) + plain) / 2
    inks[LINE_NUMBER] = readable(rgb(number_color) if number_color.startswith("#") else muted, ground)
    inks[TITLE] = readable(muted, ground)
    mark = rgb(style.highlight_color)
    if not 1 < contrast(mark, ground) < 2:  # invisible, or too glaring to read on
        mark = (0.85 * ground + 0.15 * plain).astype(np.uint8)
    return Palette(ground, mark, inks, faces, bool(luminance(ground) < 0.18))


def _ink(color: str | None, ground: np.ndarray) -> np.ndarray:
    black_or_white = "ffffff" if luminance(ground) < 0.18 else "000000"
    return readable(rgb(color or black_or_white), ground)


def rgb(color: str) -> np.ndarray:
    """'#abc' or '#aabbcc', with or without '#' -> (3,) uint8. Raises ValueError for anything else."""
    digits = color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    if len(digits) != 6:
        raise ValueError(f"{color!r} is not a colour such as #abb8c3")
    return np.frombuffer(bytes.fromhex(digits), np.uint8)


def luminance(color: np.ndarray) -> float:
    """(3,) 0-255 -> relative luminance 0-1 (WCAG 2)."""
    linear = np.asarray(color, float) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return the contrast of two colours, 1 (the same) to 21 (black on white)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def readable(ink: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Return an ink, (3,) uint8, moved away from the ground in tenths until MIN_CONTRAST is reached."""
    ink = np.asarray(ink, float)
    black_or_white = np.full(3, 255.0 if luminance(ground) < 0.18 else 0.0)
    for share in np.linspace(0, 1, 11):
        moved = np.rint(ink + share * (black_or_white - ink)).astype(np.uint8)
        if contrast(moved, ground) >= MIN_CONTRAST:
            break
    return moved
