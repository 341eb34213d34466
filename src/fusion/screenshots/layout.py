"""Styles and texts -> geometry of each picture, and sprites: which glyph stands where.

Everything here is in pixels of the source picture, whatever size is drawn: the exact picture and the one
drawn directly at the training size have the same layout.
"""

import numpy as np

from fusion.config.render import Style
from fusion.jit import compiled
from fusion.screenshots import charset
from fusion.screenshots.glyphs import Metrics
from fusion.screenshots.themes import LINE_NUMBER, TITLE

BAR = 26  # pixels at scale 1, of a title bar
Columns = dict[str, np.ndarray]  # of styles: field -> (B,)
Words = dict[str, tuple[str, ...]]  # what the numbers in a column of words stand for
TAB = 4  # columns between tab stops
NO_CONTROLS, MAC, WINDOWS = range(3)
X, Y, SLOT, CLASS, CHARACTER, CELLS = range(6)  # columns of a sprite: where its baseline starts, ..., index in the text

# One picture. Lengths in source pixels.
GEOMETRY = np.dtype(
    [(name, np.float64) for name in (
        "x0", "y0", "x1", "y1", "bar", "radius", "unit",  # window, its bar's height; unit: a pixel at scale 1
        "shadow", "shadow_sigma", "shadow_drop", "scroll_x", "scroll_y", "advance", "line_height",
        "text_x", "text_y", "baseline", "mark_y0", "mark_y1",  # text_y: the first line's top, baseline below
        "left", "top", "width", "height",  # of the picture that this one is cut out of
    )] + [(name, np.int64) for name in (
        "entry", "theme", "background", "title", "controls", "numbered", "first_line", "digits",
        "rows", "columns",  # that fit
    )]
)  # fmt: skip


def arrange(
    columns: Columns,
    words: Words,
    metrics: list[Metrics],
    entries: list[int],
    lines: np.ndarray,
    size: tuple[int, int],
) -> np.ndarray:
    """Columns of styles, metrics and entry of each one's font, lines of each text -> (B,) of GEOMETRY.

    size: the source picture's (width, height), in pixels.
    """
    out, unit = np.zeros(len(lines), GEOMETRY), columns["scale"]
    out["width"], out["height"] = size
    out["unit"], out["entry"] = unit, entries
    out["advance"] = [m.advance for m in metrics]
    out["line_height"] = columns["font_size"] * columns["line_height"] / 100 * unit
    out["shadow_sigma"], out["shadow_drop"] = columns["shadow_blur"] * unit, columns["shadow_drop"] * unit
    out["radius"] = columns["corner_radius"] * unit
    for name in ("theme", "background", "title", "first_line", "shadow", "scroll_x", "scroll_y"):
        out[name] = columns[name]
    out["controls"] = _numbers(columns, words, "window", ("none", "mac", "windows"))
    titled = np.array([bool(word) for word in words["title"]])[columns["title"]]
    out["bar"] = np.where((out["controls"] != NO_CONTROLS) | titled, np.rint(BAR * unit), 0)
    margin = np.rint(columns["margin"] * unit)
    _window(out, columns, words, out["bar"] + 2 * margin + lines * out["line_height"])
    ascent, descent = (np.array([getattr(m, name) for m in metrics]) for name in ("ascent", "descent"))
    out["baseline"] = np.rint((out["line_height"] - ascent - descent) / 2 + ascent)
    _text(out, columns, margin, lines)
    _mark(out, columns, words, lines)
    return out


def _numbers(columns: Columns, words: Words, name: str, order: tuple[str, ...]) -> np.ndarray:
    """Return the place in `order` of each word of a column."""
    return np.array([order.index(word) for word in words[name]])[columns[name]]


def _window(out: np.ndarray, columns: Columns, words: Words, needed: np.ndarray) -> None:
    """Fill x0 ... y1: the window in the middle, as high as needed, then moved by the crop."""
    width, height = out["width"], out["height"]
    side, above = np.rint(columns["padding_x"] * width / 100), np.rint(columns["padding_y"] * height / 100)
    full = _numbers(columns, words, "height", ("content", "full")) == 1
    tall = np.where(full, height - 2 * above, np.minimum(needed, height - 2 * above))
    top = np.maximum(np.floor((height - tall) / 2), above)
    move_x, move_y = np.rint(columns["shift_x"] * width / 100), np.rint(columns["shift_y"] * height / 100)
    out["x0"], out["x1"] = side - move_x, width - side - move_x
    out["y0"], out["y1"] = top - move_y, np.ceil(top + tall) - move_y


def _text(out: np.ndarray, columns: Columns, margin: np.ndarray, lines: np.ndarray) -> None:
    """Fill where the text begins, beside its line numbers, and how many rows and columns of it fit."""
    numbered = columns["line_numbers"].astype(np.int64)
    digits = np.floor(np.log10(np.maximum(columns["first_line"] + lines, 1))).astype(np.int64) + 1
    out["numbered"], out["digits"] = numbered, digits
    out["text_x"] = out["x0"] + margin + np.rint(numbered * (digits + 2) * out["advance"])
    out["text_y"] = out["y0"] + out["bar"] + margin
    bottom, right = np.minimum(out["y1"], out["height"]), np.minimum(out["x1"], out["width"])
    out["rows"] = np.maximum(np.ceil((bottom - out["text_y"]) / out["line_height"]), 0)
    out["columns"] = np.maximum(np.ceil((right - out["text_x"]) / out["advance"]), 0)


