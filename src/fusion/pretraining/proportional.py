"""Code in a font of proportional width, as slides and documents have it."""

import re

import numpy as np
from PIL import Image, ImageDraw

from fusion.pretraining.surroundings import Written, color, face
from fusion.screenshots.charset import SLOTS

FACES = ("DejaVuSans", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "STIXGeneral")
TAB = 4  # spaces
NOT_LATIN = re.compile(r"[^\n -~\u00a0-\u00ff]")  # what not all of these fonts have


def write_proportional(picture: np.ndarray, text: str, zoom: float, rng: np.random.Generator) -> Written:
    """Write the text over the whole picture (H, W, 3), its words in a few colours; return what is seen of it."""
    height, width = picture.shape[:2]
    em = round(int(rng.integers(10, 20)) * zoom)
    line_height, font = em * rng.uniform(1.15, 1.8), face(FACES[int(rng.integers(len(FACES)))], em)
    dark = rng.random() < 0.5
    ground = rng.integers(5, 60, 3) if dark else rng.integers(215, 256, 3)
    inks = rng.integers(140, 256, (4, 3)) if dark else rng.integers(0, 130, (4, 3))
    canvas = Image.new("RGB", (width, height), color(ground))
    pen = ImageDraw.Draw(canvas)
    left, y = rng.uniform(1, 24) * zoom, rng.uniform(1, 24) * zoom + em
    boxes, slots = [], []
    for line in NOT_LATIN.sub(" ", text.expandtabs(TAB)).split("\n"):
        for start, word in _words(line):
            pen.text((left + font.getlength(line[:start]), y), word, color(inks[rng.integers(4)]), font, anchor="ls")
        ends = [left + font.getlength(line[:number]) for number in range(len(line) + 1)]
        for character, a, b in zip(line, ends, ends[1:], strict=False):
            if character in SLOTS and a < width:
                boxes.append(((a + b) / 2, y - 0.3 * em, b - a))
                slots.append(SLOTS[character])
        y += line_height
        if y > height + em:
            break
    picture[:] = np.asarray(canvas)
    return Written(np.array(boxes).reshape(-1, 3), np.array(slots, int), em, line_height)


def _words(line: str) -> list[tuple[int, str]]:
    """Return the words of a line and where they start."""
    found, start = list[tuple[int, str]](), 0
    for word in line.split(" "):
        if word:
            found.append((start, word))
        start += len(word) + 1
    return found
