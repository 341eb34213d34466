"""Geometry -> everything of a picture but its ink: background, shadow, window, controls, marked lines.

Positions are given in source pixels; edges are smoothed by how much of a drawn pixel they cover.
"""

import math
from typing import NamedTuple

import numpy as np

from fusion.jit import compiled, compiled_fastmath
from fusion.screenshots.layout import MAC, WINDOWS

up = np.uintp
MAC_COLORS = np.array([[255, 95, 86], [255, 189, 46], [39, 201, 63]], np.uint8)
FAINT = 0.002  # a shadow below this share changes no pixel


class Canvas(NamedTuple):
    """The pixels of one picture, or of a batch, to draw on."""

    pixels: np.ndarray  # flat uint8
    height: int  # in drawn pixels
    width: int
    scale_x: float  # source pixels per drawn one
    scale_y: float


@compiled
def paint_window(canvas, g, background, ground, mark, ink):
    """Fill the whole picture; `ink` is the colour of what is written in the title bar."""
    _background(canvas, g, background)
    box(canvas, g.x0, g.y0, g.x1, g.y1, g.radius, ground)
    if g.mark_y1 > g.mark_y0:
        box(canvas, g.x0, g.mark_y0, g.x1, g.mark_y1, 0.0, mark)
    u = g.unit
    middle = g.y0 + np.floor(g.bar / 2 + 3 * u)
    if g.controls == MAC:
        for i in range(3):
            x = g.x0 + (14 + 20 * i) * u
            box(canvas, x, middle - 6 * u, x + 12 * u, middle + 6 * u, 6 * u, MAC_COLORS[i])
    elif g.controls == WINDOWS:
        x = g.x1 - 84 * u
        box(canvas, x, middle - u / 2, x + 10 * u, middle + u / 2, 0.0, ink)
        x = g.x1 - 54 * u
        box(canvas, x, middle - 5 * u, x + 10 * u, middle + 5 * u, 0.0, ink)
        box(canvas, x + u, middle - 4 * u, x + 9 * u, middle + 4 * u, 0.0, ground)
        _cross(canvas, g.x1 - 19 * u, middle, 5 * u, u, ink)


@compiled
def _background(canvas, g, colors):
    """Fill what will be seen of the background, upper left colour to lower right one, and of the window's shadow."""
    out, height, width, scale_x, scale_y = canvas
    row = width * 3
    if g.radius == 0 and g.x0 <= 0 and g.y0 <= 0 and g.x1 >= width * scale_x and g.y1 >= height * scale_y:
        return
    left = min(max(math.ceil(g.x0 / scale_x), 0) + 1, width) * 3
    right = min(max(math.floor(g.x1 / scale_x), 0) - 1, width) * 3
    soft = 1 / (g.shadow_sigma * math.sqrt(2.0))
    base, down, shade = _columns(width, scale_x, g, colors, soft)
    top, bottom = g.y0 + g.shadow_drop, g.y1 + g.shadow_drop
    near = g.radius + 1 + scale_y
    plain = colors[0, 0] == colors[1, 0] and colors[0, 1] == colors[1, 1] and colors[0, 2] == colors[1, 2]
    template = -1  # where the first row without a shadow begins
    for y in range(height):
        centre = (y + 0.5) * scale_y
        along, dark = np.float32(0.5 * (centre + g.top) / g.height), np.float32(0)
        if g.shadow > 0:
            dark = np.float32(g.shadow * (_share(centre, top, soft) - _share(centre, bottom, soft)))
        hidden = g.y0 + near < centre < g.y1 - near and left < right
        stop = left if hidden else row
        if plain and dark <= FAINT and template >= 0:
            for i in range(stop):
                out[up(y * row + i)] = out[up(template + i)]
        else:
            _shaded(out, y * row, 0, stop, base, down, shade, along, dark)
            if dark <= FAINT and not hidden:
                template = y * row
        if hidden:
            _shaded(out, y * row, right, row, base, down, shade, along, dark)


@compiled
def _columns(width, scale_x, g, colors, soft):
    """Return for every byte of a row the gradient's part that goes with x, its step along y, and the shadow's part."""
    base, down = np.empty(width * 3, np.float32), np.empty(width * 3, np.float32)
    shade = np.zeros(width * 3, np.float32)
    for x in range(width):
        centre = (x + 0.5) * scale_x
        along = np.float32(0.5 * (centre + g.left) / g.width)
        dark = np.float32(0)
        if g.shadow > 0:
            dark = np.float32(_share(centre, g.x0, soft) - _share(centre, g.x1, soft))
        for c in range(3):
            step = np.float32(colors[1, c]) - np.float32(colors[0, c])
            base[3 * x + c] = colors[0, c] + step * along + np.float32(0.5)
            down[3 * x + c] = step
            shade[3 * x + c] = dark
    return base, down, shade


