"""Picture -> tiles worth looking at, chosen by how many of their pixels lie on an edge.

Edges are Canny's (1986) on grey values, with the 3 × 3 Sobel operator, |gx| + |gy| and no smoothing before,
as OpenCV's default has them. The share of edge pixels that a tile needs is one number for all classes: one
chosen per class would tell the label.
"""

import numpy as np

from fusion.jit import compiled

LOW, HIGH = 100, 200  # Canny's two thresholds


def positions(size: tuple[int, int], side: int, margin: int, columns: int) -> list[tuple[int, int]]:
    """Return (left, top) of the tiles of a picture of size (width, height): `columns` of them after the margin."""
    across = [margin + i * side for i in range(columns) if margin + (i + 1) * side <= size[0]]
    down = range(0, max(size[1] - side, 0) + 1, side)
    return [(left, top) for top in down for left in across or [max(0, min(margin, size[0] - side))]]


def densities(picture: np.ndarray, at: list[tuple[int, int]], side: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (tiles,) share of each tile's pixels that lie on an edge."""
    on_edge = edges(np.ascontiguousarray(picture))
    return np.array([on_edge[top : top + side, left : left + side].mean() for left, top in at])


def choose(density: np.ndarray, least: float, count: int) -> np.ndarray:
    """Return the numbers of `count` tiles, in reading order, repeated if there are fewer.

    Of more than `count` the densest are chosen; if none reaches `least`, the densest alone.
    """
    chosen = np.flatnonzero(density >= least)
    if len(chosen) == 0:
        chosen = np.array([int(density.argmax())])
    if len(chosen) > count:
        chosen = np.sort(chosen[np.argsort(-density[chosen], kind="stable")[:count]])
    return np.resize(chosen, count)


@compiled
def edges(picture):
    """(H, W, 3) uint8 -> (H, W) uint8, 1 on an edge; the border has none."""
    height, width = picture.shape[0], picture.shape[1]
    grey = np.empty((height, width), np.int32)
    for y in range(height):
        for x in range(width):
            r, g, b = np.int32(picture[y, x, 0]), np.int32(picture[y, x, 1]), np.int32(picture[y, x, 2])
            grey[y, x] = (r * 4899 + g * 9617 + b * 1868 + 8192) >> 14
    gx, gy, strength = _gradients(grey)
    state = np.zeros((height, width), np.uint8)
    stack = np.empty((height * width, 2), np.int32)
    top = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if strength[y, x] > LOW and _is_ridge(gx, gy, strength, y, x):
                state[y, x] = 2  # maybe
                if strength[y, x] > HIGH:
                    state[y, x] = 1
                    stack[top, 0], stack[top, 1] = y, x
                    top += 1
    while top > 0:
        top -= 1
        y, x = stack[top, 0], stack[top, 1]
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                if state[y + dy, x + dx] == 2:
                    state[y + dy, x + dx] = 1
                    stack[top, 0], stack[top, 1] = y + dy, x + dx
                    top += 1
    for y in range(height):
        for x in range(width):
            state[y, x] &= 1
    return state


@compiled
def _gradients(grey):
    """Return Sobel's two derivatives and |gx| + |gy|, (H, W) int32; 0 on the border."""
    height, width = grey.shape
    gx, gy = np.zeros((height, width), np.int32), np.zeros((height, width), np.int32)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            a, b, c = grey[y - 1, x - 1], grey[y - 1, x], grey[y - 1, x + 1]
            d, f = grey[y, x - 1], grey[y, x + 1]
            g, h, i = grey[y + 1, x - 1], grey[y + 1, x], grey[y + 1, x + 1]
            gx[y, x] = c + 2 * f + i - a - 2 * d - g
            gy[y, x] = g + 2 * h + i - a - 2 * b - c
    return gx, gy, np.abs(gx) + np.abs(gy)


@compiled
def _is_ridge(gx, gy, strength, y, x):
    """Return whether no neighbour across the edge is stronger."""
    m, dx, dy = strength[y, x], gx[y, x], gy[y, x]
    ax, ay = abs(dx), abs(dy) << 15
    flat = ax * 13573  # tan(22.5°) × 2^15
    if ay < flat:
        return m > strength[y, x - 1] and m >= strength[y, x + 1]
    if ay > flat + (ax << 16):
        return m > strength[y - 1, x] and m >= strength[y + 1, x]
    s = -1 if (dx ^ dy) < 0 else 1
    return m > strength[y - 1, x - s] and m > strength[y + 1, x + s]
