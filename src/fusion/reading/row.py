"""The cells of one row -> its characters: the votes of the cells of one column add up."""

from dataclasses import dataclass

import numpy as np

from fusion.reading.alphabet import CELL_HEIGHT, CELL_WIDTH, WIDE
from fusion.reading.cells import Cells
from fusion.reading.upright import Angle

ENOUGH = 0.3  # share of the cells of a character that must be inked for it to count
UPRIGHT = [ord(character) for character in "|lI1![]"]  # what a cursor is taken for
BETWEEN = 0.3  # pitches off its column that no character stands
FAR = 4  # columns
DOUBTFUL = 0.45  # confidence below which a lone character may be none
OFF_LINE = 0.12  # share of a line height that rows of one pane never stand off their lines
PHASE = 0.3  # pitches that a row may stand off the common grid before it has a phase of its own


@dataclass(frozen=True)
class Row:
    """The characters of one line, left to right; M of them."""

    index: int  # of its line, counted from the first with anything on it
    y: float  # pixels, its middle
    columns: np.ndarray  # (M,) int
    classes: np.ndarray  # (M,) int
    confidence: np.ndarray  # (M,)
    numbers: np.ndarray  # (M,) probability of belonging to a line number
    title: float = 0.0  # probability of being no code but a title, or other text of an interface
    off_grid: float = 0.0  # pitches that it stands off the columns of all rows, at most a half
    centres: np.ndarray | None = None  # (M,) pixels, where no grid says them

    def middle(self, column: int, grid: "Grid") -> float:
        """Return where a column lies, pixels."""
        if self.centres is None:
            return grid.left + column * grid.pitch
        before = min(0, column - int(self.columns[0]))
        return float(np.interp(column, self.columns, self.centres)) + before * grid.pitch


@dataclass(frozen=True)
class Grid:
    """Everything that was decoded; x of a column's centre is left + column * pitch, in pixels."""

    rows: tuple[Row, ...]
    pitch: float
    line_height: float
    left: float
    numbers: tuple[int | None, ...] | None = None  # of the rows, where a column of line numbers was seen
    is_even: bool = True  # whether all characters are as wide as the pitch; else it is what most are about
    angle: Angle | None = None  # that the picture was taken at; all places are those of an upright one


def is_stray(row: Row) -> bool:
    """Return whether a row is something that was taken for a character or two."""
    return len(row.columns) <= 2 and float(row.confidence.mean()) < DOUBTFUL


def phase_of(x: np.ndarray, pitch: float) -> float:
    """Return where a column's centre lies, 0 to pitch, by all votes."""
    return float(np.angle(np.exp(2j * np.pi * x / pitch).sum()) / (2 * np.pi) * pitch % pitch)


def read_row(cells: Cells, pitch: float, phase: float) -> Row | None:
    """Return the characters of one row, None where no place has ink enough for one."""
    y = float(np.average(cells.y, weights=cells.ink))
    least = ENOUGH * max(pitch / CELL_WIDTH, 1) * max(0.84 * pitch / 0.6 / CELL_HEIGHT, 1)
    own = phase_of(cells.x, pitch)
    apart = (own - phase + pitch / 2) % pitch - pitch / 2
    at = (cells.x - phase - (apart if abs(apart) > PHASE * pitch else 0.0)) / pitch
    column = np.rint(at).astype(int)
    columns, inverse = np.unique(column, return_inverse=True)
    ink = np.bincount(inverse, cells.ink)
    order = np.argsort(inverse, kind="stable")  # the cells of each column together
    starts = np.searchsorted(inverse[order], np.arange(len(columns)))
    classes, confidence = added_up(cells[order], starts, ink)
    number = np.bincount(inverse, cells.roles[:, 0] * cells.ink) / ink
    title = float(np.average(cells.roles[:, 1], weights=cells.ink))
    keep = ink >= least
    keep &= ~(np.concatenate([[False], (classes[:-1] == WIDE) & (np.diff(columns) == 1)]))  # the second half of one
    between = abs(np.bincount(inverse, (at - column) * cells.ink) / ink) > BETWEEN
    keep &= ~(between & np.isin(classes, UPRIGHT))  # a cursor stands between two characters
    _drop_strays(columns, confidence, keep)
    if not keep.any():
        return None
    return Row(0, y, columns[keep], classes[keep], confidence[keep], number[keep], title, abs(apart) / pitch)


def added_up(cells: Cells, starts: np.ndarray, ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells in the order of their characters -> the class of each character and the confidence in it, (M,).

    starts: (M,) number of each one's first cell; ink: (M,) of all its cells.
    """
    votes = np.add.reduceat(cells.characters * cells.ink[:, None], starts)
    votes /= ink[:, None]
    votes[:, 0] = -np.inf  # nothing is no character
    votes -= np.logaddexp.reduce(votes, axis=1, keepdims=True)
    return votes.argmax(1), np.exp(votes.max(1))


def _drop_strays(columns: np.ndarray, confidence: np.ndarray, keep: np.ndarray) -> None:
    """Take doubtful characters that stand far from all others of their row out of `keep`.

    One before the others would indent every other line; those behind are icons, or the map of the whole file.
    """
    kept = np.flatnonzero(keep)
    for run in np.split(kept, np.flatnonzero(np.diff(columns[kept]) > FAR) + 1):
        if 0 < len(run) <= 2 and len(run) < len(kept) and confidence[run].mean() < DOUBTFUL:
            keep[run] = False
