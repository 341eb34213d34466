"""A general reader of pictures, and where the words that it finds stand: rapidocr, of the extra [rivals].

What a general reader returns are words and their boxes; `laid_out` puts them where they stand, so that they get the
indentation they could have, and takes line numbers away, so that they are not marked down for those.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from fusion.rivals.rival import Missing

Reader = Callable[[np.ndarray], str]  # (H, W, 3) uint8 -> text

# Signs of wide or curly shape that stand for one of ASCII: no code has them, general readers like them.
PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | str.maketrans("‘’“”—–、。", "''\"\"--,.")


def rapidocr() -> Reader:
    """Return rapidocr with the models that come in its wheel."""
    try:
        import onnxruntime  # noqa: F401
        from rapidocr import RapidOCR
    except ImportError as error:
        raise Missing("rapidocr is not installed; pip install 'fusion[rivals]'") from error
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    options = {"use_cls": False, "log_level": "critical", "return_word_box": True}
    engine: Any = RapidOCR(params=threads | {f"Global.{name}": value for name, value in options.items()})

    def read(picture: np.ndarray) -> str:
        found = engine(np.ascontiguousarray(picture[:, :, ::-1]))  # as OpenCV has it: blue first
        words = [word for line in found.word_results if found.txts for word in line]
        return laid_out([_word(text, np.array(box, float)) for text, _score, box in words if text.strip()])

    return read


@dataclass(frozen=True)
class Word:
    """Some characters of one line, and where they stand in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str


def _word(text: str, corners: np.ndarray) -> Word:
    """Text and its corners (4, 2), x and y -> Word."""
    (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
    return Word(x0, y0, x1, y1, text.translate(PLAIN))


def laid_out(words: Sequence[Word]) -> str:
    """Words -> text of a fixed grid: a word starts in the column where it stands, blank lines are where none stands."""
    if not words:
        return ""
    longest = max(len(word.text) for word in words)
    long = [word for word in words if len(word.text) > 0.6 * longest]  # a box may be wider or narrower than its text
    pitch = max(1.0, float(np.median([(word.x1 - word.x0) / len(word.text) for word in long])))
    rows = without_numbers(_rows(words), pitch)
    if not rows:
        return ""
    starts = [row[0].x0 for row in rows]
    left = float(np.median([start for start in starts if start < min(starts) + pitch]))
    tops = [float(np.mean([word.y0 + word.y1 for word in row])) / 2 for row in rows]
    steps = np.diff(tops)
    usual = max(1.0, float(np.quantile(steps, 0.25, method="lower"))) if len(steps) else 1.0
    lines = [_line(rows[0], left, pitch)]
    for row, step in zip(rows[1:], steps, strict=True):
        lines += [""] * (round(step / usual) - 1)
        lines.append(_line(row, left, pitch))
    return "\n".join(lines)


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Return the words line by line, each from left to right."""
    height = float(np.median([word.y1 - word.y0 for word in words]))
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.y0 + word.y1):
        middle = (word.y0 + word.y1) / 2
        if rows and middle - np.mean([(other.y0 + other.y1) / 2 for other in rows[-1]]) < 0.5 * height:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [sorted(row, key=lambda word: word.x0) for row in rows]


def _line(row: list[Word], left: float, pitch: float) -> str:
    text, end = " " * round((row[0].x0 - left) / pitch), row[0].x0
    for word in row:
        gap = int((word.x0 - end) / pitch)  # rounded down, for characters are narrower than their cells
        text += " " * max(gap, word is not row[0]) + word.text
        end = word.x1
    return text


def without_numbers(rows: list[list[Word]], pitch: float) -> list[list[Word]]:
    """Return the rows without their numbers, where most begin with one and those count up; else as they are."""
    starts = [re.match(r"(\d{1,5})(\s+|$|(?=\D))", row[0].text) for row in rows]
    numbers = [int(match[1]) if match else None for match in starts]
    steps = sum(b is not None and a is not None and b - a == 1 for a, b in pairwise(numbers))
    if len(rows) < 3 or steps < 0.6 * (len(rows) - 1):
        return rows
    kept = []
    for row, match in zip(rows, starts, strict=True):
        rest = row
        if match:
            first = row[0]
            cut = replace(first, x0=first.x0 + pitch * match.end(), text=first.text[match.end() :])
            rest = ([cut] if cut.text else []) + row[1:]
        if rest:
            kept.append(rest)
    return kept
