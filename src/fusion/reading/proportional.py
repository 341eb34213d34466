"""The cells of text in a font of proportional width -> rows: characters one after the other, spaces by their gaps.

There is no grid, so that votes are gathered where they lie close together, and what is left between two characters,
beyond the half widths that such characters usually have, is spaces. How wide a space is follows from the text itself.
"""

from collections.abc import Sequence

import numpy as np

from fusion.reading.alphabet import CHARACTERS
from fusion.reading.cells import Cells, median
from fusion.reading.row import Row, added_up

EM_OF_PITCH = 1 / 0.6  # ems, of what such a font's cells say their pitch is
APART = 0.14  # ems from which two votes are for two characters
SAME = 0.6  # of its usual width, within which two votes for one class are for one character
LEAST = 0.5  # ink of a character
USUALLY = 20  # spaces, as many as a text must have for its own to count as much as usual ones
SPACE, NO_SPACE = 0.27, 0.13  # ems: usually of a space, and what is none
WIDTHS = {"ijl.,:;'!|I`": 0.25, 'frt()[]{}-/\\"*J': 0.36, "mwMW%@": 0.86, "ABCDEGHKNOPQRSUVXYZ&": 0.67}  # ems
USUAL = 0.55
WIDTH = np.array([next((width for signs, width in WIDTHS.items() if sign in signs), USUAL) for sign in CHARACTERS])
WORD = 1.4  # of the usual distance, from which there may be a space between two characters


def read_rows(cells: Cells, groups: Sequence[np.ndarray]) -> tuple[float, float, list[Row]]:
    """Cells of each row -> their pitch, where the text begins, and rows whose columns count characters."""
    em = median(cells.pitch, cells.ink) * EM_OF_PITCH
    found = [(cells[group], *_characters(cells[group], em)) for group in groups]
    found = [each for each in found if len(each[1])]
    if not found:
        return em / EM_OF_PITCH, 0.0, []
    em *= _scale([(x, classes) for _, x, classes, _ in found], em)
    gaps = [np.diff(x) - _usual(classes) * em for _, x, classes, _ in found]
    space = _space(np.concatenate(gaps), em)
    starts = [float(x[0] - WIDTH[classes[0]] * em / 2) for _, x, classes, _ in found]
    rows = []
    for (own, x, classes, sure), between, start in zip(found, gaps, starts, strict=True):
        spaces = np.maximum(np.rint(between / space), 0)
        columns = max(0, round((start - min(starts)) / space)) + np.append(0, np.cumsum(1 + spaces)).astype(int)
        numbers, title = np.average(own.roles, axis=0, weights=own.ink)
        y = float(np.average(own.y, weights=own.ink))
        rows.append(Row(0, y, columns, classes, sure, np.full(len(x), numbers), float(title), centres=x))
    return em / EM_OF_PITCH, min(starts), rows


def _characters(cells: Cells, em: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells of one row -> of its M characters: centres, classes, confidences (M,)."""
    cells = cells[np.argsort(cells.x, kind="stable")]
    kinds = cells.characters.argmax(1)
    least = WIDTH[kinds[1:]] * np.where(np.diff(kinds) == 0, SAME, 0)
    is_new = np.append(True, np.diff(cells.x) > np.maximum(least, APART) * em)
    number = np.cumsum(is_new) - 1
    ink = np.bincount(number, cells.ink)
    classes, sure = added_up(cells, np.flatnonzero(is_new), ink)
    centres = np.bincount(number, cells.x * cells.ink) / ink
    keep = ink > LEAST
    return centres[keep], classes[keep], sure[keep]


def _usual(classes: np.ndarray) -> np.ndarray:
    """Return how far neighbours usually are apart, (M - 1,), in ems: a half of each."""
    half = WIDTH[classes] / 2
    return np.asarray(half[1:] + half[:-1])


def _scale(rows: Sequence[tuple[np.ndarray, np.ndarray]], em: float) -> float:
    """Return how much wider this font's characters are than usual ones: by neighbours without a space between."""
    told = np.concatenate([np.diff(x) / (_usual(classes) * em) for x, classes in rows])
    within = told[told < WORD]
    return float(np.median(within)) if len(within) > 8 else 1.0


def _space(gaps: np.ndarray, em: float) -> float:
    """Return the width of a space: what most gaps between two words have."""
    single = gaps[(gaps > NO_SPACE * em) & (gaps < 2 * SPACE * em)]
    total = np.median(single) * len(single) if len(single) else 0.0
    return float((total + USUALLY * SPACE * em) / (len(single) + USUALLY))
