"""Scenes of the renderer -> what the network is to say of each cell of their pictures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion.jit import compiled
from fusion.reading.alphabet import CELL_HEIGHT, CELL_WIDTH, LINE_HEIGHT, PITCH, WIDE
from fusion.reading.view import View
from fusion.screenshots import layout
from fusion.screenshots.charset import BOX
from fusion.screenshots.painter import Painter, Scene
from fusion.screenshots.themes import LINE_NUMBER, TITLE

ABOVE = 0.3  # ems, from the baseline up to the middle of a character
HALF = 0.42  # ems, from there to its upper and its lower end
PITCH_OF_EM = 0.6  # of text whose characters are not of one width
CODE_ROLE, NUMBER_ROLE, TITLE_ROLE = 0, 1, 2


class Targets(NamedTuple):
    """One batch; h rows and w columns of cells."""

    classes: np.ndarray  # (B, h, w) int64
    sizes: np.ndarray  # (B, 4, h, w) float32, where a character stands
    roles: np.ndarray  # (B, h, w) int64: 0 code, 1 a line number, 2 a title or other text of an interface


def cells(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of cells in a picture."""
    return height // CELL_HEIGHT, width // CELL_WIDTH


def blank_targets(count: int, shape: tuple[int, int]) -> Targets:
    """Return the targets of so many pictures of `shape` (H, W) pixels in which nothing stands."""
    h, w = cells(*shape)
    return Targets(
        np.zeros((count, h, w), np.int64), np.zeros((count, 4, h, w), np.float32), np.zeros((count, h, w), np.int64)
    )


def targets(painter: Painter, scene: Scene, zoom: float, shape: tuple[int, int], view: View | None = None) -> Targets:
    """Return the targets of pictures of `shape` (H, W) pixels; zoom: source pixels to a pixel of them.

    view: how a camera sees the pictures, in their pixels.
    """
    out = blank_targets(len(scene), shape)
    ems = scene.columns["font_size"] * scene.columns["scale"]
    for row, g in enumerate(scene.geometry):
        sprites = painter.sprites(scene, row)
        slot, kind = sprites[:, layout.SLOT], sprites[:, layout.CLASS]
        wide = sprites[:, layout.CELLS] == 2
        width = np.where(wide, 2, 1) * g["advance"]
        boxes = np.stack([sprites[:, layout.X] + width / 2, sprites[:, layout.Y] - ABOVE * ems[row], width], 1)
        inside = (boxes[:, 0] > max(g["x0"], 0)) & (boxes[:, 0] < min(g["x1"], g["width"]))
        inside &= (boxes[:, 1] > max(g["y0"], 0)) & (boxes[:, 1] < min(g["y1"], g["height"])) & (slot > 0)
        classes = np.where(wide & (slot == BOX), WIDE, slot)
        roles = np.where(kind == LINE_NUMBER, NUMBER_ROLE, np.where(kind == TITLE, TITLE_ROLE, 0))
        sizes = np.array([g["advance"], g["line_height"], HALF * ems[row]]) / zoom
        aims = (out.classes[row], out.sizes[row], out.roles[row])
        _fill(*_seen(boxes[inside] / zoom, sizes, view), classes[inside], roles[inside], *aims)
    return out


def _seen(boxes: np.ndarray, sizes: np.ndarray, view: View | None) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 3) and sizes (3,) of a flat picture -> boxes (N, 3) and sizes (N, 3) as they are seen."""
    each = np.tile(sizes, (len(boxes), 1))
    if view is None:
        return boxes, each
    growth = view.growth(boxes[:, :2])  # (N, 2)
    moved = np.column_stack([view.moved(boxes[:, :2]), boxes[:, 2] * growth[:, 0]])
    return moved, each * growth[:, [0, 1, 1]]


def cover(classes: np.ndarray, areas: Sequence[tuple[int, int, int, int]], zoom: float) -> None:
    """Blank the cells (h, w) that areas of source pixels (left, top, right, bottom) lie over."""
    for left, top, right, bottom in areas:
        rows = slice(round(top / zoom / CELL_HEIGHT), round(bottom / zoom / CELL_HEIGHT))
        classes[rows, round(left / zoom / CELL_WIDTH) : round(right / zoom / CELL_WIDTH)] = 0


def fill_written(
    boxes: np.ndarray, slots: np.ndarray, em: float, line_height: float, zoom: float, aims: Sequence[np.ndarray],
    role: int,
) -> None:  # fmt: skip
    """Write characters that stand on no grid, (N, 3) boxes of source pixels, to one picture's targets."""
    sizes = np.array([PITCH_OF_EM * em, line_height, HALF * em]) / zoom
    if len(boxes):
        _fill(*_seen(boxes / zoom, sizes, None), slots, np.full(len(slots), role), *aims)


@compiled
def _fill(boxes, sizes, classes, roles, out_classes, out_sizes, out_roles):
    """Write every character to the cells whose middle it covers, to the nearest one at least."""
    h, w = out_classes.shape
    for n in range(len(boxes)):
        x, y, width = boxes[n]
        pitch, line_height, half = sizes[n]
        log_pitch, log_height = np.log(pitch / PITCH), np.log(line_height / LINE_HEIGHT)
        left = int(np.ceil((x - width / 2) / CELL_WIDTH - 0.5))
        right = int(np.ceil((x + width / 2) / CELL_WIDTH - 0.5)) - 1
        top = int(np.ceil((y - half) / CELL_HEIGHT - 0.5))
        bottom = int(np.ceil((y + half) / CELL_HEIGHT - 0.5)) - 1
        if right < left:
            left = right = int(x // CELL_WIDTH)
        if bottom < top:
            top = bottom = int(y // CELL_HEIGHT)
        for row in range(max(top, 0), min(bottom, h - 1) + 1):
            for column in range(max(left, 0), min(right, w - 1) + 1):
                out_classes[row, column] = classes[n]
                out_roles[row, column] = roles[n]
                out_sizes[0, row, column] = (x - (column + 0.5) * CELL_WIDTH) / pitch
                out_sizes[1, row, column] = (y - (row + 0.5) * CELL_HEIGHT) / line_height
                out_sizes[2, row, column] = log_pitch
                out_sizes[3, row, column] = log_height
