"""The cells of a row -> segments, cut where nothing stands: whether the characters of each are one pitch apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fusion.reading.alphabet import CHARACTERS
from fusion.reading.cells import Cells
from fusion.reading.pitch import on_grid

LONG, PROSE = 5, 12  # characters from which a segment's phase says that it is code, and that it is none
INTERFACE = 0.6  # probability of being a title, or text of an interface, from which a segment is no code
STRAIGHT = 0.8  # coherence of a segment that stands on the common grid
DRAWN = "-=_~─═━*#"  # of which lines are drawn in comments
RULES = [number for number, sign in enumerate(CHARACTERS) if sign in DRAWN]
NEAR, OFF_LINE = 3.5, 0.2  # lines from code within which such a line stands; lines that it is off those of the code
SURE = 0.73  # of what such a line shows; edges of windows are drawn fainter than signs
RULE = 0.75  # share of a segment's cells from which it is such a line


@dataclass(frozen=True, eq=False)
class Segment:
    """Cells of one row between which no large gap is."""

    at: np.ndarray  # (n,) numbers of its cells, left to right
    y: float
    left: float
    right: float
    characters: float  # about how many
    coherence: float  # 0 to 1: how much its cells agree in phase
    phase: float  # of a turn
    drawn: float  # share of its cells that show signs of which lines are drawn
    sure: float  # mean probability that its cells show something, and what

    @property
    def is_coherent(self) -> bool:
        """Whether the characters are one pitch apart; few of them are by chance."""
        return self.characters >= LONG and self.coherence > 0.45 + 0.7 / self.characters**0.5

    def nearest(self, others: Sequence["Segment"]) -> "Segment":
        """Return the segment that is nearest in height."""
        return min(others, key=lambda other: abs(other.y - self.y))

    def off(self, other: "Segment") -> float:
        """Return the turns, -0.5 to 0.5, that this one stands off the grid of another."""
        return (self.phase - other.phase + 0.5) % 1 - 0.5


def cut(x: np.ndarray, group: np.ndarray, gap: float) -> list[np.ndarray]:
    """Numbers of a row's cells -> those of each segment, left to right."""
    order = group[np.argsort(x[group], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(x[order]) > gap) + 1)


def segment_of(cells: Cells, at: np.ndarray, pitch: float) -> Segment:
    """Return the segment of the cells with these numbers."""
    x = cells.x[at]
    mean = np.exp(2j * np.pi * x / pitch).mean()
    characters, phase = float(np.ptp(x) / pitch + 1), float(np.angle(mean) / (2 * np.pi))
    y, left, right = float(cells.y[at].mean()), float(x.min()), float(x.max())
    drawn = float(np.isin(cells.characters[at].argmax(1), RULES).mean())
    sure = float((np.exp(cells.characters[at].max(1)) * cells.ink[at]).mean())
    return Segment(at, y, left, right, characters, abs(mean), phase, drawn, sure)


def straightened(cells: Cells, parts: Sequence[np.ndarray], pitch: float, line_height: float) -> Cells:
    """Return the cells with those of some segments moved to the common grid.

    Italics may have a pitch of their own; where signs of a drawn line touch, nothing tells one from the next, and each
    cell belongs to the column that it lies in.
    """
    x = cells.x.copy()
    segments = [segment_of(cells, part, pitch) for part in parts]
    firm = [segment for segment in segments if segment.is_coherent and segment.coherence > STRAIGHT]
    for segment in segments:
        is_code = float(cells.roles[segment.at, 1].mean()) < INTERFACE / 2
        if not is_code or segment.characters < LONG or segment.coherence > STRAIGHT:
            continue
        if segment.drawn > RULE:
            if segment.sure < SURE or not _is_among(segment, firm, line_height):
                continue
            start = segment.nearest(firm).phase * pitch
            x[segment.at] = start + np.rint((cells.own_x[segment.at] - start) / pitch) * pitch
        elif segment.characters >= PROSE:
            moved = on_grid(cells.x[segment.at], pitch)
            if moved is not None:
                x[segment.at] = moved
    return replace(cells, x=x)


def _is_among(segment: Segment, lines: Sequence[Segment], line_height: float) -> bool:
    """Return whether a drawn line stands where a line of code does, and is no edge of a window or map of a file."""
    if not lines:
        return False
    if segment.right < min(each.left for each in lines) or segment.left > max(each.right for each in lines):
        return False
    apart = abs(segment.y - segment.nearest(lines).y) / line_height
    return apart < NEAR and abs(apart - round(apart)) < OFF_LINE
