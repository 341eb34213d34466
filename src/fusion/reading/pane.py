"""The cells of a whole picture -> those of its code: they stand on one grid, prose and interfaces on none.

Characters of a fixed-width font are one pitch apart, so that their centres have one phase; in others they have any.
A row is cut into segments where nothing stands, and each segment is kept or left out as a whole.
"""

from dataclasses import dataclass

import numpy as np

from fusion.reading.cells import Cells, median

SAME_PITCH = 0.3  # natural logarithm: text that is larger or smaller than this is not of the same pane
INTERFACE = 0.6  # probability of being a title, or text of an interface, from which a segment is no code
GAP = 3.0  # pitches without anything that cut a row in two
LONG, PROSE = 5, 12  # characters from which a segment's phase says that it is code, and that it is none
BESIDE = 5.0  # pitches from a segment of prose within which what is short belongs to it
OUTSIDE = 9.0  # pitches before and behind all long segments where line numbers may stand
NEAR_PHASE = 0.22  # pitches that a short segment may stand off the grid
UNLIKELY = 0.15  # change of pitch, as a share, that weighs as much as rows that stand on no grid at all
MOST = 0.8  # share of the cells; where as many stand on one grid, no other pitch is tried
FEW = 0.08  # share of the cells; where fewer stand on a grid, the picture has no font of one width
MODES, BIN = 4, 0.04  # widths of characters that are tried; their histogram's bins, natural logarithm


@dataclass(frozen=True)
class Pane:
    """The cells of a picture's code, and the grid they stand on."""

    cells: Cells
    pitch: float
    line_height: float


@dataclass(frozen=True, eq=False)
class _Segment:
    at: np.ndarray  # (n,) numbers of its cells
    y: float
    left: float
    right: float
    characters: float  # about how many
    coherence: float  # 0 to 1: how much its cells agree in phase
    phase: float  # of a turn


def find_pane(cells: Cells) -> Pane | None:
    """Return the code of a picture, None where hardly anything stands in it."""
    best: tuple[float, Pane] | None = None
    for pitch in _modes(cells.pitch, cells.ink):
        score, pane = _on_grid(cells, pitch)
        if best is None or score > best[0]:
            best = (score, pane)
        if score and len(pane.cells) >= MOST * len(cells):
            break
    return None if best is None else best[1]


def rows_of(y: np.ndarray, line_height: float) -> list[np.ndarray]:
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


def _modes(pitch: np.ndarray, ink: np.ndarray) -> list[float]:
    """Return the pitches that most cells have, at most MODES of them, no two alike."""
    left, found = np.log(pitch), list[float]()
    weights = ink.copy()
    for _ in range(MODES):
        if weights.sum() < 0.1 * ink.sum() or not len(left):
            break
        counts, edges = np.histogram(left, np.arange(left.min(), left.max() + 2 * BIN, BIN), weights=weights)
        near = abs(left - edges[int(counts.argmax())] - BIN / 2) < 1.5 * BIN
        found.append(median(pitch[near], np.maximum(weights[near], 1e-6)))
        weights[near] = 0
    return found


def _on_grid(cells: Cells, pitch: float) -> tuple[float, Pane]:
    """Return how many characters stand on the best grid of about this pitch, and what stands on it."""
    near = abs(np.log(cells.pitch / pitch)) < SAME_PITCH
    is_code = near & (cells.roles[:, 1] < INTERFACE)
    line_height = median(cells.line_height[near], cells.ink[near])
    parts = [part for group in rows_of(cells.y, line_height) for part in _cut(cells.x, group, GAP * pitch)]
    pitch = _refined(cells.x, parts, pitch)
    segments = [(_segment(cells, part, pitch), bool(is_code[part].mean() > 0.5)) for part in parts]
    long = [segment for segment, sized in segments if sized and _is_coherent(segment)]
    long += [segment for segment, sized in segments if not sized and _continues(segment, long, pitch)]
    others = [(segment, sized) for segment, sized in segments if segment not in long]
    prose = [segment for segment, sized in others if segment.characters >= (PROSE if sized else LONG)]
    short = [segment for segment, sized in others if sized and segment not in prose and _fits(segment, long, pitch)]
    kept = long + [segment for segment in short if not _is_beside(segment, prose, line_height / 2, BESIDE * pitch)]
    count = sum(len(segment.at) for segment in kept)
    score = sum(segment.characters * segment.coherence for segment in long)
    if not long or count < FEW * len(cells):
        return score, Pane(cells[is_code], pitch, line_height)
    own = cells[np.sort(np.concatenate([segment.at for segment in kept]))]
    return score, Pane(own, pitch, median(own.line_height, own.ink))


def _cut(x: np.ndarray, group: np.ndarray, gap: float) -> list[np.ndarray]:
    order = group[np.argsort(x[group], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(x[order]) > gap) + 1)


def _segment(cells: Cells, at: np.ndarray, pitch: float) -> _Segment:
    x = cells.x[at]
    mean = np.exp(2j * np.pi * x / pitch).mean()
    characters, phase = float(np.ptp(x) / pitch + 1), float(np.angle(mean) / (2 * np.pi))
    y, left, right = float(cells.y[at].mean()), float(x.min()), float(x.max())
    return _Segment(at, y, left, right, characters, abs(mean), phase)


def _is_coherent(segment: _Segment) -> bool:
    """Return whether a segment's characters are one pitch apart; few of them are by chance."""
    return segment.characters >= LONG and segment.coherence > 0.45 + 0.7 / segment.characters**0.5


def _continues(segment: _Segment, long: list[_Segment], pitch: float) -> bool:
    """Return whether a segment that looks like a title stands on the grid of the code, and begins where code does.

    The first line of a text, a comment above all, looks much like a title to the network.
    """
    if not long or not _is_coherent(segment):
        return False
    left = min(other.left for other in long)
    nearest = min(long, key=lambda other: abs(other.y - segment.y))
    apart = (segment.phase - nearest.phase + 0.5) % 1 - 0.5
    return segment.left > left - pitch and abs(apart) < NEAR_PHASE / 2


def _fits(segment: _Segment, long: list[_Segment], pitch: float) -> bool:
    """Return whether a short segment stands on the grid of the long one nearest to it, and not far from all of them."""
    if not long:
        return True
    left, right = min(other.left for other in long), max(other.right for other in long)
    if not left - OUTSIDE * pitch < segment.left < right + OUTSIDE * pitch:
        return False
    nearest = min(long, key=lambda other: abs(other.y - segment.y))
    apart = (segment.phase - nearest.phase + 0.5) % 1 - 0.5
    return abs(apart) < NEAR_PHASE


def _is_beside(segment: _Segment, others: list[_Segment], above: float, aside: float) -> bool:
    """Return whether another segment stands next to this one in its row."""
    return any(
        abs(segment.y - other.y) < above and other.left - aside < segment.right and segment.left < other.right + aside
        for other in others
    )


def _refined(x: np.ndarray, parts: list[np.ndarray], pitch: float) -> float:
    """Return the pitch near the given one by which most segments stand on a grid: first coarsely, then finely.

    A few short segments stand on many grids alike: the further from what the cells say, the less a pitch counts.
    """
    for reach, steps in ((0.1, 201), (0.0015, 31)):
        change = np.linspace(-reach, reach, steps)
        tried, power = pitch * (1 + change), -len(x) * (change / UNLIKELY) ** 2
        for part in parts:
            power += abs(np.exp(2j * np.pi * x[part, None] / tried).sum(0)) ** 2 / len(part)
        pitch = float(tried[power.argmax()])
    return pitch
