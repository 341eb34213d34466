"""Rows of characters -> which of them are line numbers, by their column, their sequence, and how they look."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fusion.reading.decode import OFF_LINE, Row
from fusion.reading.recognizer import CHARACTERS

MOST = 6  # digits of a line number
AGREE = 0.6  # share of the rows


def find_gutter(rows: Sequence[Row]) -> tuple[int | None, list[int | None]]:
    """Return the last column of the line numbers, None where there are none, and the number of each row.

    Numbers end in one column, stand before everything else, and count up with the lines; a list of numbers in the
    code does so rarely, and then the network must have taken it for numbers too.
    """
    runs = [_leading_digits(row) for row in rows]
    ends = Counter(run[1] for run in runs if run is not None)
    if not ends:
        return None, [None] * len(rows)
    end, count = max(ends.items(), key=lambda item: (item[1], -item[0]))
    numbers = [run[0] if run is not None and run[1] == end else None for run in runs]
    if count < max(2, AGREE * len(rows)) and not _looks(rows, end):
        return None, [None] * len(rows)
    before = sum(bool((row.columns <= end).any()) for row, number in zip(rows, numbers, strict=True) if number is None)
    if before > (1 - AGREE) * len(rows) or not (_counts_up(rows, numbers) or _looks(rows, end)):
        return None, [None] * len(rows)
    if not _looks(rows, end) and not _has_gap(rows, end):
        return None, [None] * len(rows)
    return end, numbers


def numbered_rows(rows: Sequence[Row], numbers: Sequence[int | None], end: int, line_height: float) -> range:
    """Return the rows of the pane that the numbers count, those between the first and the last of them.

    A row beside these belongs to it too if anything stands in its place for a number: one that was misread. What else
    stands above and below is another pane, such as a terminal.
    """
    told = [place for place, number in enumerate(numbers) if number is not None]
    first, last = told[0], told[-1]

    def continues(place: int, neighbour: int) -> bool:
        apart = abs(rows[place].y - rows[neighbour].y) / line_height
        return abs(apart - 1) < OFF_LINE and bool((rows[place].columns <= end).any())

    while first > 0 and continues(first - 1, first):
        first -= 1
    while last + 1 < len(rows) and continues(last + 1, last):
        last += 1
    return range(first, last + 1)


def _leading_digits(row: Row) -> tuple[int, int] | None:
    """Return the number that a row begins with, and the column it ends in; None where it begins otherwise."""
    digits, last = "", None
    for column, kind in zip(row.columns, row.classes, strict=True):
        character = CHARACTERS[kind]
        if character not in "0123456789" or (last is not None and column != last + 1):
            break
        digits, last = digits + character, int(column)
    return (int(digits), last) if last is not None and len(digits) <= MOST else None


def _counts_up(rows: Sequence[Row], numbers: Sequence[int | None]) -> bool:
    """Return whether most numbers go up by as many as there are lines between them."""
    told = [(row.index, number) for row, number in zip(rows, numbers, strict=True) if number is not None]
    right = [b[1] - a[1] == b[0] - a[0] for a, b in pairwise(told)]
    return len(told) > 1 and np.mean(right) >= AGREE


def counted(rows: Sequence[Row], numbers: Sequence[int | None]) -> list[int | None]:
    """Return the numbers as most of them count: a digit that was misread goes by its neighbours."""
    starts = Counter(number - row.index for row, number in zip(rows, numbers, strict=True) if number is not None)
    if not starts or starts.most_common(1)[0][1] < max(3, AGREE * starts.total()):
        return list(numbers)
    start = starts.most_common(1)[0][0]
    return [None if number is None else start + row.index for row, number in zip(rows, numbers, strict=True)]


def _looks(rows: Sequence[Row], end: int) -> bool:
    """Return whether the network took what stands up to that column for line numbers."""
    said = np.concatenate([row.numbers[row.columns <= end] for row in rows])
    return len(said) > 0 and float(said.mean()) > 0.5


def _has_gap(rows: Sequence[Row], end: int) -> bool:
    """Return whether nothing ever follows in the next column."""
    return not any((row.columns == end + 1).any() for row in rows)
