"""A text -> the passage of it that a small picture shows: long enough to be read, begun anywhere.

A picture of 128 pixels holds some ten lines of twenty characters. Most places of a file leave such a picture half
empty, and from an empty picture nothing is learnt.
"""

import numpy as np

from fusion.screenshots.layout import TAB
from fusion.screenshots.style import hash_uniform

COLUMN, PLACE, ROW = (np.array([number], np.uint64) for number in (11, 12, 13))  # streams of a key
DRAWN = 3  # lines handed on for each line wanted: small fonts show more, what does not fit is not drawn


def text_crop(text: str, key: int, rows: int, columns: int, ink: int) -> str:
    """-> lines of the text, cut on the left, of which the first `rows` show at least `ink` signs in `columns`.

    Half of the passages begin at the first column, three tenths at the indentation of the text, the others at
    any column. Where nothing there is dense enough, the first column is taken, and its densest place.
    """
    lines = text.expandtabs(TAB).split("\n")
    keys = np.array([key], np.uint64)
    kind, place, start = (float(hash_uniform(keys, stream)[0, 0]) for stream in (COLUMN, PLACE, ROW))
    first = 0
    if kind >= 0.8:
        first = int(place * max(1, max(len(line) for line in lines) - columns // 2))
    elif kind >= 0.5:
        first = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    shown = density(lines, first, rows, columns)
    if shown.max() < ink:
        first, shown = 0, density(lines, 0, rows, columns)
    places = np.flatnonzero(shown >= ink)
    row = int(places[int(start * len(places))]) if len(places) else int(shown.argmax())
    return "\n".join(line[first:] for line in lines[row : row + DRAWN * rows])


def is_dense(text: str, rows: int, columns: int, ink: int) -> bool:
    """Whether the text has a passage that begins at the first column and shows enough."""
    return bool(density(text.expandtabs(TAB).split("\n"), 0, rows, columns).max() >= ink)


def density(lines: list[str], first: int, rows: int, columns: int) -> np.ndarray:
    """(L,) signs that are no blanks in the `rows` lines from each line on, `columns` wide."""
    cut = (line[first : first + columns] for line in lines)
    total = np.cumsum([0, *(len(line) - line.count(" ") for line in cut)])
    return total[np.minimum(np.arange(len(lines)) + rows, len(lines))] - total[:-1]
