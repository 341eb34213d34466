"""What the network says of each cell -> characters on rows and columns: every inked cell votes for one place.

Code stands on a grid: one pitch and one line height a picture. Cells say where the centre of their character is; its
row and column follow from all of them together, so that indentation is exact, and the votes of one place add up.
"""

from dataclasses import dataclass

import numpy as np

from fusion.reading.recognizer import CELL_HEIGHT, CELL_WIDTH, LINE_HEIGHT, PITCH, WIDE

SEEN = 0.35  # probability of ink from which a cell votes
SAME_PITCH = 0.3  # natural logarithm: text that is larger or smaller than this is not of the same pane
ENOUGH = 0.3  # share of the cells of a character that must be inked for it to count
INTERFACE = 0.7  # probability from which a cell, and
TITLE = 0.4  # from which a whole row is no code
DOUBTFUL = 0.6  # confidence below which a lone character may be none
OFF_LINE = 0.12  # share of a line height that rows of one pane never stand off their lines
UNLIKELY = 0.15  # change of pitch, as a share, that weighs as much as rows that stand on no grid at all
PHASE = 0.3  # pitches that a row may stand off the common grid before it has a phase of its own


@dataclass(frozen=True)
class Cells:
    """The inked cells of a picture, N of them, in its pixels."""

    x: np.ndarray  # (N,) of the centre of the character that the cell belongs to
    y: np.ndarray
    pitch: np.ndarray
    line_height: np.ndarray
    ink: np.ndarray  # (N,) probability that something stands here
    characters: np.ndarray  # (N, CLASSES) log-probabilities
    roles: np.ndarray  # (N, 2) probabilities of being a line number, and of being a title

    def __getitem__(self, chosen: np.ndarray) -> "Cells":
        return Cells(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.x)


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


@dataclass(frozen=True)
class Grid:
    """Everything that was decoded; x of a column's centre is left + column * pitch, in pixels."""

    rows: tuple[Row, ...]
    pitch: float
    line_height: float
    left: float


