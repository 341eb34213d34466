"""Characters -> the 256 slots that a glyph atlas holds, and how many cells each takes.

Slot 0 is nothing, slot 1 a box for what the page lacks, ASCII and Latin-1 stand at their own numbers and
common quotes, dashes, arrows, lines and letters fill the rest. Control and bidirectional characters are
shown as a box, never obeyed (CVE-2021-42574).
"""

import unicodedata
from functools import lru_cache

import numpy as np

NOTHING, BOX = 0, 1
_EXTRA = "–—‘’“”„•…‹›€™←↑→↓↔⇒⇐∀∃∈∑∏−√∞∧∨≈≠≡≤≥⊥─│┌┐└┘├┤┬┴┼█✓αβγδεηθλμπστφω"
_FREE = [*range(2, 32), *range(127, 160)]
PAGE = {c: chr(c) for c in [*range(33, 127), *range(161, 256)]} | dict(zip(_FREE, _EXTRA, strict=False))
SLOTS = {char: slot for slot, char in PAGE.items()}  # character -> slot


@lru_cache(maxsize=1)
def tables() -> tuple[np.ndarray, np.ndarray]:
    """Return slot and cells (0, 1 or 2) of every code point below 65,536; both (65536,) uint8."""
    slots = np.full(1 << 16, BOX, np.uint8)
    cells = np.ones(1 << 16, np.uint8)
    for point in range(1 << 16):
        char = chr(point)
        category = unicodedata.category(char)
        if char in SLOTS:
            slots[point] = SLOTS[char]
        elif category == "Zs":
            slots[point] = NOTHING
        elif category in ("Mn", "Me"):  # combining marks and variation selectors
            slots[point], cells[point] = NOTHING, 0
        if char not in SLOTS and unicodedata.east_asian_width(char) in "WF" and cells[point]:
            cells[point] = 2
    return slots, cells
