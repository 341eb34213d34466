"""The cells of a whole picture -> those of its code: they stand on one grid, prose and interfaces on none.

Characters of a fixed-width font are one pitch apart, so that their centres have one phase; in others they have any.
A row is cut into segments where nothing stands, and each segment is kept or left out as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusion.reading.cells import Cells, median
from fusion.reading.segments import INTERFACE, LONG, PROSE, RULE, STRAIGHT, SURE, Segment, cut, segment_of, straightened

SAME_PITCH = 0.3  # natural logarithm: text that is larger or smaller than this is not of the same pane
GAP = 3.0  # pitches without anything that cut a row in two
BESIDE = 5.0  # pitches from a segment of prose within which what is short belongs to it
OUTSIDE = 9.0  # pitches before and behind all long segments where line numbers may stand
OUTSIDE_OF_ROW = 24.0  # pitches before all long segments where the sign of a comment may stand, its text in its row
FAR = 6.5  # lines without any code below which short segments are none
NEAR_PHASE = 0.22  # pitches that a short segment may stand off the grid
LESS = 0.25  # coherence that a segment may lack beside those of one picture that stand firmly on its grid
HALF = 0.5  # coherence that three characters or four have at least
FEW_SEGMENTS, TOGETHER = 3, 0.85  # short ones that are code together; their least coherence
UNLIKELY = 0.15  # change of pitch, as a share, that weighs as much as rows that stand on no grid at all
MOST = 0.8  # share of the cells; where as many stand on one grid, no other pitch is tried
FIRM, BY_CHANCE = 0.75, 0.06  # coherence of segments on a grid; share of a picture's text that has it without one
SHARED = 0.6  # coherence of all text of a picture from which it stands on a grid, though no line is long
MODES, RARE = 4, 0.03  # widths of characters that are tried where code is found; share of the cells that are not tried
BIN = 0.04  # of the histogram of widths, natural logarithm


@dataclass(frozen=True)
class Pane:
    """The cells of a picture's code, and the grid they stand on."""

    cells: Cells
    pitch: float
    line_height: float
    is_grid: bool = True  # else the picture has no font of one width


def find_pane(cells: Cells, expected: float | None = None) -> Pane | None:
    """Return the code of a picture, None where hardly anything stands in it. expected: its pitch, where it is known."""
    best: tuple[float, Pane] | None = None
    for number, pitch in enumerate(_modes(cells.pitch, cells.ink) if expected is None else [expected]):
        score, pane = _on_grid(cells, pitch)
        if best is None or score > best[0]:
            best = (score, pane)
        if score and (len(pane.cells) >= MOST * len(cells) or number + 1 >= MODES):
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


def _modes(pitch: np.ndarray, ink: np.ndarray) -> Iterator[float]:
    """Yield the pitches that most cells have, no two alike."""
    left, weights = np.log(pitch), ink.copy()
    while len(left) and weights.sum() > RARE * ink.sum():
        counts, edges = np.histogram(left, np.arange(left.min(), left.max() + 2 * BIN, BIN), weights=weights)
        near = abs(left - edges[int(counts.argmax())] - BIN / 2) < 1.5 * BIN
        yield median(pitch[near], np.maximum(weights[near], 1e-6))
        weights[near] = 0


def _on_grid(cells: Cells, pitch: float) -> tuple[float, Pane]:
    """Return how many characters stand on the best grid of about this pitch, and what stands on it."""
    near = abs(np.log(cells.pitch / pitch)) < SAME_PITCH
    is_code = near & (cells.roles[:, 1] < INTERFACE)
    line_height = median(cells.line_height[near], cells.ink[near])
    parts = [part for group in rows_of(cells.y, line_height) for part in cut(cells.x, group, GAP * pitch)]
    pitch = _refined(cells.x, parts, pitch)
    cells = straightened(cells, parts, pitch, line_height)
    segments = [(segment_of(cells, part, pitch), bool(is_code[part].mean() > 0.5)) for part in parts]
    long = _within([each for each, sized in segments if sized and each.is_coherent], pitch, FAR * line_height)
    long += [segment for segment, sized in segments if not sized and _continues(segment, long, pitch)]
    kept = long + _short([each for each in segments if each[0] not in long], long, pitch, line_height)
    score = sum(segment.characters * segment.coherence for segment in long)
    if not kept or not _is_grid([each for each, sized in segments if sized], long):
        return 0.0, Pane(cells[near], pitch, line_height, is_grid=False)
    own = cells[np.sort(np.concatenate([segment.at for segment in kept]))]
    return score, Pane(own, pitch, median(own.line_height, own.ink))


