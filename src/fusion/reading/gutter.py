"""Rows of characters -> which of them are line numbers, by their column, their sequence, and how they look."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fusion.reading.alphabet import CHARACTERS
from fusion.reading.cells import Cells, median
from fusion.reading.pane import rows_of
from fusion.reading.row import OFF_LINE, Row, phase_of, read_row

FEW = 4  # cells that are no column of numbers
MOST = 6  # digits of a line number
AGREE = 0.6  # share of the rows
DIGITS = [number for number, sign in enumerate(CHARACTERS) if sign in "0123456789"]
DIGITS_SHARE = 0.5  # of the cells of numbers that are read as digits at least
BEYOND = 1.5  # lines above the first number and below the last where nothing of the same pane stands


def split_gutter(cells: Cells) -> tuple[Cells, Cells | None]:
    """Return the cells behind the line numbers, and those of the numbers; None where the network sees no such column.

    What stands before the numbers, such as a side bar, is left out.
    """
    numbers = cells[cells.roles[:, 0] > 0.5]
    if len(numbers) < FEW or np.isin(numbers.characters.argmax(1), DIGITS).mean() < DIGITS_SHARE:
        return cells, None
    pitch, line_height = median(numbers.pitch, numbers.ink), median(numbers.line_height, numbers.ink)
    groups = rows_of(numbers.y, line_height)
    ends = np.array([numbers.x[group].max() for group in groups])
    edge = float(np.median(ends))
    is_aligned = abs(ends - edge) < 0.7 * pitch
    aligned = int(is_aligned.sum())
    if aligned < max(2, AGREE * len(ends)) or aligned < AGREE / 2 * len(rows_of(cells.y, line_height)):
        return cells, None
    edge += 0.7 * pitch
    is_code = cells.roles[:, 0] <= 0.5
    behind = is_code & (cells.x > edge)
    if 2 * behind.sum() < is_code.sum():  # numbers at the end of lines
        return cells, None
    middles = [numbers.y[group].mean() for group, fits in zip(groups, is_aligned, strict=True) if fits]
    behind &= (cells.y > middles[0] - BEYOND * line_height) & (cells.y < middles[-1] + BEYOND * line_height)
    return cells[behind], numbers[numbers.x <= edge]


def read_numbers(cells: Cells, middles: Sequence[float], line_height: float) -> tuple[int | None, ...]:
    """Return the number beside each of the rows whose middles are given, in pixels."""
    pitch, told = median(cells.pitch, cells.ink), dict[float, int]()
    for group in rows_of(cells.y, line_height):
        own = cells[group]
        row = read_row(own, pitch, phase_of(own.x, pitch))
        number = None if row is None else _number(row.classes)
        if number is not None:
            told[float(own.y.mean())] = number
    at, numbers = np.array([*told]), [*told.values()]
    if not len(at):
        return (None,) * len(middles)
    apart = abs(at - np.array(middles)[:, None])  # (rows, numbers)
    return tuple(numbers[int(near.argmin())] if near.min() < line_height / 2 else None for near in apart)


def find_gutter(rows: Sequence[Row]) -> tuple[int | None, list[int | None]]:
    """Return the last column of the line numbers, None where there are none, and the number of each row.

    Numbers end in one column, blanks around them, and count up with the lines, which lists of numbers in code do
    rarely. Where they do not count up, as in folded code, the network must have taken them for line numbers.
    """
    runs = [_numbers(row) for row in rows]
    ends = Counter(end for run in runs for end in run)
    for end, count in sorted(ends.items(), key=lambda item: (-item[1], item[0])):
        numbers = [run.get(end) for run in runs]
        counts, looks = _counts_up(rows, numbers), _looks(rows, end)
        before, behind = (sum(int(side.sum()) for side in sides) for sides in zip(*_sides(rows, end), strict=True))
        most = count >= (0.5 if looks else AGREE) * len(rows)  # labels and constants stand in fewer lines
        if count >= 2 and behind > before and most and (looks or counts):
            return end, numbers
    return None, [None] * len(rows)


def numbered_rows(rows: Sequence[Row], numbers: Sequence[int | None], line_height: float) -> range:
    """Return the rows of the pane that the numbers count, those between the first and the last of them.

    A row on the next line belongs to it too: its number was misread. What else stands above and below is another pane,
    such as a terminal.
    """
    told = [place for place, number in enumerate(numbers) if number is not None]
    first, last = told[0], told[-1]

    def continues(place: int, neighbour: int) -> bool:
        apart = abs(rows[place].y - rows[neighbour].y) / line_height
        return abs(apart - 1) < OFF_LINE

    while first > 0 and continues(first - 1, first):
        first -= 1
    while last + 1 < len(rows) and continues(last + 1, last):
        last += 1
    return range(first, last + 1)


def _numbers(row: Row) -> dict[int, int]:
    """Return the numbers of a row that nothing touches, by the column that they end in."""
    found: dict[int, int] = {}
    for run in np.split(np.arange(len(row.columns)), np.flatnonzero(np.diff(row.columns) > 1) + 1):
        number = _number(row.classes[run])
        if number is not None:
            found[int(row.columns[run[-1]])] = number
    return found


def _number(classes: np.ndarray) -> int | None:
    """Return the number that characters spell, None where they are no digits, none at all or too many."""
    digits = "".join(CHARACTERS[kind] for kind in classes)
    return int(digits) if 0 < len(digits) <= MOST and digits.isascii() and digits.isdigit() else None


def _sides(rows: Sequence[Row], end: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return of each row which of its characters stand before a number that ends in that column, and which behind."""
    return [(row.columns <= end - MOST, row.columns > end) for row in rows]


def _counts_up(rows: Sequence[Row], numbers: Sequence[int | None]) -> bool:
    """Return whether most numbers go up by as many as there are lines between them."""
    told = [(row.index, number) for row, number in zip(rows, numbers, strict=True) if number is not None]
    right = [b[1] - a[1] == b[0] - a[0] for a, b in pairwise(told)]
    return len(told) > 1 and float(np.mean(right)) >= AGREE


def counted(rows: Sequence[Row], numbers: Sequence[int | None]) -> list[int | None]:
    """Return the numbers as most of them count: a digit that was misread goes by its neighbours."""
    starts = Counter(number - row.index for row, number in zip(rows, numbers, strict=True) if number is not None)
    if not starts or starts.most_common(1)[0][1] < max(3, AGREE * starts.total()):
        return list(numbers)
    start = starts.most_common(1)[0][0]
    return [None if number is None else start + row.index for row, number in zip(rows, numbers, strict=True)]


def _looks(rows: Sequence[Row], end: int) -> bool:
    """Return whether the network took most of what ends in that column for line numbers."""
    said = np.concatenate([row.numbers[row.columns == end] for row in rows])
    return len(said) > 0 and float(said.mean()) > 0.5
