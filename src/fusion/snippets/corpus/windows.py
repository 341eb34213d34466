"""Text -> windows of lines: blocks that end at blank lines, and shorter windows drawn inside them by a seed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

MIN_LINES, JOIN_LINES, MAX_LINES = 10, 28, 40  # of a block; blocks are joined up to JOIN_LINES


@dataclass(frozen=True)
class LengthBand:
    """How long a window is, what share of the windows is so long, and how many of its lines must not be blank."""

    min_lines: int
    max_lines: int
    share: float
    min_filled: int  # lines


LENGTH_BANDS = (LengthBand(1, 5, 0.2, 1), LengthBand(6, 15, 0.3, 4), LengthBand(16, 40, 0.5, 8))


def windows(text: str) -> Iterator[str]:
    """Text -> blocks of MIN_LINES to MAX_LINES lines, cut where a blank line ends one.

    A block ends at a blank line once it has MIN_LINES and the next one starts at column 0,
    or once it has JOIN_LINES; never later than MAX_LINES.
    """
    lines = text.split("\n")
    next_is_indented = _next_is_indented(lines)
    block: list[str] = []
    for line, before_indented in zip(lines, next_is_indented, strict=True):
        block.append(line)
        ends_block = not line.strip() and len(block) > MIN_LINES
        if len(block) >= MAX_LINES or (ends_block and (not before_indented or len(block) >= JOIN_LINES)):
            yield "\n".join(block).strip("\n")
            block = []
    if len(block) >= MIN_LINES:
        yield "\n".join(block).strip("\n")


def _next_is_indented(lines: list[str]) -> list[bool]:
    """Return for each line whether the next line that is not blank starts with white space."""
    answers, indented = [], False
    for line in reversed(lines):
        answers.append(indented)
        if line.strip():
            indented = line[0] in " \t"
    return answers[::-1]


@dataclass(frozen=True)
class WindowDraw:
    """The random numbers of one block; all follow from (seed, path, number of the block)."""

    rank: int  # of 64 bits; the lowest ranks of a package are kept
    band: float  # in [0, 1)
    length: float  # in [0, 1)
    start: float  # in [0, 1)


def draw_window(seed: int, path: str, number: int) -> WindowDraw:
    """Return the random numbers of one block of a file."""
    digest = hashlib.blake2b(f"{seed}\0{path}\0{number}".encode("utf-8", "replace"), digest_size=16).digest()
    band, length, start = (int.from_bytes(digest[i : i + 2], "big") / 65536 for i in (8, 10, 12))
    return WindowDraw(int.from_bytes(digest[:8], "big"), band, length, start)


def cut_window(block: str, draw: WindowDraw) -> tuple[str, LengthBand]:
    """Block -> one window of it and the band it is of; a block too short for the band drawn gets the next shorter."""
    lines = block.split("\n")
    fitting = [band for band in LENGTH_BANDS if band.min_lines <= len(lines)]
    band = fitting[min(_band_number(draw.band), len(fitting) - 1)]
    length = band.min_lines + int(draw.length * (min(band.max_lines, len(lines)) - band.min_lines + 1))
    if band is LENGTH_BANDS[-1] or (len(lines) <= band.max_lines and band is not LENGTH_BANDS[0]):
        length = len(lines)  # a block as it was cut reads best
    start = int(draw.start * (len(lines) - length + 1))
    return "\n".join(lines[start : start + length]).strip("\n"), band


def _band_number(point: float) -> int:
    """Return the band that owns a point in [0, 1), laid out by their shares."""
    for number, band in enumerate(LENGTH_BANDS):
        point -= band.share
        if point < 0:
            return number
    return len(LENGTH_BANDS) - 1
