"""A picture of any size -> how much larger or smaller it is read best.

One cheap pass looks at the busiest part of the picture at a few sizes and takes the pitch from the one that it is
surest of; the whole picture is then read once, with its characters as wide as the network reads them best.
"""

from collections.abc import Callable

import numpy as np

from fusion.reading.alphabet import CELL_HEIGHT, CELL_WIDTH
from fusion.screenshots.resize import resize

BEST = 8.0  # pixels of pitch that characters are read best at
WIDER = 12.0  # the same of fonts of proportional width, whose narrowest are a third of it
NEAR = (0.9, 1.12)  # changes of scale that are not worth their blur
FAINT, MARGIN = 8, 20  # steps between pixels that are no edge; pixels left around edges
LOOK = (192, 288)  # pixels, height and width of the part that is looked at
TRIED = (1.0, 0.5, 2.0, 0.25)  # in this order, until one is sure enough
SURE = 0.75  # mean confidence from which no other size is tried
LARGEST, SMALLEST = 3.0, 0.05  # changes of scale

Look = Callable[[np.ndarray], tuple[float, float, int]]  # picture -> confidence, pitch, cells with ink


def find_zoom(picture: np.ndarray, look: Look) -> float:
    """(H, W, 3) uint8 -> the change of scale that the picture is read at; 0 where no text was seen."""
    best = (0.0, 0.0)  # confidence, pitch in pixels of the picture
    for zoom in TRIED:
        part = busiest(picture, (round(LOOK[0] / zoom), round(LOOK[1] / zoom)))
        confidence, pitch, cells = look(scaled(part, zoom))
        if cells >= 8 and confidence > best[0]:
            best = (confidence, pitch / zoom)
        if best[0] >= SURE:
            break
    if not best[1]:
        return 0.0
    zoom = BEST / best[1]
    return 1.0 if NEAR[0] <= zoom <= NEAR[1] else float(np.clip(zoom, SMALLEST, LARGEST))


def trimmed(picture: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return the picture without what is of one colour around it, and how much of it was cut on the left and above."""
    edges = abs(np.diff(picture[..., 1].astype(np.int16), axis=1)) > FAINT
    rows, columns = np.flatnonzero(edges.any(1)), np.flatnonzero(edges.any(0))
    if not len(rows):
        return picture[:0], 0, 0
    top, left = max(0, int(rows[0]) - MARGIN), max(0, int(columns[0]) - MARGIN)
    return picture[top : int(rows[-1]) + MARGIN, left : int(columns[-1]) + 1 + MARGIN], left, top


def busiest(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the part of a picture, at most of `size` (height, width), where most edges are."""
    height, width = min(size[0], picture.shape[0]), min(size[1], picture.shape[1])
    if (height, width) == picture.shape[:2]:
        return picture
    green = picture[..., 1].astype(np.int16)
    edges = np.pad(abs(np.diff(green, axis=1)) > 24, ((0, 0), (0, 1)))
    total = np.pad(edges.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32), ((1, 0), (1, 0)))
    step_y, step_x = max(1, height // 4), max(1, width // 4)
    tops = np.unique(np.append(np.arange(0, picture.shape[0] - height + 1, step_y), picture.shape[0] - height))
    lefts = np.unique(np.append(np.arange(0, picture.shape[1] - width + 1, step_x), picture.shape[1] - width))
    y0, x0 = tops[:, None], lefts[None]
    inside = total[y0 + height, x0 + width] - total[y0, x0 + width] - total[y0 + height, x0] + total[y0, x0]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    top, left = int(tops[row]), int(lefts[column])
    return picture[top : top + height, left : left + width]


def scaled(picture: np.ndarray, zoom: float) -> np.ndarray:
    """Return the picture that much larger or smaller, filled at its ends to whole cells of the network."""
    if zoom != 1.0:
        height, width = (max(1, round(side * zoom)) for side in picture.shape[:2])
        picture = resize(np.ascontiguousarray(picture)[None], np.empty((1, height, width, 3), np.uint8))[0]
    down, right = -picture.shape[0] % CELL_HEIGHT, -picture.shape[1] % CELL_WIDTH
    return np.pad(picture, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else picture
