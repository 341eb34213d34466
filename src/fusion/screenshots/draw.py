"""Geometry and sprites -> pixels: a batch of pictures in one call that holds no lock.

Exact drawing (scale 1) gives what Pillow gives when it draws the same characters one by one; the difference is 0.
With a scale the same picture is drawn smaller at once, as if it had been drawn exactly and averaged by area.
"""

import math

import numba
import numpy as np

from fusion.screenshots.glyphs import BLOCK, BLOCKS, LEFT, ROWS, START, TOP, WIDTH
from fusion.screenshots.layout import CLASS, MAC, SLOT, WINDOWS, X, Y, place

u16, u32, up = np.uint16, np.uint32, np.uintp
MAC_COLORS = np.array([[255, 95, 86], [255, 189, 46], [39, 201, 63]], np.uint8)
PATTERN = 3 * BLOCK  # bytes after which red, green, blue and blocks fall together again
FAINT = 0.002  # a shadow below this share changes no pixel


@numba.njit(nogil=True, cache=True)
def draw_batch(
    out, height, width, scale_x, scale_y, phases, geometry, points, classes, offsets, table, alpha,
    grounds, marks, inks, faces, backgrounds, titles, slots, cells,
):  # fmt: skip
    """(B,) geometry and the texts' code points -> out, flat uint8 of B × height × width × 3."""
    bytes_each = height * width * 3
    for b in range(geometry.shape[0]):
        g = geometry[b]
        image = out[b * bytes_each : (b + 1) * bytes_each]
        most = 2 * (offsets[b + 1] - offsets[b])
        sprites = np.empty(
            (min(most, (g.rows + 1) * (g.columns + 2)) + 12 * (g.rows + 2) + titles.shape[1], 6), np.int32
        )
        count = place(points, classes, offsets[b], offsets[b + 1], g, titles, slots, cells, sprites)
        _ground(image, height, width, scale_x, scale_y, g, backgrounds[g.background])
        _window(image, height, width, scale_x, scale_y, g, grounds[g.theme], marks[g.theme], inks[g.theme])
        _ink(
            image,
            height,
            width,
            scale_x,
            scale_y,
            phases,
            g,
            sprites[:count],
            table,
            alpha,
            inks[g.theme],
            faces[g.theme],
        )


@numba.njit(nogil=True, cache=True)
def _share(centre, edge, soft):
    """How much of a blurred edge's far side lies at `centre`: 0 to 1; erf is asked only where it matters."""
    z = (centre - edge) * soft
    return 1.0 if z > 2.5 else 0.0 if z < -2.5 else 0.5 + 0.5 * math.erf(z)


@numba.njit(nogil=True, cache=True)
def _columns(width, scale_x, g, colors, soft):
    """Every byte of a row -> the gradient's part that goes with x, its step for each row, the shadow's part."""
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


@numba.njit(nogil=True, cache=True)
def _ground(out, height, width, scale_x, scale_y, g, colors):
    """The background, upper left colour to lower right one, and the window's shadow, where they will be seen."""
    row = width * 3
    if g.radius == 0 and g.x0 <= 0 and g.y0 <= 0 and g.x1 >= width * scale_x and g.y1 >= height * scale_y:
        return
    left = min(max(math.ceil(g.x0 / scale_x), 0) + 1, width) * 3
    right = min(max(math.floor(g.x1 / scale_x), 0) - 1, width) * 3
    soft = 1 / (g.shadow_sigma * math.sqrt(2.0))
    base, down, shade = _columns(width, scale_x, g, colors, soft)
    top, bottom = g.y0 + g.shadow_drop, g.y1 + g.shadow_drop
    for y in range(height):
        centre = (y + 0.5) * scale_y
        along, dark = np.float32(0.5 * (centre + g.top) / g.height), np.float32(0)
        if g.shadow > 0:
            dark = np.float32(g.shadow * (_share(centre, top, soft) - _share(centre, bottom, soft)))
        near = g.radius + 1 + scale_y
        hidden = g.y0 + near < centre < g.y1 - near and left < right
        _shaded(out, y * row, 0, left if hidden else row, base, down, shade, along, dark)
        if hidden:
            _shaded(out, y * row, right, row, base, down, shade, along, dark)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _shaded(out, at, start, stop, base, down, shade, along, dark):
    """Part of a row of the background."""
    if dark > FAINT:
        for i in range(start, stop):
            light = np.float32(1) - shade[up(i)] * dark
            out[up(at + i)] = np.uint8(np.int32((base[up(i)] + down[up(i)] * along) * light))
    else:
        for i in range(start, stop):
            out[up(at + i)] = np.uint8(np.int32(base[up(i)] + down[up(i)] * along))


