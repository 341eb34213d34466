"""Words and their colours -> a text in which the words that are coloured are marked.

An editor colours keywords by the language of the file, which a reader of characters does not see: `class` stands out in
C++ and not in C. Which colour a theme gives them says nothing, so all that is kept is whether a word has another colour
than most.
"""

import re
from collections.abc import Iterable

import numpy as np

WORD = re.compile(r"\w+")
MARK = "\x02"  # before a word of another colour; no text has it
ALIKE = 72  # levels, summed over red, green and blue, by which two colours of a picture may differ and be one


def marked(text: str, words: Iterable[re.Match[str]], colours: np.ndarray) -> str:
    """Return the text with MARK before each of its words whose colour (N, 3) is not the one of most characters."""
    out, end = [], 0
    spans = [match.span() for match in words]
    for (start, stop), is_other in zip(spans, stands_out(colours, np.array([b - a for a, b in spans])), strict=True):
        out += [text[end:start], MARK if is_other else "", text[start:stop]]
        end = stop
    return "".join([*out, text[end:]])


def stands_out(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours (N, 3) and weights (N,) -> (N,) bool: which are not about the colour that weighs most."""
    if not len(colours):
        return np.zeros(0, bool)
    distinct, number = np.unique(np.asarray(colours).reshape(-1, 3), axis=0, return_inverse=True)  # (D, 3), (N,)
    total = np.bincount(number.ravel(), weights=weights, minlength=len(distinct))  # (D,)
    levels = distinct.astype(np.int64)
    near = np.abs(levels[:, None] - levels[None]).sum(2) < ALIKE  # (D, D)
    usual = int((near @ total).argmax())
    return ~near[usual][number.ravel()]