def _mark(out: np.ndarray, columns: Columns, words: Words, lines: np.ndarray) -> None:
    """Fill the band behind the current line, or behind a selection of a quarter of what shows."""
    marked = _numbers(columns, words, "marked", ("none", "line", "selection"))
    shown = np.maximum(np.minimum(out["rows"], lines), 1)
    first = np.minimum(np.floor(columns["marked_at"] * shown), shown - 1)
    count = np.where(marked == 2, np.ceil(shown / 4), marked)
    out["mark_y0"] = out["text_y"] + np.rint(first * out["line_height"])
    out["mark_y1"] = np.minimum(out["text_y"] + np.rint((first + count) * out["line_height"]), out["y1"])


def needed_height(style: Style, metrics: Metrics, lines: int) -> int:
    """Return the height in pixels of a window that shows every line, and its last one's descenders."""
    bar = BAR * style.scale if style.window != "none" or style.title else 0
    line_height = max(style.font_size * style.line_height / 100 * style.scale, metrics.ascent + metrics.descent)
    return int(np.ceil(bar + 2 * style.margin * style.scale + lines * line_height))


def crop(geometry: np.ndarray, left: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Return the geometry of the parts of the pictures that begin at left and top, (B,) source pixels."""
    out = geometry.copy()
    for name in ("x0", "x1", "text_x"):
        out[name] -= left
    for name in ("y0", "y1", "text_y", "mark_y0", "mark_y1"):
        out[name] -= top
    out["left"] += left
    out["top"] += top
    return out


def title_table(titles: tuple[str, ...]) -> np.ndarray:
    """Return (titles, longest) uint8 slots, blank at the end."""
    table = np.zeros((len(titles), max(1, *(len(title) for title in titles))), np.uint8)
    for row, title in enumerate(titles):
        table[row, : len(title)] = [
            charset.SLOTS.get(char, charset.NOTHING if char == " " else charset.BOX) for char in title
        ]
    return table


@compiled
def _slot(point, slots, cells):
    """Return the slot and cells of a code point; beyond the first plane selectors take 0, emoji and ideographs 2."""
    if point < 65536:
        return np.int64(slots[point]), np.int64(cells[point])
    if 0xE0100 <= point <= 0xE01EF:
        return 0, 0
    wide = 0x1F000 <= point <= 0x1FAFF or 0x20000 <= point <= 0x3FFFF
    return 1, 2 if wide else 1


@compiled
def _extent(points, start, stop, cells):
    """Return the number of lines and the columns of the longest."""
    rows, column, longest = 1, 0, 0
    for i in range(start, stop):
        point = points[i]
        if point == 10:
            rows += 1
            column = 0
        elif point == 9:
            column += TAB - column % TAB
        else:
            column += cells[point] if point < 65536 else 2
        longest = max(longest, column)
    return rows, longest


@compiled
def place(points, classes, start, stop, g, titles, slots, cells, out):
    """Write the sprites of one text to out, (N, 6) int32, and return how many there are.

    Lines and columns outside the window are left out; tabs move to the next stop; \\r\\n is one line end.
    """
    count = _place_bar(g, titles, out)
    first_row, first_column = 0, 0
    if g.scroll_x > 0 or g.scroll_y > 0:
        lines, longest = _extent(points, start, stop, cells)
        first_row = max(0, int(g.scroll_y * (lines - g.rows + 1)))
        first_column = max(0, int(g.scroll_x * (longest - g.columns + 1)))
    row, column, fresh = 0, 0, True
    for i in range(start, stop):
        if row >= first_row + g.rows:
            break
        y = int(g.text_y + g.baseline + np.floor((row - first_row) * g.line_height + 0.5))
        if fresh and row >= first_row:
            count = _place_number(g, row, y, out, count)
        fresh = False
        point = points[i]
        if point == 10:
            row, column, fresh = row + 1, 0, True
        elif point == 9:
            column += TAB - column % TAB
        elif point == 13 and i + 1 < stop and points[i + 1] == 10:
            pass
        else:
            slot, wide = _slot(point, slots, cells)
            at = column - first_column
            if slot > 0 and row >= first_row and 0 <= at < g.columns and count < out.shape[0]:
                out[count, X] = int(g.text_x + np.floor(at * g.advance + 0.5))
                out[count, Y], out[count, SLOT], out[count, CLASS] = y, slot, classes[i]
                out[count, CHARACTER], out[count, CELLS] = i - start, wide
                count += 1
            column += wide
    return count


@compiled
def _place_number(g, row, y, out, count):
    """Write the line number of one row, right-aligned before the text, and return the new count."""
    if g.numbered == 0:
        return count
    number, digit = g.first_line + row, 0
    while (number > 0 or digit == 0) and digit <= g.digits and count < out.shape[0]:
        out[count, X] = int(g.text_x - np.floor((digit + 3) * g.advance + 0.5))
        out[count, Y], out[count, SLOT], out[count, CLASS] = y, 48 + number % 10, LINE_NUMBER
        out[count, CHARACTER], out[count, CELLS] = -1, 1
        number //= 10
        digit += 1
        count += 1
    return count


@compiled
def _place_bar(g, titles, out):
    """Write the title, in the middle of its bar, and return the number of sprites."""
    length = 0
    for i in range(titles.shape[1]):
        if titles[g.title, i] > 0:
            length = i + 1
    x = np.floor((g.x0 + g.x1 - length * g.advance) / 2)
    y = int(g.y0 + np.floor(g.bar / 2 + 5 * g.unit))
    count = 0
    for i in range(length):
        if titles[g.title, i] > 0 and count < out.shape[0]:
            out[count, X] = int(x + np.floor(i * g.advance + 0.5))
            out[count, Y], out[count, SLOT], out[count, CLASS] = y, titles[g.title, i], TITLE
            out[count, CHARACTER], out[count, CELLS] = -1, 1
            count += 1
    return count
