"""What the network says of each cell -> characters on rows and columns: every inked cell votes for one place.

Code stands on a grid: one pitch and one line height a picture. Cells say where the centre of their character is; its
row and column follow from all of them together, so that indentation is exact, and the votes of one place add up.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from fusion.reading.cells import Cells
from fusion.reading.gutter import read_numbers, split_gutter
from fusion.reading.pane import Pane, find_pane, rows_of
from fusion.reading.proportional import read_rows
from fusion.reading.row import OFF_LINE, Grid, Row, is_stray, phase_of, read_row
from fusion.reading.upright import make_upright

TITLE, LONE = 0.3, 0.6  # probability of being one from which a row off the lines is no code, and one with no other near
NEAR = 3.5  # lines
APART, SAME_SPACING = 6, 0.05  # lines without anything between two panes; change of line height within one
OFF_GRID = 0.15  # pitches off the columns that no code stands


def decode(cells: Cells, expected: float | None = None) -> Grid | None:
    """Return the grid of a picture's code, or None where there is none. Titles and interfaces are left out.

    expected: the pitch of the code, where an earlier look told it.
    """
    cells, angle = make_upright(cells)
    cells, gutter = split_gutter(cells)
    pane = find_pane(cells, expected) if len(cells) >= 3 else None
    if pane is None:
        return None
    groups = rows_of(pane.cells.y, pane.line_height)
    middles = [float(np.average(pane.cells.y[group], weights=pane.cells.ink[group])) for group in groups]
    line_height = _line_height(middles, pane.line_height)
    pitch, left, rows = _on_grid(pane, groups) if pane.is_grid else read_rows(pane.cells, groups)
    rows = _without_terminal(_without_titles(_counted(rows, line_height), line_height))
    while rows and is_stray(rows[-1]):  # the lower edge of a window, a line cut to its upper ends
        del rows[-1]
    while rows and is_stray(rows[0]):
        del rows[0]
    if not rows:
        return None
    numbers = None if gutter is None else read_numbers(gutter, [row.y for row in rows], line_height)
    return Grid(tuple(rows), pitch, line_height, left, numbers, pane.is_grid, angle)


def _on_grid(pane: Pane, groups: list[np.ndarray]) -> tuple[float, float, list[Row]]:
    """Return the pitch, where a column's centre lies, and the rows of cells in the groups."""
    phase = phase_of(pane.cells.x, pane.pitch)
    rows = [read_row(pane.cells[group], pane.pitch, phase) for group in groups]
    return pane.pitch, phase, [row for row in rows if row is not None]


def _counted(rows: list[Row], line_height: float) -> list[Row]:
    """Return the rows with the numbers of their lines."""
    found = list[Row]()
    for row in rows:
        index = found[-1].index + max(1, round((row.y - found[-1].y) / line_height)) if found else 0
        found.append(replace(row, index=index))
    return found


def _without_titles(rows: list[Row], line_height: float) -> list[Row]:
    """Return the rows that are code. What looks like a title is one unless it stands on the lines and columns of code.

    The first line of a text, a comment above all, looks much like a title to the network.
    """
    code = [row.y for row in rows if row.title < LONE]
    return [row for row in rows if row.title < TITLE or _is_on_lines(row, code, line_height)]


def _is_on_lines(row: Row, code: list[float], line_height: float) -> bool:
    """Return whether a row stands where a line of code would, near another."""
    apart = min((abs(row.y - y) for y in code if y != row.y), default=0.0) / line_height
    near = apart < NEAR and abs(apart - round(apart)) < OFF_LINE
    return near and row.off_grid < OFF_GRID if apart else row.title < LONE


def _without_terminal(rows: list[Row]) -> list[Row]:
    """Return the rows without smaller groups far above or below the largest one whose lines are not as far apart.

    Blocks of one page of prose have one line height, the terminal under an editor has another.
    """
    ends = [n for n in range(1, len(rows)) if rows[n].index - rows[n - 1].index > APART]
    groups = [rows[start:end] for start, end in zip([0, *ends], [*ends, len(rows)], strict=True)]
    largest = max(groups, key=len, default=[])
    own = _spacing(largest)
    kept = [group for group in groups if group is largest or not own or abs(_spacing(group) / own - 1) < SAME_SPACING]
    return [row for group in kept for row in group]


def _spacing(rows: list[Row]) -> float:
    """Return how far the lines of some rows are apart, 0 for one row."""
    gaps = [(below.y - above.y) / (below.index - above.index) for above, below in pairwise(rows)]
    return float(np.median(gaps)) if gaps else 0.0


def _line_height(middles: list[float], line_height: float) -> float:
    """Return the line height by which the rows stand best: the median of what their distances say."""
    gaps = np.diff(middles)
    lines = np.maximum(np.rint(gaps / line_height), 1)
    near = (abs(gaps / lines / line_height - 1) < 0.15) & (lines <= 3)
    return float(np.median((gaps / lines)[near])) if near.any() else line_height
