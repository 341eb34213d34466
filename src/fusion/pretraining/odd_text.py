"""A text of the corpus -> what a reader is taught on: real code, and random signs arranged like code.

Real code alone would teach it to guess words; what it has to read is whatever stands there.
"""

import numpy as np

from fusion.screenshots.charset import PAGE

COMMON = [chr(point) for point in range(33, 127)]
RARE = [char for char in PAGE.values() if ord(char) > 126]
WIDE = "中文字符測試日本語한국어漢🙂🚀"
MAX_LINES, FEW_LINES = 60, 20  # more than any crop shows; as many as a crop of usual text shows


def odd_text(text: str, rng: np.random.Generator, share: float) -> str:
    """Return lines of the text from anywhere on; with that chance some of them become random signs."""
    lines = text.replace("\r\n", "\n").split("\n")
    start = int(rng.integers(max(1, len(lines) - FEW_LINES)))
    lines = lines[start : start + MAX_LINES]
    while len(lines) < FEW_LINES and rng.random() < 0.8:  # from a picture half empty little is learnt
        lines.append(random_line(rng))
    if rng.random() < 0.3:
        cut = int(rng.integers(20))
        lines = [line[cut:] for line in lines]
    if rng.random() < share:
        chance = rng.choice([0.3, 0.7, 1.0])
        lines = [random_line(rng) if rng.random() < chance else line for line in lines]
    elif rng.random() < share:
        lines = [_with_strangers(line, rng) for line in lines]
    return "\n".join(lines)


def random_line(rng: np.random.Generator) -> str:
    """Return words of random signs, indented as code is."""
    words, length = [], int(rng.integers(4, 60))
    mixed = 0.12 if rng.random() < 0.4 else 0.0  # share of signs beyond ASCII
    while length > 0:
        size = int(rng.integers(1, 13))
        words.append("".join(_sign(rng, mixed) for _ in range(size)))
        length -= size + 1
    return " " * int(rng.choice([0, 0, 2, 4, 4, 8, 12])) + " ".join(words)


def _with_strangers(line: str, rng: np.random.Generator) -> str:
    """Return the line with some signs replaced, so that each comes beside every other."""
    signs = list(line)
    for at in np.flatnonzero(rng.random(len(signs)) < 0.1):
        if signs[at] not in " \t":
            signs[at] = _sign(rng, 0.1)
    return "".join(signs)


def _sign(rng: np.random.Generator, mixed: float) -> str:
    if rng.random() < mixed:
        pool = WIDE if rng.random() < 0.1 else RARE
        return pool[int(rng.integers(len(pool)))]
    return COMMON[int(rng.integers(len(COMMON)))]
