"""Rows of a grid -> lines of text: without line numbers, with blank lines, each character with its box."""

import numpy as np

from fusion.reading.decode import Grid, Row
from fusion.reading.gutter import counted, find_gutter, numbered_rows
from fusion.reading.recognizer import CHARACTERS, WIDE
from fusion.reading.transcript import Line

MOST_BLANK = 12  # blank lines between two rows; a larger gap is no gap between lines


def assemble(grid: Grid, zoom: float = 1.0, left: int = 0, top: int = 0) -> tuple[Line, ...]:
    """Return the lines of code of a grid, blank ones among them.

    zoom: pixels read for one of the picture; left, top: of the part of the picture that was read, in its pixels.
    """
    rows = list(grid.rows)
    end, numbers = find_gutter(rows)
    if end is not None:
        pane = numbered_rows(rows, numbers, end, grid.line_height)
        rows = [rows[place] for place in pane]
        numbers = counted(rows, [numbers[place] for place in pane])
    kept = [row.columns > (row.columns.min() - 1 if end is None else end) for row in rows]
    first = min((int(row.columns[keep].min()) for row, keep in zip(rows, kept, strict=True) if keep.any()), default=0)
    lines: list[Line] = []
    index: int | None = None
    for row, keep, number in zip(rows, kept, numbers, strict=True):
        if not keep.any() and number is None:
            continue
        if index is not None:
            lines += [_blank()] * min(row.index - index - 1, MOST_BLANK)
        index = row.index
        lines.append(_line(row, keep, number, first, grid, zoom, np.array([left, top, left, top])))
    while lines and not lines[-1].text:
        lines.pop()
    return tuple(lines)


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
        x = grid.left + (column - 0.5) * grid.pitch
        text.append(character)
        confidence.append(sure)
        boxes.append((x, top, x + cells * grid.pitch, bottom))
        column += cells

    for at, kind, sure in zip(row.columns[keep], row.classes[keep], row.confidence[keep], strict=True):
        while column < at:
            add(" ", 1.0, 1)
        if column == at:
            add(CHARACTERS[kind], float(sure), 2 if kind == WIDE else 1)
    return Line("".join(text), np.array(confidence), np.array(boxes) / zoom + shift, number)
