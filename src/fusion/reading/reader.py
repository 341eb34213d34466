"""A picture (H, W, 3) uint8 -> Transcript: the text in it, read by the recognizer that fusion ships."""

import re
import threading
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fusion.reading.cells import Cells, inked, place
from fusion.reading.decode import decode
from fusion.reading.lines import assemble
from fusion.reading.recognizer import CELL_HEIGHT, CHARACTERS, PITCH, Recognizer
from fusion.reading.row import Grid
from fusion.reading.scale import BEST, LARGEST, WIDER, find_zoom, scaled, trimmed
from fusion.reading.transcript import Transcript
from fusion.weights import shipped_weights

STRIP, AROUND = 512, 64  # pixels that are read at once from the top down, and seen beside them
MOST_PIXELS = 24_000_000  # that are read of one picture; a larger one is made smaller
MOST_CELLS = 300_000  # inked ones, a kilobyte each: a hundred times a usual screenshot
FAR_OFF = 1.25  # of the best pitch, up or down, from which code is read again
NOTHING = "no text was found in the picture"
LEAST = 0.72  # mean confidence from which something is taken for text that can be read
FEW, WORDS = 3, 0.2  # characters that are no code yet; share of letters and digits that any code has
WRITTEN = r"\S(?: ?\S){11}"  # a piece of a line without gaps that text on no grid has at least once
_LOADING = threading.Lock()


def read_picture(picture: np.ndarray) -> Transcript:
    """(H, W, 3) uint8 -> what stands in the picture. Raises UserError where the shipped weights are damaged."""
    net = _load()
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


def _at_best(net: Recognizer, picture: np.ndarray, grid: Grid, zoom: float) -> tuple[Grid, float]:
    """Return what is read, and at which scale: anew where the first look saw text much larger or smaller than code."""
    best = BEST if grid.is_even else WIDER
    if best / FAR_OFF < grid.pitch < best * FAR_OFF:
        return grid, zoom
    most = (MOST_PIXELS / (picture.shape[0] * picture.shape[1])) ** 0.5
    other = min(zoom * best / grid.pitch, LARGEST, most)
    again = decode(find_cells(net, scaled(picture, other)), grid.pitch * other / zoom if grid.is_even else None)
    return (grid, zoom) if again is None else (again, other)


def _load() -> Recognizer:
    with _LOADING:  # two threads would load it twice
        return _shipped()


@lru_cache(maxsize=1)
def _shipped() -> Recognizer:
    from safetensors.torch import load_file

    path, _ = shipped_weights("reader")
    return folded(restored(load_file(path)))


def restored(weights: dict[str, torch.Tensor]) -> Recognizer:
    """Return the recognizer with these weights, ready to read."""
    net = Recognizer()
    net.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    )
    return net.eval().to(memory_format=torch.channels_last)


def folded(net: Recognizer) -> Recognizer:
    """Return the network with each normalisation made part of the convolution before it: a seventh less to do."""
    for layers in list(net.modules()):
        match list(layers.children()):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as normalisation, *_] if isinstance(
                layers, nn.Sequential
            ):
                layers[0], layers[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()
    return net.to(memory_format=torch.channels_last)


@torch.no_grad()
def find_cells(net: Recognizer, picture: np.ndarray) -> Cells:
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


def _cells_of(net: Recognizer, strip: np.ndarray, own: slice, above: int) -> Cells:
    """Return the inked cells of a strip's own rows. above: rows of cells before the strip."""
    maps = net(torch.from_numpy(strip.copy())[None])  # a copy, for a given picture may not be written to
    ink = maps.ink[0, own].sigmoid().numpy()  # (h, w)
    rows, columns = inked(ink)
    hidden = maps.hidden[0, :, own].permute(1, 2, 0)[rows, columns]  # (N, hidden)
    characters = net.characters(hidden).log_softmax(1).numpy()
    sizes, roles = maps.sizes[0, :, own].numpy(), maps.roles[0, :, own].sigmoid().numpy()
    at = (rows + own.start + above, columns)
    return place(at, ink[rows, columns], sizes[:, rows, columns], characters, roles[:, rows, columns])


def join(parts: list[Cells]) -> Cells:
    """Return the cells of all parts together."""
    if not parts:
        empty: Any = np.zeros(0)
        return Cells(empty, empty, empty, empty, empty, empty, np.zeros((0, len(CHARACTERS))), np.zeros((0, 2)))
    names = Cells.__dataclass_fields__
    return Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _look(net: Recognizer, part: np.ndarray) -> tuple[float, float, int]:
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