@numba.njit(nogil=True, cache=True)
def _window(out, height, width, scale_x, scale_y, g, ground, mark, inks):
    box(
        out,
        height,
        width,
        scale_x,
        scale_y,
        g.x0,
        g.y0,
        g.x1,
        g.y1,
        g.radius,
        ground[0],
        ground[1],
        ground[2],
    )
    u = g.unit
    middle = g.y0 + np.floor(g.bar / 2 + 3 * u)
    if g.mark_y1 > g.mark_y0:
        box(
            out,
            height,
            width,
            scale_x,
            scale_y,
            g.x0,
            g.mark_y0,
            g.x1,
            g.mark_y1,
            0.0,
            mark[0],
            mark[1],
            mark[2],
        )
    if g.controls == MAC:
        for i in range(3):
            x = g.x0 + (14 + 20 * i) * u
            r, green, b = MAC_COLORS[i, 0], MAC_COLORS[i, 1], MAC_COLORS[i, 2]
            box(
                out,
                height,
                width,
                scale_x,
                scale_y,
                x,
                middle - 6 * u,
                x + 12 * u,
                middle + 6 * u,
                6 * u,
                r,
                green,
                b,
            )
    elif g.controls == WINDOWS:
        color = inks[inks.shape[0] - 1]
        r, green, b = color[0], color[1], color[2]
        x = g.x1 - 84 * u
        box(
            out,
            height,
            width,
            scale_x,
            scale_y,
            x,
            middle - u / 2,
            x + 10 * u,
            middle + u / 2,
            0.0,
            r,
            green,
            b,
        )
        x = g.x1 - 54 * u
        box(
            out,
            height,
            width,
            scale_x,
            scale_y,
            x,
            middle - 5 * u,
            x + 10 * u,
            middle + 5 * u,
            0.0,
            r,
            green,
            b,
        )
        r, green, b = ground[0], ground[1], ground[2]
        box(
            out,
            height,
            width,
            scale_x,
            scale_y,
            x + u,
            middle - 4 * u,
            x + 9 * u,
            middle + 4 * u,
            0.0,
            r,
            green,
            b,
        )
        _cross(out, height, width, scale_x, scale_y, g.x1 - 19 * u, middle, 5 * u, u, color)


@numba.njit(nogil=True, cache=True)
def box(out, height, width, scale_x, scale_y, x0, y0, x1, y1, radius, red, green, blue):
    """A filled rectangle with round corners, given in source pixels, its edges smoothed."""
    x0, x1, y0, y1 = x0 / scale_x, x1 / scale_x, y0 / scale_y, y1 / scale_y
    radius = min(radius / math.sqrt(scale_x * scale_y), (x1 - x0) / 2, (y1 - y0) / 2)
    round_ = math.ceil(radius)
    first, last = max(0, math.floor(x0)), min(width, math.ceil(x1))
    if first >= last:
        return
    template = -1
    for y in range(max(0, math.floor(y0)), min(height, math.ceil(y1))):
        whole = y >= y0 and y + 1 <= y1
        corner = y < y0 + round_ or y + 1 > y1 - round_
        inset = 0 if not corner else round_
        left, right = max(0, math.ceil(x0) + inset), min(width, math.floor(x1) - inset)
        if not whole:
            left = right = last
        elif left < right:
            template = _run(
                out, width, y, left, right, template if not corner else -1, red, green, blue, not corner
            )
        else:
            left = right = last
        for x in range(first, left):
            _edge(out, width, x, y, x0, y0, x1, y1, radius, red, green, blue)
        for x in range(right, last):
            _edge(out, width, x, y, x0, y0, x1, y1, radius, red, green, blue)


@numba.njit(nogil=True, cache=True)
def _run(out, width, y, left, right, template, red, green, blue, keep):
    """Fills part of a row; copies it from the row that was kept, if there is one. -> the kept row's offset, or -1."""
    at = (y * width + left) * 3
    length = (right - left) * 3
    if template >= 0:
        for i in range(length):
            out[up(at + i)] = out[up(template + i)]
        return template
    for i in range(0, length, 3):
        out[at + i], out[at + i + 1], out[at + i + 2] = red, green, blue
    return at if keep else -1


@numba.njit(nogil=True, cache=True)
def _edge(out, width, x, y, x0, y0, x1, y1, radius, red, green, blue):
    """One pixel at the edge of a box, mixed by how much of it is covered."""
    if (
        radius > 0
        and (x + 0.5 < x0 + radius or x + 0.5 > x1 - radius)
        and (y + 0.5 < y0 + radius or y + 0.5 > y1 - radius)
    ):
        dx = max(x0 + radius - x - 0.5, x + 0.5 - x1 + radius)
        dy = max(y0 + radius - y - 0.5, y + 0.5 - y1 + radius)
        cover = min(max(radius - math.sqrt(dx * dx + dy * dy) + 0.5, 0.0), 1.0)
    else:
        cover = (min(x + 1.0, x1) - max(float(x), x0)) * (min(y + 1.0, y1) - max(float(y), y0))
    _mix(out, (y * width + x) * 3, cover, red, green, blue)


