"""Cells of a table -> what they are sorted by."""

import math
import re

# A number, with what may follow it: ± 0.004, [0.80, 0.83], %, –0.850, ×448
NUMBER = re.compile(
    r"\s*[<>≤≥]?\s*(?P<number>[+\-−]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?([eE][+\-]?\d{1,3})?)(?=$|\s|%|–\d|[×x]\d)"
)


def sort_key(cell: str) -> float | None:
    """Return the number that a cell begins with and is about, such as 0.812 of 0.812 ± 0.004; None of any other."""
    found = NUMBER.match(cell)
    if found is None:
        return None
    value = float(found["number"].replace(",", "").replace("−", "-"))
    return value if math.isfinite(value) else None


def shorten(text: str, most: int) -> str:
    """Return a text of at most so many characters, … in the middle of a longer one."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"
