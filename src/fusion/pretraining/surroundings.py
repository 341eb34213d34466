"""Drawn code -> what screenshots have beside it and on it: side bars, icons, photographs, guides, cursors, underlines.

All in source pixels, before the picture is damaged or made smaller. Text of an interface is to be read too, as no code.
"""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusion.screenshots import layout
from fusion.screenshots.charset import BOX, SLOTS

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom
FACES = ("DejaVuSans", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "STIXGeneral")  # matplotlib brings them


@dataclass(frozen=True)
class Written:
    """Text on no grid: N characters of one size."""

    boxes: np.ndarray  # (N, 3) float: x and y of the middle, width
    slots: np.ndarray  # (N,)
    em: float
    line_height: float


def add_things(picture: np.ndarray, zoom: float, rng: np.random.Generator) -> list[Rectangle]:
    """Paint boxes, lines, discs, minimaps and photographs over parts of a picture (H, W, 3); return where."""
    height, width = picture.shape[:2]
    covered = []
    for _ in range(int(rng.integers(1, 5))):
        size = (rng.integers(6, 90, 2) * zoom).astype(int)
        x, y = int(rng.integers(-20, width)), int(rng.integers(-20, height))
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + int(size[0]), width), min(y + int(size[1]), height)
        if right - left > 2 and bottom - top > 2:
            picture[top:bottom, left:right] = _thing(bottom - top, right - left, picture, rng)
            covered.append((left, top, right, bottom))
    return covered


