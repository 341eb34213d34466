"""A screenshot and a strength -> the same screenshot, damaged: saved as JPEG, blurred, scaled, covered, cut.

What changes depends on the generator alone.
"""

from itertools import pairwise

import numpy as np

from fusion.screenshots.degradation import degrade

KINDS = ("jpeg", "blur", "scale", "cover", "cut")
BEST, WORST = 95, 5  # quality of JPEG
SIGMA = 3.0  # pixels, the strongest blur
SMALLER = 4.0  # times, the strongest scaling
EDGE = 48  # levels between neighbours where there is ink
MOST_BOXES = 3

Area = tuple[int, int, int, int]  # top, bottom, left, right, in pixels


def damage(picture: np.ndarray, kind: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> the same shape, with damage of one of KINDS, strength 0 (none) to 1.

    jpeg: quality 95 to 5; blur: a sigma of up to 3 pixels; scale: up to 4 times smaller and enlarged again; cover and
    cut: a share of the area that is written on is hidden, or is lost on one side.
    """
    if strength <= 0:
        return picture
    if kind == "cover":
        return _cover(picture, strength, rng)
    if kind == "cut":
        return _cut(picture, strength, rng)
    quality, percent = round(BEST + strength * (WORST - BEST)), 100 / (1 + strength * (SMALLER - 1))
    named = {"jpeg": "jpeg", "blur": "blur", "scale": "rescale"}[kind]
    return degrade(picture, named, quality, strength * SIGMA, percent)


def written_area(picture: np.ndarray) -> Area:
    """(H, W, 3) uint8 -> the smallest rectangle around all ink; the whole picture where there is none."""
    levels = picture.astype(np.int16)
    down = (np.abs(levels[1:] - levels[:-1]) > EDGE).any(2)  # (H - 1, W)
    across = (np.abs(levels[:, 1:] - levels[:, :-1]) > EDGE).any(2)  # (H, W - 1)
    height, width = picture.shape[:2]
    rows = np.flatnonzero(np.append(down.any(1), False) | across.any(1))
    columns = np.flatnonzero(np.append(across.any(0), False) | down.any(0))
    if not rows.size or not columns.size:
        return 0, height, 0, width
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _cover(picture: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Hide a share of the written area under boxes of plain colours, one in each of up to MOST_BOXES bands of it."""
    covered = picture.copy()
    top, bottom, left, right = written_area(picture)
    edges = np.linspace(top, bottom, int(rng.integers(1, MOST_BOXES + 1)) + 1).round().astype(int)
    for upper, lower in pairwise(edges.tolist()):
        wide = share ** rng.random()  # share of the width; the height makes up for the rest
        y0, y1 = _somewhere(upper, lower, share / wide, rng)
        x0, x1 = _somewhere(left, right, wide, rng)
        covered[y0:y1, x0:x1] = rng.integers(0, 256, 3)
    return covered


def _somewhere(low: int, high: int, share: float, rng: np.random.Generator) -> tuple[int, int]:
    """Return where a part begins and ends that is a share of a length."""
    length = round(share * (high - low))
    start = int(rng.integers(low, high - length + 1))
    return start, start + length


def _cut(picture: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Lose a share of the written area on one side; it is filled with the most frequent colour."""
    left_over, background = picture.copy(), _most_frequent(picture)
    top, bottom, left, right = written_area(picture)
    rows, columns = round(share * (bottom - top)), round(share * (right - left))
    sides = (
        np.s_[: top + rows], np.s_[bottom - rows :], np.s_[:, : left + columns], np.s_[:, right - columns :],
    )  # fmt: skip
    left_over[sides[int(rng.integers(len(sides)))]] = background
    return left_over


def _most_frequent(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> the colour (3,) that most pixels of a grid have."""
    sampled = picture[::4, ::4].reshape(-1, 3)
    colours, counts = np.unique(sampled, axis=0, return_counts=True)
    return np.asarray(colours[counts.argmax()])