def inked(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of ink (h, w) -> rows and columns (N,) of the cells that vote."""
    rows, columns = np.nonzero(ink > SEEN)
    return rows, columns


def place(
    at: tuple[np.ndarray, np.ndarray], ink: np.ndarray, sizes: np.ndarray, characters: np.ndarray, roles: np.ndarray
) -> Cells:
    """Rows and columns of N cells, and what the network says there -> Cells.

    ink: (N,); sizes: (4, N); characters: (N, CLASSES) log-probabilities; roles: (2, N) probabilities.
    """
    pitch, line_height = PITCH * np.exp(sizes[2]), LINE_HEIGHT * np.exp(sizes[3])
    x = (at[1] + 0.5) * CELL_WIDTH + sizes[0] * pitch
    y = (at[0] + 0.5) * CELL_HEIGHT + sizes[1] * line_height
    is_wide = characters.argmax(1) == WIDE
    x = np.where(is_wide, x - pitch / 2, x)  # of the first of its two columns
    return Cells(x, y, pitch, line_height, ink, characters, roles.T)


def decode(cells: Cells) -> Grid | None:
    """Return the grid of a picture's code, or None where there is none. Titles and interfaces are left out."""
    cells = cells[cells.roles[:, 1] < INTERFACE]
    if len(cells) < 3:
        return None
    pitch, line_height = _median(cells.pitch, cells.ink), _median(cells.line_height, cells.ink)
    cells = cells[abs(np.log(cells.pitch / pitch)) < SAME_PITCH]
    if len(cells) < 3:
        return None
    groups = _rows(cells.y, line_height)
    pitch = _refined(cells.x, groups, pitch)
    phase = _phase(cells.x, pitch)
    least = ENOUGH * max(pitch / CELL_WIDTH, 1) * max(0.84 * pitch / 0.6 / CELL_HEIGHT, 1)
    found = [(float(np.average(cells.y[group], weights=cells.ink[group])), group) for group in groups]
    line_height = _line_height([y for y, _ in found], line_height)
    rows: list[Row] = []
    for y, group in found:
        index = rows[-1].index + max(1, round((y - rows[-1].y) / line_height)) if rows else 0
        row = _read_row(cells[group], index, y, pitch, phase, least)
        if row is not None and row.title < TITLE:
            rows.append(row)
    if len(rows) > 1 and _is_title(rows[0], rows[1], line_height):
        del rows[0]
    while rows and _is_stray(rows[-1]):  # the lower edge of a window, a line cut to its upper ends
        del rows[-1]
    while rows and _is_stray(rows[0]):
        del rows[0]
    return Grid(tuple(rows), pitch, line_height, phase) if rows else None


def _is_title(first: Row, second: Row, line_height: float) -> bool:
    """Return whether the uppermost row stands off the lines, and looks a little like a title."""
    lines = (second.y - first.y) / line_height
    return abs(lines - round(lines)) > OFF_LINE and first.title > TITLE / 4


def _is_stray(row: Row) -> bool:
    """Return whether a row is something that was taken for a character or two."""
    return len(row.columns) <= 2 and float(row.confidence.mean()) < DOUBTFUL


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _rows(y: np.ndarray, line_height: float) -> list[np.ndarray]:
    """Return the cells of each row, from the top down: those whose centres lie close together."""
    order = np.argsort(y, kind="stable")
    groups: list[list[int]] = []
    middle = 0.0
    for i in order:
        if groups and y[i] - middle < 0.45 * line_height:
            groups[-1].append(int(i))
            middle += (y[i] - middle) / min(len(groups[-1]), 40)
        else:
            groups.append([int(i)])
            middle = float(y[i])
    return [np.array(group) for group in groups]


def _refined(x: np.ndarray, groups: list[np.ndarray], pitch: float) -> float:
    """Return the pitch near the given one by which most rows stand on a grid: first coarsely, then finely.

    A few short rows stand on many grids alike, so that the further from what the cells say, the less a pitch counts.
    """
    for reach, steps in ((0.1, 201), (0.0015, 31)):
        change = np.linspace(-reach, reach, steps)
        tried, coherence = pitch * (1 + change), -len(x) * (change / UNLIKELY) ** 2
        for group in groups:
            coherence += abs(np.exp(2j * np.pi * x[group, None] / tried).sum(0))
        pitch = float(tried[coherence.argmax()])
    return pitch


def _phase(x: np.ndarray, pitch: float) -> float:
    """Return where a column's centre lies, 0 to pitch, by all votes."""
    return float(np.angle(np.exp(2j * np.pi * x / pitch).sum()) / (2 * np.pi) * pitch % pitch)


def _line_height(middles: list[float], line_height: float) -> float:
    """Return the line height by which the rows stand best: the median of what their distances say."""
    gaps = np.diff(middles)
    lines = np.maximum(np.rint(gaps / line_height), 1)
    near = (abs(gaps / lines / line_height - 1) < 0.15) & (lines <= 3)
    return float(np.median((gaps / lines)[near])) if near.any() else line_height


def _read_row(cells: Cells, index: int, y: float, pitch: float, phase: float, least: float) -> Row | None:
    """Return the characters of one row. least: sum of ink from which a place is taken to hold one."""
    own = _phase(cells.x, pitch)
    apart = (own - phase + pitch / 2) % pitch - pitch / 2
    at = (cells.x - phase - (apart if abs(apart) > PHASE * pitch else 0.0)) / pitch
    column = np.rint(at).astype(int)
    columns, inverse = np.unique(column, return_inverse=True)
    ink = np.bincount(inverse, cells.ink)
    votes = np.zeros((len(columns), cells.characters.shape[1]))
    np.add.at(votes, inverse, cells.characters * cells.ink[:, None])
    votes /= ink[:, None]
    votes[:, 0] = -np.inf  # nothing is no character
    votes -= np.logaddexp.reduce(votes, axis=1, keepdims=True)
    classes, number = votes.argmax(1), np.bincount(inverse, cells.roles[:, 0] * cells.ink) / ink
    title = float(np.average(cells.roles[:, 1], weights=cells.ink))
    keep = ink >= least
    keep &= ~(np.concatenate([[False], (classes[:-1] == WIDE) & (np.diff(columns) == 1)]))  # the second half of one
    confidence = np.exp(votes.max(1))
    _drop_leading_stray(columns, confidence, keep)
    if not keep.any():
        return None
    return Row(index, y, columns[keep], classes[keep], confidence[keep], number[keep], title)


def _drop_leading_stray(columns: np.ndarray, confidence: np.ndarray, keep: np.ndarray) -> None:
    """Take a doubtful character far before all others of its row out of `keep`: it would indent every other line."""
    kept = np.flatnonzero(keep)
    if len(kept) > 1 and confidence[kept[0]] < DOUBTFUL and columns[kept[1]] - columns[kept[0]] > 2:
        keep[kept[0]] = False