def _thing(height: int, width: int, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return something that is not text, (height, width, 3) uint8."""
    first, second = rng.integers(0, 256, (2, 3))
    ground = picture[0, 0] if rng.random() < 0.5 else first
    kind = int(rng.integers(4))
    if kind == 0:  # a photograph, as far as a reader is concerned
        small = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    if kind == 1:  # a minimap: rows of dashes smaller than any text
        out = np.empty((height, width, 3), np.uint8)
        out[:] = ground
        for y in range(1, height - 1, 3):
            out[y, : int(rng.integers(2, width + 1)) : int(rng.integers(1, 3))] = second
        return out
    canvas = Image.new("RGB", (width, height), color(ground))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 6))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = int(rng.integers(3, 40)), int(rng.integers(3, 40))
        if kind == 2:
            shape = [pen.ellipse, pen.rectangle][int(rng.integers(2))]
            shape((x, y, x + w, y + h), outline=color(second), fill=color(second) if rng.random() < 0.4 else None)
        else:
            pen.line((x, y, x + w, y + int(rng.integers(-40, 40))), color(second), int(rng.integers(1, 4)))
    return np.asarray(canvas)


def color(channels: np.ndarray) -> tuple[int, ...]:
    return tuple(int(channel) for channel in channels)


def add_interface(
    picture: np.ndarray, zoom: float, words: list[str], rng: np.random.Generator
) -> tuple[Rectangle, Written]:
    """Write a side bar, a bar above or below, or a box of prose over part of a picture; return where, and what."""
    height, width = picture.shape[:2]
    em = round(int(rng.integers(9, 16)) * zoom)
    bar, side = round(em * rng.uniform(1.5, 2.2)), round(width * rng.uniform(0.15, 0.45))
    area: Rectangle = [
        (0, 0, side, height), (width - side, 0, width, height), (0, 0, width, bar), (0, height - bar, width, height),
        (0, height // 2, width, height), (0, 0, width, height),
    ][int(rng.choice(6, p=[0.3, 0.1, 0.2, 0.2, 0.15, 0.05]))]  # fmt: skip
    dark = rng.random() < 0.5
    ground = rng.integers(10, 70, 3) if dark else rng.integers(190, 256, 3)
    ink = rng.integers(130, 256, 3) if dark else rng.integers(0, 120, 3)
    canvas = Image.new("RGB", (area[2] - area[0], area[3] - area[1]), color(ground))
    pen, font = ImageDraw.Draw(canvas), face(FACES[int(rng.integers(len(FACES)))], em)
    line_height = em * rng.uniform(1.25, 2.0)
    boxes, slots = [], []
    start, y = em * rng.uniform(0.3, 2), line_height * 0.8
    while y < canvas.height:
        x, left = start, start
        while x < canvas.width - em and x < left + canvas.width * rng.uniform(0.3, 1.2):
            word = words[int(rng.integers(len(words)))][:14] if words else "file"
            pen.text((x, y), word, fill=color(ink), font=font, anchor="ls")
            for number, character in enumerate(word):
                a, b = font.getlength(word[:number]), font.getlength(word[: number + 1])
                if character in SLOTS:
                    boxes.append((area[0] + x + (a + b) / 2, area[1] + y - 0.3 * em, b - a))
                    slots.append(SLOTS[character])
            x += font.getlength(word + " ")
        y += line_height
    picture[area[1] : area[3], area[0] : area[2]] = np.asarray(canvas)
    inside = [n for n, (x, y, _) in enumerate(boxes) if area[0] <= x < area[2] and area[1] <= y < area[3]]
    return area, Written(np.array(boxes).reshape(-1, 3)[inside], np.array(slots, int)[inside], em, line_height)


@lru_cache(maxsize=256)
def face(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"{name}.ttf"), pixels)


def add_ideographs(
    picture: np.ndarray, g: np.void, sprites: np.ndarray, inks: np.ndarray, em: int, rng: np.random.Generator
) -> None:
    """Draw strokes, or a coloured sign, where the renderer's fonts have a box for something two columns wide."""
    x0, y0, x1, y1 = (int(max(g[name], 0)) for name in ("x0", "y0", "x1", "y1"))
    for sprite in sprites[(sprites[:, layout.CELLS] == 2) & (sprites[:, layout.SLOT] == BOX)]:
        left, top = int(sprite[layout.X]), int(sprite[layout.Y] - 0.9 * em)
        right, bottom = left + int(2 * g["advance"]), top + round(1.1 * em)
        if left < x0 or top < y0 or right > min(x1, picture.shape[1]) or bottom > min(y1, picture.shape[0]):
            continue
        part = picture[top:bottom, left:right]
        canvas = Image.new("RGB", (part.shape[1], part.shape[0]), color(part[0, 0]))
        _write_sign(ImageDraw.Draw(canvas), em, right - left, inks[sprite[layout.CLASS]], rng)
        part[:] = np.asarray(canvas)


def _write_sign(pen: ImageDraw.ImageDraw, em: int, width: int, ink: np.ndarray, rng: np.random.Generator) -> None:
    """Draw one sign of about an em, in the middle of a part that wide."""
    start, thin = (width - em) // 2 + 1, max(1, round(em / rng.uniform(9, 16)))
    if rng.random() < 0.2:
        pen.ellipse((start, em * 0.1, start + em * 0.85, em * 0.95), color(rng.integers(0, 256, 3)), color(ink), thin)
    for _ in range(int(rng.integers(3, 9))):
        a, b, c = start + rng.uniform(0, 0.5) * em, rng.uniform(0.1, 0.9) * em, rng.uniform(0.2, 0.8) * em
        across, down = [(c, 0.0), (0.0, c), (c / 2, c / 2), (-c / 2, c / 2)][
            int(rng.choice(4, p=[0.4, 0.3, 0.15, 0.15]))
        ]
        end = min(max(a + across, start), start + 0.9 * em), min(b + down, em)
        pen.line((a, b, *end), color(ink), thin)


def add_marks(
    picture: np.ndarray, g: np.void, sprites: np.ndarray, ground: np.ndarray, zoom: float, rng: np.random.Generator
) -> None:
    """Draw what an editor draws among the code: guides of the indentation, a cursor, underlines, boxes."""
    thin = max(1, round(zoom))
    ink = rng.integers(0, 256, 3) if rng.random() < 0.3 else 255 - ground.astype(int)
    code = sprites[sprites[:, layout.CHARACTER] >= 0]
    low, high = (int(max(g[a], 0)) for a in ("x0", "y0")), (int(max(g[a], 0)) for a in ("x1", "y1"))
    (x0, y0), (x1, y1) = low, high
    window = picture[y0:y1, x0:x1]
    top = g["text_y"] + g["baseline"]

    def mix(left: float, above: float, right: float, below: float, share: float) -> None:
        part = window[
            max(0, int(above) - y0) : max(0, int(below) - y0), max(0, int(left) - x0) : max(0, int(right) - x0)
        ]
        part[:] = np.rint(part * (1 - share) + ink * share).astype(np.uint8)

    if rng.random() < 0.6:
        step, share = int(rng.choice([2, 4])) * g["advance"], rng.uniform(0.1, 0.5)
        for y in np.unique(code[:, layout.Y]):
            first = code[code[:, layout.Y] == y][:, layout.X].min()
            line = g["text_y"] + np.floor((y - top) / g["line_height"] + 0.5) * g["line_height"]
            for x in np.arange(g["text_x"], first - 1, step):
                mix(x, line, x + thin, line + g["line_height"], share)
    for _ in range(int(rng.integers(0, 4)) if len(code) else 0):
        at = code[int(rng.integers(len(code)))]
        x, y, kind = at[layout.X], at[layout.Y], int(rng.integers(3))
        below, length = g["line_height"] - g["baseline"], g["advance"] * int(rng.integers(1, 9))
        if kind == 0:
            mix(x - thin, y - g["baseline"], x + thin * rng.integers(0, 2), y + below, 1.0)
        elif kind == 1:
            mix(x, y + 2 * thin, x + length, y + 3 * thin, 0.8)
        else:
            for edge in (y - g["baseline"], y + below - thin):
                mix(x, edge, x + g["advance"], edge + thin, 0.5)
            for edge in (x, x + g["advance"] - thin):
                mix(edge, y - g["baseline"], edge + thin, y + below, 0.5)
