"""A picture (H, W, 3) uint8 -> Transcript: the text in it, read by the recognizer that fusion ships."""

import re
from typing import Any, Protocol

import numpy as np

from fusion.reading.alphabet import CELL_HEIGHT, CHARACTERS, PITCH
from fusion.reading.cells import CellMaps, Cells, inked, place
from fusion.reading.decode import decode
from fusion.reading.lines import assemble
from fusion.reading.row import Grid
from fusion.reading.scale import BEST, LARGEST, WIDER, find_zoom, scaled, trimmed
from fusion.reading.transcript import Transcript

STRIP, AROUND = 512, 64  # pixels that are read at once from the top down, and seen beside them
MOST_PIXELS = 24_000_000  # that are read of one picture; a larger one is made smaller
MOST_CELLS = 300_000  # inked ones, a kilobyte each: a hundred times a usual screenshot
FAR_OFF = 1.25  # of the best pitch, up or down, from which code is read again
NOTHING = "no text was found in the picture"
LEAST = 0.72  # mean confidence from which something is taken for text that can be read
FEW, WORDS = 3, 0.2  # characters that are no code yet; share of letters and digits that any code has
WRITTEN = r"\S(?: ?\S){11}"  # a piece of a line without gaps that text on no grid has at least once


class Network(Protocol):
    """The recognizer, whatever runs it (network.py does by torch)."""

    def look(self, strip: np.ndarray) -> CellMaps:
        """(H, W, 3) uint8, both sides whole cells -> what stands in each cell."""
        ...

    def characters(self, hidden: np.ndarray) -> np.ndarray:
        """Hidden values (N, hidden) of some cells -> log-probabilities of their characters (N, CLASSES)."""
        ...


def read_picture(picture: np.ndarray, net: Network | None = None) -> Transcript:
    """(H, W, 3) uint8 -> what stands in the picture.

    net: None is the one that fusion ships, run by torch. Raises UserError where its weights are damaged.
    """
    if net is None:
        from fusion.reading.network import shipped_network

        net = shipped_network()
    height, width = picture.shape[:2]
    inner, left, top = trimmed(picture)
    zoom = find_zoom(inner, lambda part: _look(net, part)) if inner.size else 0.0
    if not zoom:
        return Transcript((), width, height, reason=NOTHING)
    zoom = min(zoom, (MOST_PIXELS / (height * width)) ** 0.5)
    cells = find_cells(net, scaled(inner, zoom))
    if len(cells) > MOST_CELLS:
        return Transcript((), width, height, reason="the picture is full of what is no text")
    grid = decode(cells)
    if grid is None:
        return Transcript((), width, height, reason=NOTHING)
    grid, zoom = _at_best(net, inner, grid, zoom)
    lines = assemble(grid, zoom, left, top)
    if not grid.is_even and not any(re.search(WRITTEN, line.text) for line in lines):  # labels of a chart
        return Transcript((), width, height, reason=NOTHING)
    transcript = Transcript(lines, width, height, grid.pitch / zoom, grid.line_height / zoom)
    return Transcript(lines, width, height, transcript.pitch, transcript.line_height, _reason(transcript))


def _at_best(net: Network, picture: np.ndarray, grid: Grid, zoom: float) -> tuple[Grid, float]:
    """Return what is read, and at which scale: anew where the first look saw text much larger or smaller than code."""
    best = BEST if grid.is_even else WIDER
    if best / FAR_OFF < grid.pitch < best * FAR_OFF:
        return grid, zoom
    most = (MOST_PIXELS / (picture.shape[0] * picture.shape[1])) ** 0.5
    other = min(zoom * best / grid.pitch, LARGEST, most)
    again = decode(find_cells(net, scaled(picture, other)), grid.pitch * other / zoom if grid.is_even else None)
    return (grid, zoom) if again is None else (again, other)


def find_cells(net: Network, picture: np.ndarray) -> Cells:
    """(H, W, 3) uint8, sides of whole cells -> the inked cells, read strip by strip so that memory stays small."""
    height, parts = picture.shape[0], []
    for top in range(0, height, STRIP):
        first, last = max(0, top - AROUND), min(height, top + STRIP + AROUND)
        strip = picture[first:last]
        if (strip == strip[:1, :1]).all():
            continue
        own = slice((top - first) // CELL_HEIGHT, (min(top + STRIP, height) - first) // CELL_HEIGHT)
        parts.append(_cells_of(net, strip, own, first // CELL_HEIGHT))
        if sum(map(len, parts)) > MOST_CELLS:
            break
    return join(parts)


def _cells_of(net: Network, strip: np.ndarray, own: slice, above: int) -> Cells:
    """Return the inked cells of a strip's own rows. above: rows of cells before the strip."""
    maps = net.look(strip)
    rows, columns = inked(maps.ink[own])
    rows = rows + own.start
    characters = net.characters(maps.hidden[rows, columns])
    at = (rows + above, columns)
    return place(at, maps.ink[rows, columns], maps.sizes[:, rows, columns], characters, maps.roles[:, rows, columns])


def join(parts: list[Cells]) -> Cells:
    """Return the cells of all parts together."""
    if not parts:
        empty: Any = np.zeros(0)
        return Cells(empty, empty, empty, empty, empty, empty, np.zeros((0, len(CHARACTERS))), np.zeros((0, 2)))
    names = Cells.__dataclass_fields__
    return Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _look(net: Network, part: np.ndarray) -> tuple[float, float, int]:
    """Return how surely a part is read, the pitch in it, and how many cells have ink."""
    cells = find_cells(net, part)
    if not len(cells):
        return 0.0, PITCH, 0
    sure = np.exp(cells.characters.max(1)) * cells.ink
    return float(sure.mean()), float(np.median(cells.pitch)), len(cells)


def _reason(transcript: Transcript) -> str:
    """Return why what was read is not taken for code, or nothing."""
    facts, seen = transcript.facts(), "".join(transcript.text.split())
    words = sum(character.isalnum() for character in seen)
    if facts["characters"] < FEW or words < WORDS * len(seen):  # edges of shapes are taken for strokes
        return NOTHING
    if facts["confidence"] < LEAST:
        return f"what stands in the picture cannot be read as code (mean confidence {facts['confidence']:.2f})"
    return ""
