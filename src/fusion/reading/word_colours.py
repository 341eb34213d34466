"""A picture and what was read in it -> the text with the words marked that have another colour than most."""

import numpy as np

from fusion.reading.transcript import Transcript
from fusion.screenshots.word_colours import WORD, marked

INKED = 0.9  # share of the pixels of a word that are less its ink than background or edges


def with_colours(transcript: Transcript, picture: np.ndarray) -> str:
    """Transcript and its picture (H, W, 3) uint8 -> the text as `screenshots.word_colours.marked` has it."""
    text = transcript.text
    starts = np.cumsum([0, *(len(line.text) + 1 for line in transcript.lines)])
    boxes = [line.boxes for line in transcript.lines]
    words = [*WORD.finditer(text)]
    colours = np.zeros((len(words), 3))
    for i, word in enumerate(words):
        line = int(np.searchsorted(starts, word.start(), side="right")) - 1
        of_word = boxes[line][word.start() - starts[line] : word.end() - starts[line]]  # (characters, 4)
        colours[i] = ink_of(picture, of_word)
    return marked(text, words, colours)


def ink_of(picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the colour (3,) of what stands in boxes of one line: of the pixels furthest from their background."""
    x0, y0 = np.floor(boxes[:, :2].min(0)).astype(int).clip(0)
    x1, y1 = np.ceil(boxes[:, 2:].max(0)).astype(int)
    pixels = picture[y0:y1, x0:x1].reshape(-1, 3).astype(np.int64)
    if not len(pixels):
        return np.zeros(3)
    away = np.abs(pixels - np.median(pixels, axis=0)).sum(1)  # of a word more pixels are background than ink
    ink: np.ndarray = np.median(pixels[away >= np.quantile(away, INKED)], axis=0)
    return ink
