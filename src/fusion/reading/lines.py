"""Rows of a grid -> lines of text: without line numbers, with blank lines, each character with its box."""

import numpy as np

from fusion.reading.alphabet import CHARACTERS, WIDE
from fusion.reading.gutter import counted, find_gutter, numbered_rows
from fusion.reading.row import Grid, Row
from fusion.reading.transcript import DOUBTFUL, Line

CURSORS = "|│"
ENOUGH = 4  # lines of which one that begins before all others is an exception
MOST_BLANK = 6  # blank lines between two rows; a larger gap is between two blocks of code, and one line


def assemble(grid: Grid, zoom: float = 1.0, left: int = 0, top: int = 0) -> tuple[Line, ...]:
    """Return the lines of code of a grid, blank ones among them.

    zoom: pixels read for one of the picture; left, top: of the part of the picture that was read, in its pixels.
    """
    rows = list(grid.rows)
    end, numbers = (None, list(grid.numbers)) if grid.numbers is not None else find_gutter(rows)
    if any(number is not None for number in numbers):
        pane = numbered_rows(rows, numbers, grid.line_height)
        rows = [rows[place] for place in pane]
        numbers = counted(rows, [numbers[place] for place in pane])
    kept = [row.columns > (row.columns.min() - 1 if end is None else end) for row in rows]
    first = _first_column(rows, kept)
    lines: list[Line] = []
    index: int | None = None
    for row, keep, number in zip(rows, kept, numbers, strict=True):
        if not keep.any() and number is None:
            continue
        if index is not None:
            blanks = row.index - index - 1
            blanks = blanks if blanks <= MOST_BLANK else 1
            lines += [_blank(None if number is None else number - left) for left in range(blanks, 0, -1)]
        index = row.index
        lines.append(_line(row, keep, number, first, grid, zoom, np.array([left, top, left, top])))
    while lines and not lines[-1].text:
        lines.pop()
    return tuple(lines)


def _first_column(rows: list[Row], kept: list[np.ndarray]) -> int:
    """Return the column that the text begins in; take what is alone in its column before it out of `kept`.

    That is a cursor, or the rest of a number; what was surely read is left.
    """
    starts = [int(row.columns[keep].min()) if keep.any() else None for row, keep in zip(rows, kept, strict=True)]
    told = sorted(start for start in starts if start is not None)
    if len(told) < ENOUGH or told[1] - told[0] != 1:
        return told[0] if told else 0
    at = starts.index(told[0])
    lone = rows[at].columns == told[0]
    is_sure = float(rows[at].confidence[lone][0]) >= DOUBTFUL
    if is_sure and CHARACTERS[int(rows[at].classes[lone][0])] not in CURSORS:
        return told[0]
    kept[at] = kept[at] & ~lone
    return _first_column(rows, kept)


def _blank(number: int | None = None) -> Line:
    return Line("", np.zeros(0), np.zeros((0, 4)), number)


def _line(
    row: Row, keep: np.ndarray, number: int | None, first: int, grid: Grid, zoom: float, shift: np.ndarray
) -> Line:
    """Return one line; first: the column that its text begins in; shift: (4,) added to its boxes."""
    if not keep.any():
        return _blank(number)
    text: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    confidence: list[float] = []
    top, bottom = row.y - grid.line_height / 2, row.y + grid.line_height / 2
    column = first

    def add(character: str, sure: float, cells: int) -> None:
        nonlocal column
        x = row.middle(column, grid) - 0.5 * grid.pitch
        text.append(character)
        confidence.append(sure)
        boxes.append((x, top, x + cells * grid.pitch, bottom))
        column += cells

    for at, kind, sure in zip(row.columns[keep], row.classes[keep], row.confidence[keep], strict=True):
        while column < at:
            add(" ", 1.0, 1)
        if column == at:
            add(CHARACTERS[kind], float(sure), 2 if kind == WIDE else 1)
    corners = np.array(boxes)
    if grid.angle is not None:
        corners = grid.angle.seen(corners.reshape(-1, 2)).reshape(-1, 4)
    return Line("".join(text), np.array(confidence), corners / zoom + shift, number)