@compiled
def _share(centre, edge, soft):
    """Return how much of a blurred edge's far side lies at `centre`, 0 to 1; compute erf only where it matters."""
    z = (centre - edge) * soft
    return 1.0 if z > 2.5 else 0.0 if z < -2.5 else 0.5 + 0.5 * math.erf(z)


@compiled_fastmath
def _shaded(out, at, start, stop, base, down, shade, along, dark):
    """Fill part of a row of the background."""
    if dark > FAINT:
        for i in range(start, stop):
            light = np.float32(1) - shade[up(i)] * dark
            out[up(at + i)] = np.uint8(np.int32((base[up(i)] + down[up(i)] * along) * light))
    else:
        for i in range(start, stop):
            out[up(at + i)] = np.uint8(np.int32(base[up(i)] + down[up(i)] * along))


@compiled
def box(canvas, x0, y0, x1, y1, radius, color):
    """Fill a rectangle with round corners; rows that look alike are copied from the first of them."""
    out, height, width, scale_x, scale_y = canvas
    x0, x1, y0, y1 = x0 / scale_x, x1 / scale_x, y0 / scale_y, y1 / scale_y
    radius = min(radius / math.sqrt(scale_x * scale_y), (x1 - x0) / 2, (y1 - y0) / 2)
    first, last = max(0, math.floor(x0)), min(width, math.ceil(x1))
    template = -1  # where the first row without corners begins
    for y in range(max(0, math.floor(y0)), min(height, math.ceil(y1))):
        corner = y < y0 + radius or y + 1 > y1 - radius
        inset = math.ceil(radius) if corner else 0
        left, right = max(0, math.ceil(x0) + inset), min(width, math.floor(x1) - inset)
        if y < y0 or y + 1 > y1 or left >= right:
            left = right = last
        else:
            at, length = (y * width + left) * 3, (right - left) * 3
            if corner or template < 0:
                for i in range(at, at + length, 3):
                    out[i], out[i + 1], out[i + 2] = color[0], color[1], color[2]
                template = -1 if corner else at
            else:
                for i in range(length):
                    out[up(at + i)] = out[up(template + i)]
        for x in range(first, left):
            _mix(out, (y * width + x) * 3, _cover(x, y, x0, y0, x1, y1, radius), color)
        for x in range(right, last):
            _mix(out, (y * width + x) * 3, _cover(x, y, x0, y0, x1, y1, radius), color)


@compiled
def _cover(x, y, x0, y0, x1, y1, radius):
    """Return the share of one drawn pixel that a box covers; at a round corner by the distance from its arc."""
    dx = max(x0 + radius - x - 0.5, x + 0.5 - x1 + radius)
    dy = max(y0 + radius - y - 0.5, y + 0.5 - y1 + radius)
    if radius > 0 and dx > 0 and dy > 0:
        return min(max(radius - math.sqrt(dx * dx + dy * dy) + 0.5, 0.0), 1.0)
    return (min(x + 1.0, x1) - max(float(x), x0)) * (min(y + 1.0, y1) - max(float(y), y0))


@compiled
def _mix(out, p, cover, color):
    """Blend a colour into the pixel at p by the share that it covers."""
    if cover > 0:
        for c in range(3):
            out[p + c] = np.uint8(cover * color[c] + (1 - cover) * out[p + c] + 0.5)


@compiled
def _cross(canvas, x, y, half, thick, color):
    """Draw two diagonal strokes around (x, y)."""
    out, height, width, scale_x, scale_y = canvas
    first, last = max(0, math.floor((x - half) / scale_x)), min(width, math.ceil((x + half) / scale_x))
    for row in range(max(0, math.floor((y - half) / scale_y)), min(height, math.ceil((y + half) / scale_y))):
        for column in range(first, last):
            dx, dy = (column + 0.5) * scale_x - x, (row + 0.5) * scale_y - y
            apart = abs(abs(dx) - abs(dy)) / math.sqrt(2.0)
            cover = min(max((thick / 2 - apart) / scale_x + 0.5, 0.0), 1.0)
            _mix(out, (row * width + column) * 3, cover, color)
