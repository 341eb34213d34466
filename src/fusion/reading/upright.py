"""Cells of a picture taken at an angle -> where they would stand in one taken from straight ahead.

Lines of text are level on a screen. From one character to the next their slope is seen, and how it changes over the
picture; columns then stand upright where the votes of all rows agree best.
"""

from dataclasses import dataclass, replace

import numpy as np

from fusion.reading.cells import Cells, median

LEVEL = 0.004  # mean slope below which a picture is taken from straight ahead
BESIDE = (0.6, 3.5)  # pitches from one character to those that its line's slope is measured by
SAME_LINE = 0.3  # line heights
MOST = 0.2  # slope of lines that can be read
FEW = 60  # cells from which a slope is told
LEAN, WIDEN = 0.09, 0.12  # how far columns may lean; change of pitch from one edge to the other, as a share
PAIRS, VOTES = 25, 700  # neighbours of a cell, and cells, that are enough
BACK = 4  # steps in which a point is found again


@dataclass(frozen=True)
class Angle:
    """x, y as seen -> upright: y - slope x - bend x² / 2 - turn x y, and then x - lean y + widen x y + stretch x²."""

    slope: float
    bend: float
    turn: float
    lean: float = 0.0
    widen: float = 0.0
    stretch: float = 0.0

    def level(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return y where lines are level."""
        return np.asarray(y - self.slope * x - self.bend * x * x / 2 - self.turn * x * y)

    def upright(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return x where columns are upright; y: where lines are level."""
        return np.asarray(x - self.lean * y + self.widen * x * y + self.stretch * x * x)

    def seen(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) upright points -> (N, 2) where they are seen."""
        upright, level = points.T
        x, y = upright, level
        for _ in range(BACK):
            x = x + upright - self.upright(x, level)
            y = y + level - self.level(x, y)
        return np.column_stack([x, y])


def make_upright(cells: Cells) -> tuple[Cells, Angle | None]:
    """Return the cells where they would stand, and the angle; as they are, and None, where lines are level."""
    if len(cells) < FEW:
        return cells, None
    angle = _slopes(cells)
    if angle is None:
        return cells, None
    level = angle.level(cells.x, cells.y)
    angle = _columns(cells.x, level, median(cells.pitch, cells.ink), angle)
    x = angle.upright(cells.x, level)
    return replace(cells, x=x, y=level, own_x=cells.own_x + x - cells.x), angle


def _slopes(cells: Cells) -> Angle | None:
    """Return how lines slope, None where they are level or no line was found."""
    pitch, line_height = median(cells.pitch, cells.ink), median(cells.line_height, cells.ink)
    order = np.argsort(cells.x, kind="stable")
    x, y = cells.x[order], cells.y[order]
    found = []
    most = max(1, int(np.median(np.searchsorted(x, x + BESIDE[1] * pitch) - np.arange(len(x)))))
    for ahead in range(1, most + 1, max(1, most // PAIRS)):
        first, second = np.arange(len(x) - ahead), np.arange(ahead, len(x))
        across, down = x[second] - x[first], y[second] - y[first]
        near = (across > BESIDE[0] * pitch) & (across < BESIDE[1] * pitch) & (abs(down) < SAME_LINE * line_height)
        found.append(np.column_stack([across, down, x[first], y[first]])[near])
    across, down, x, y = np.concatenate(found).T
    if len(x) < FEW:
        return None
    width, height = max(np.ptp(cells.x), 1.0), max(np.ptp(cells.y), 1.0)
    terms = np.column_stack([np.ones(len(x)), x / width, y / height])
    weights, told = np.ones(len(x)), np.zeros(3)
    for _ in range(4):  # pairs of different lines are outliers
        told = np.linalg.lstsq(terms * (across * weights)[:, None], down * weights, rcond=None)[0]
        off = abs(down - across * (terms @ told))
        weights = 1 / np.maximum(off, 0.02 * line_height) ** 0.5
    over = terms @ told
    if abs(over).mean() < LEVEL or abs(over).max() > MOST:
        return None
    return Angle(float(told[0]), float(told[1] / width), float(told[2] / height))


def _columns(x: np.ndarray, y: np.ndarray, pitch: float, angle: Angle) -> Angle:
    """Return the angle with what makes the votes of all rows agree, one after the other, coarsely, then finely."""
    width, height = max(np.ptp(x), 1.0), max(np.ptp(y), 1.0)
    some = np.linspace(0, len(x) - 1, min(len(x), VOTES)).astype(int)
    x, y = x[some], y[some]
    sizes = {"lean": LEAN, "widen": WIDEN / height, "stretch": WIDEN / 2 / width}
    for share in (1.0, 0.25, 0.08, 0.03):
        for name, size in sizes.items():
            tried = [replace(angle, **{name: getattr(angle, name) + size * share * step}) for step in _STEPS]
            angle = tried[int(np.argmax([_agreement(each.upright(x, y), pitch) for each in tried]))]
    return angle


_STEPS = np.linspace(-1, 1, 33)


def _agreement(x: np.ndarray, pitch: float) -> float:
    """Return how well centres stand on the best grid of about this pitch."""
    tried = pitch * np.linspace(0.97, 1.03, 9)
    return float(abs(np.exp(2j * np.pi * x[:, None] / tried).mean(0)).max())