@numba.njit(nogil=True, cache=True)
def _mix(out, p, cover, red, green, blue):
    if cover > 0:
        out[p] = np.uint8(cover * red + (1 - cover) * out[p] + 0.5)
        out[p + 1] = np.uint8(cover * green + (1 - cover) * out[p + 1] + 0.5)
        out[p + 2] = np.uint8(cover * blue + (1 - cover) * out[p + 2] + 0.5)


@numba.njit(nogil=True, cache=True)
def _cross(out, height, width, scale_x, scale_y, x, y, half, thick, color):
    """Two diagonal strokes around (x, y), in source pixels."""
    for row in range(max(0, math.floor((y - half) / scale_y)), min(height, math.ceil((y + half) / scale_y))):
        for column in range(
            max(0, math.floor((x - half) / scale_x)), min(width, math.ceil((x + half) / scale_x))
        ):
            dx, dy = (column + 0.5) * scale_x - x, (row + 0.5) * scale_y - y
            apart = abs(abs(dx) - abs(dy)) / math.sqrt(2.0)
            cover = min(max((thick / 2 - apart) / scale_x + 0.5, 0.0), 1.0)
            _mix(out, (row * width + column) * 3, cover, color[0], color[1], color[2])


@numba.njit(nogil=True, cache=True)
def _ink(out, height, width, scale_x, scale_y, phases, g, sprites, table, alpha, inks, faces):
    """Adds every sprite's tile in its class's colour, cut at the window's edges."""
    row = width * 3
    pattern = np.empty(inks.shape[0] * PATTERN, np.uint8)  # red, green, blue, red ... of every class
    for k in range(inks.shape[0]):
        for i in range(k * PATTERN, (k + 1) * PATTERN, 3):
            pattern[i], pattern[i + 1], pattern[i + 2] = inks[k, 0], inks[k, 1], inks[k, 2]
    clip_x0, clip_x1 = max(0, math.ceil(g.x0 / scale_x)), min(width, math.floor(g.x1 / scale_x))
    clip_y0, clip_y1 = max(0, math.ceil(g.y0 / scale_y)), min(height, math.floor(g.y1 / scale_y))
    for s in range(sprites.shape[0]):
        x, y = sprites[s, X] / scale_x, sprites[s, Y] / scale_y
        left, top = math.floor(x), math.floor(y)
        phase_x, phase_y = int((x - left) * phases + 0.5), int((y - top) * phases + 0.5)
        if phase_x == phases:
            phase_x, left = 0, left + 1
        if phase_y == phases:
            phase_y, top = 0, top + 1
        k = sprites[s, CLASS]
        tile = (
            ((g.entry * 4 + faces[k]) * 256 + sprites[s, SLOT]) * phases * phases + phase_y * phases + phase_x
        )
        t = table[tile]
        rows, blocks = t[ROWS], t[BLOCKS]
        left, top = left + t[LEFT], top + t[TOP]
        at = top * row + left * 3
        end = at + (rows - 1) * row + blocks * BLOCK
        inside = left >= clip_x0 and left + t[WIDTH] <= clip_x1 and top >= clip_y0 and top + rows <= clip_y1
        start = np.int64(t[START]) * BLOCK
        if inside and end <= height * row:
            _add(out, at, row, rows, blocks, alpha, start, pattern, k * PATTERN)
        else:
            clip = (clip_x0, clip_y0, clip_x1, clip_y1)
            _add_cut(out, top, left, row, rows, blocks, t[WIDTH], alpha, start, inks[k], clip)


@numba.njit(nogil=True, cache=True)
def _add(out, at, row, rows, blocks, alpha, start, pattern, color):
    """The fast way: whole blocks of 32 bytes. Blends as Pillow does: t = a·ink + (255 - a)·below + 128, (t + t/256)/256."""
    for _ in range(rows):
        for block in range(blocks):
            p, q = at + block * BLOCK, color + block % 3 * BLOCK
            for i in range(BLOCK):
                a = u16(alpha[up(start + i)])
                t = u16(u16(a * u16(pattern[up(q + i)])) + u16(u16(255) - a) * u16(out[up(p + i)])) + u16(128)
                t = u16(t)
                out[up(p + i)] = np.uint8(u16(t + (t >> u16(8))) >> u16(8))
            start += BLOCK
        at += row


@numba.njit(nogil=True, cache=True)
def _add_cut(out, top, left, row, rows, blocks, columns, alpha, start, color, clip):
    """The careful way: pixel by pixel, only those inside (x0, y0, x1, y1)."""
    for y in range(max(top, clip[1]), min(top + rows, clip[3])):
        line = start + (y - top) * blocks * BLOCK
        for x in range(max(left, clip[0]), min(left + columns, clip[2])):
            a = u32(alpha[line + 3 * (x - left)])
            for c in range(3):
                p = y * row + 3 * x + c
                t = a * u32(color[c]) + (u32(255) - a) * u32(out[p]) + u32(128)
                out[p] = np.uint8((t + (t >> u32(8))) >> u32(8))
