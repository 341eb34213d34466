"""Geometry and sprites -> pixels: a batch of pictures in one call that holds no lock.

Exact drawing (scale 1) gives what Pillow gives when it draws the same characters one by one: difference 0.
With a scale the same picture is drawn smaller at once, as if it had been drawn exactly and averaged by area.
"""

import math
from typing import NamedTuple

import numpy as np

from fusion.jit import compiled
from fusion.screenshots.atlas import BLOCK, BLOCKS, LEFT, ROWS, START, TOP, WIDTH
from fusion.screenshots.layout import CLASS, SLOT, X, Y, place
from fusion.screenshots.window import Canvas, paint_window

u16, u32, up = np.uint16, np.uint32, np.uintp
PATTERN = 3 * BLOCK  # bytes after which red, green, blue and blocks fall together again


class Texts(NamedTuple):
    """The texts of a batch, one after the other."""

    points: np.ndarray  # (characters,) uint32
    classes: np.ndarray  # (characters,) uint8
    offsets: np.ndarray  # (B + 1,) where each text begins


class Glyphs(NamedTuple):
    """The tiles of an atlas."""

    table: np.ndarray  # (tiles, 6) int32
    alpha: np.ndarray  # flat uint8
    phases: int  # sub-pixel positions along each side


class Tables(NamedTuple):
    """Colours of every theme and background, and the slots of titles and characters."""

    grounds: np.ndarray  # (themes, 3) uint8
    marks: np.ndarray  # (themes, 3) uint8
    inks: np.ndarray  # (themes, INKS, 3) uint8
    faces: np.ndarray  # (themes, INKS) uint8
    backgrounds: np.ndarray  # (backgrounds, 2, 3) uint8
    titles: np.ndarray  # (titles, longest) uint8
    slots: np.ndarray  # (65536,) uint8
    cells: np.ndarray  # (65536,) uint8


@compiled
def draw_batch(canvas, geometry, texts, glyphs, tables):
    """(B,) geometry and its texts -> the canvas, whose pixels are flat uint8 of B × height × width × 3."""
    size, offsets = canvas.height * canvas.width * 3, texts.offsets
    for b in range(geometry.shape[0]):
        g = geometry[b]
        pixels = canvas.pixels[b * size : (b + 1) * size]
        picture = Canvas(pixels, canvas.height, canvas.width, canvas.scale_x, canvas.scale_y)
        visible = min(2 * (offsets[b + 1] - offsets[b]), (g.rows + 1) * (g.columns + 2))
        sprites = np.empty((visible + 12 * (g.rows + 2) + tables.titles.shape[1], 6), np.int32)
        count = place(
            texts.points, texts.classes, offsets[b], offsets[b + 1], g, tables.titles, tables.slots, tables.cells,
            sprites,
        )  # fmt: skip
        inks, ground, mark = tables.inks[g.theme], tables.grounds[g.theme], tables.marks[g.theme]
        paint_window(picture, g, tables.backgrounds[g.background], ground, mark, inks[-1])
        _ink(picture, g, sprites[:count], glyphs, inks, tables.faces[g.theme])


@compiled
def _ink(canvas, g, sprites, glyphs, inks, faces):
    """Add every sprite's tile in its class's colour, cut at the window's edges."""
    out, height, width, scale_x, scale_y = canvas
    table, alpha, phases = glyphs
    row, across, down = width * 3, 1 / scale_x, 1 / scale_y
    patterns = _patterns(inks)
    x0, x1 = max(0, math.ceil(g.x0 / scale_x)), min(width, math.floor(g.x1 / scale_x))
    y0, y1 = max(0, math.ceil(g.y0 / scale_y)), min(height, math.floor(g.y1 / scale_y))
    for s in range(sprites.shape[0]):
        left, phase_x = _position(sprites[s, X] * across, phases)
        top, phase_y = _position(sprites[s, Y] * down, phases)
        k = sprites[s, CLASS]
        glyph = (g.entry * 4 + faces[k]) * 256 + sprites[s, SLOT]
        t = table[(glyph * phases + phase_y) * phases + phase_x]
        rows, blocks, columns, start = t[ROWS], t[BLOCKS], t[WIDTH], np.int64(t[START]) * BLOCK
        left, top = left + t[LEFT], top + t[TOP]
        at = top * row + left * 3
        inside = left >= x0 and left + columns <= x1 and top >= y0 and top + rows <= y1
        if inside and at + (rows - 1) * row + blocks * BLOCK <= height * row:
            _blend(out, at, row, rows, blocks, alpha, start, patterns, k * PATTERN)
        else:
            _blend_clipped(out, top, left, row, rows, blocks, columns, alpha, start, inks[k], (x0, y0, x1, y1))


@compiled
def _patterns(inks):
    """(classes, 3) colours -> flat uint8: red, green, blue, red ... of every class, PATTERN bytes each."""
    patterns = np.empty(inks.shape[0] * PATTERN, np.uint8)
    for k in range(inks.shape[0]):
        for i in range(k * PATTERN, (k + 1) * PATTERN, 3):
            patterns[i], patterns[i + 1], patterns[i + 2] = inks[k, 0], inks[k, 1], inks[k, 2]
    return patterns


@compiled
def _position(x, phases):
    """Return the pixel that a place in drawn pixels lies in, and the nearest of the phases within."""
    whole = math.floor(x)
    phase = int((x - whole) * phases + 0.5)
    return (whole + 1, 0) if phase == phases else (whole, phase)


@compiled
def _blend(out, at, row, rows, blocks, alpha, start, patterns, color):
    """Blend a tile in whole blocks, as Pillow does: t = a·ink + (255 - a)·below + 128, (t + t/256) / 256."""
    for _ in range(rows):
        for block in range(blocks):
            p, q = at + block * BLOCK, color + block % 3 * BLOCK
            for i in range(BLOCK):
                a = u16(alpha[up(start + i)])
                ink, below = u16(a * u16(patterns[up(q + i)])), u16((u16(255) - a) * u16(out[up(p + i)]))
                t = u16(ink + below + u16(128))
                out[up(p + i)] = np.uint8(u16(t + (t >> u16(8))) >> u16(8))
            start += BLOCK
        at += row


@compiled
def _blend_clipped(out, top, left, row, rows, blocks, columns, alpha, start, color, clip):
    """Blend a tile pixel by pixel, only those inside clip, (x0, y0, x1, y1)."""
    for y in range(max(top, clip[1]), min(top + rows, clip[3])):
        line = start + (y - top) * blocks * BLOCK
        for x in range(max(left, clip[0]), min(left + columns, clip[2])):
            a = u32(alpha[line + 3 * (x - left)])
            for c in range(3):
                p = y * row + 3 * x + c
                t = a * u32(color[c]) + (u32(255) - a) * u32(out[p]) + u32(128)
                out[p] = np.uint8((t + (t >> u32(8))) >> u32(8))
