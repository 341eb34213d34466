"""Text -> windows of lines: blocks cut at blank lines, and shorter windows drawn inside them by a seed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

MIN_LINES, JOIN_LINES, MAX_LINES = 10, 28, 40  # a block's length; blocks are joined up to JOIN_LINES


@dataclass(frozen=True)
class Band:
    """How long a window is, how often such windows are cut, and how many of its lines must be filled."""

    shortest: int  # lines
    longest: int  # lines
    share: float
    filled: int  # lines


BANDS = (Band(1, 5, 0.2, 1), Band(6, 15, 0.3, 4), Band(16, 40, 0.5, 8))


def windows(text: str) -> Iterator[str]:
    """Text -> blocks of MIN_LINES to MAX_LINES lines, cut where a blank line ends one.

    A block ends at a blank line once it has MIN_LINES and the next one starts at column 0,
    or once it has JOIN_LINES; never later than MAX_LINES.
    """
    lines = text.split("\n")
    indented = _next_is_indented(lines)
    window: list[str] = []
    for line, before_indented in zip(lines, indented, strict=True):
        window.append(line)
        ends_block = not line.strip() and len(window) > MIN_LINES
        if len(window) >= MAX_LINES or (ends_block and (not before_indented or len(window) >= JOIN_LINES)):
            yield "\n".join(window).strip("\n")
            window = []
    if len(window) >= MIN_LINES:
        yield "\n".join(window).strip("\n")


def _next_is_indented(lines: list[str]) -> list[bool]:
    """For each line: does the next line that is not blank start with white space?"""
    answers, indented = [], False
    for line in reversed(lines):
        answers.append(indented)
        if line.strip():
            indented = line[0] in " \t"
    return answers[::-1]


@dataclass(frozen=True)
class Draw:
    """What chance decided about one block: all of it follows from (seed, path, number of the block)."""

    rank: int  # of 64 bits; the lowest ranks of a package are kept
    band: float  # in [0, 1)
    length: float  # in [0, 1)
    start: float  # in [0, 1)


def draw(seed: int, path: str, number: int) -> Draw:
    digest = hashlib.blake2b(f"{seed}\0{path}\0{number}".encode("utf-8", "replace"), digest_size=16).digest()
    band, length, start = (int.from_bytes(digest[i : i + 2], "big") / 65536 for i in (8, 10, 12))
    return Draw(int.from_bytes(digest[:8], "big"), band, length, start)


def cut(block: str, chance: Draw) -> tuple[str, Band]:
    """A block -> one window of it and the band it was cut for; a block too short for its band goes one band down."""
    lines = block.split("\n")
    fitting = [band for band in BANDS if band.shortest <= len(lines)]
    band = fitting[min(_band(chance.band), len(fitting) - 1)]
    length = band.shortest + int(chance.length * (min(band.longest, len(lines)) - band.shortest + 1))
    if band is BANDS[-1] or (len(lines) <= band.longest and band is not BANDS[0]):
        length = len(lines)  # a block as it was cut reads best
    start = int(chance.start * (len(lines) - length + 1))
    return "\n".join(lines[start : start + length]).strip("\n"), band


def _band(at: float) -> int:
    """A number in [0, 1) -> the band that owns that part of the shares."""
    for number, band in enumerate(BANDS):
        at -= band.share
        if at < 0:
            return number
    return len(BANDS) - 1