def _is_grid(sized: list[Segment], long: list[Segment]) -> bool:
    """Return whether a picture's code stands on a grid: some long segments do beyond chance, or all text together."""
    total = sum(each.characters for each in sized)
    firm = sum(each.characters for each in long if each.coherence > FIRM)
    if firm > max(PROSE, BY_CHANCE * total):
        return True
    together = sum(each.characters * each.coherence * np.exp(2j * np.pi * each.phase) for each in sized)
    return 0 < SHARED * total < abs(together)


def _within(long: list[Segment], pitch: float, far: float) -> list[Segment]:
    """Return the long segments without those of another pane beside or below, whose phase agrees by chance."""
    firm = [segment for segment in long if segment.coherence > STRAIGHT and segment.characters >= PROSE]
    if not firm:
        return long
    left, right = min(each.left for each in firm) - pitch, max(each.right for each in firm) + pitch
    least = float(np.median([each.coherence for each in firm])) - LESS

    def belongs(segment: Segment) -> bool:
        inside = segment.right > left and segment.left < right and abs(segment.y - segment.nearest(firm).y) < far
        return inside and segment.coherence > least

    return [each for each in long if each in firm or belongs(each)]


def _continues(segment: Segment, long: list[Segment], pitch: float) -> bool:
    """Return whether a segment that looks like a title stands on the grid of the code, and begins where code does.

    The first line of a text, a comment above all, looks much like a title to the network.
    """
    if not long or not segment.is_coherent:
        return False
    left = min(other.left for other in long)
    return segment.left > left - pitch and abs(segment.off(segment.nearest(long))) < NEAR_PHASE / 2


def _short(others: list[tuple[Segment, bool]], long: list[Segment], pitch: float, line_height: float) -> list[Segment]:
    """Return which of the other segments are code; each comes with whether it looks like code."""
    prose = [segment for segment, sized in others if segment.characters >= (PROSE if sized else LONG)]
    short = [segment for segment, sized in others if sized and segment not in prose]
    kept = [segment for segment in short if _fits(segment, long, pitch, line_height / 2)]
    kept += _columns([segment for segment in short if segment not in kept and segment.drawn < RULE], long)
    kept = [segment for segment in kept if not _is_beside(segment, prose, line_height / 2, BESIDE * pitch)]
    return _not_far(kept, long, FAR * line_height)


def _fits(segment: Segment, long: list[Segment], pitch: float, above: float) -> bool:
    """Return whether a short segment stands on the grid of the long one nearest to it, and not far from all of them.

    above: pixels within which two segments are of one row; before code in its own row it may stand further off.
    """
    if not long:
        return True
    left, right = min(other.left for other in long), max(other.right for other in long)
    nearest = segment.nearest(long)
    reach = pitch * (OUTSIDE_OF_ROW if abs(nearest.y - segment.y) < above else OUTSIDE)
    if not left - reach < segment.left < right + OUTSIDE * pitch:
        return False
    if segment.left > right and (segment.sure < SURE or segment.drawn > RULE):  # the map of the whole file
        return False
    is_even = segment.characters < 3 or segment.coherence > HALF
    return is_even and abs(segment.off(nearest)) < NEAR_PHASE


def _columns(segments: list[Segment], long: list[Segment]) -> list[Segment]:
    """Return short segments far outside of the long ones, where together they stand on the grid too well for chance.

    Types stand far before long names, a macro's backslashes far behind it. A side bar's words have any phase.
    """
    found = list[Segment]()
    if not long:
        return found
    left, right = min(each.left for each in long), max(each.right for each in long)
    for side in ([each for each in segments if each.right < left], [each for each in segments if each.left > right]):
        weights = np.array([each.characters for each in side])
        if weights.sum() < PROSE or len(side) < FEW_SEGMENTS:
            continue
        turns = np.array([each.off(each.nearest(long)) for each in side])
        mean = np.average(np.exp(2j * np.pi * turns), weights=weights)
        coherence = np.average([each.coherence for each in side], weights=weights)
        if min(abs(mean), coherence) > TOGETHER and abs(np.angle(mean)) < np.pi * NEAR_PHASE:
            found += side
    return found


def _is_beside(segment: Segment, others: list[Segment], above: float, aside: float) -> bool:
    """Return whether another segment stands next to this one in its row."""
    return any(
        abs(segment.y - other.y) < above and other.left - aside < segment.right and segment.left < other.right + aside
        for other in others
    )


def _not_far(short: list[Segment], long: list[Segment], far: float) -> list[Segment]:
    """Return the short segments that no large gap parts from all code: not the clock in a bar at the lower edge."""
    if not long:
        return short
    groups, last = list[list[Segment]](), -np.inf
    for segment in sorted([*short, *long], key=lambda each: each.y):
        if segment.y - last > far:
            groups.append([])
        groups[-1].append(segment)
        last = segment.y
    near = [segment for group in groups if any(each in long for each in group) for segment in group]
    return [segment for segment in short if segment in near]


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
