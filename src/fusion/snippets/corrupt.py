"""A text and a strength -> the same text, damaged as typing, reading, cutting or scrambling damages it.

What changes depends on the generator alone. With a generator of the same seed, a higher strength hits what a lower one
hits, and more, wherever each character or line has a chance of its own.
"""

import re
import string
from collections.abc import Callable

import numpy as np

ROWS = (
    "`1234567890-=",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
)  # of a US keyboard, each half a key further right
# What readers of pictures take for one another; a blank and an underscore are also lost
CONFUSED = (
    ("l", "1", "I", "|"), ("O", "0", "o"), ("rn", "m"), ("cl", "d"), ("vv", "w"), (";", ":"), (",", "."), ("{", "("),
    ("}", ")"), ("'", '"', "`"), ("S", "5"), ("B", "8"), ("Z", "2"),
)  # fmt: skip
LOST = {" ": ("", "  "), "_": ("", " ")}


def corrupt(text: str, kind: str, strength: float, rng: np.random.Generator) -> str:
    """Return the text with damage of one of KINDS, strength 0 (none) to 1; where nothing is left, its first character.

    A text that shows something shows something afterwards, too.
    """
    if strength <= 0 or not text:
        return text
    damaged = KINDS[kind](text, strength, rng)
    if damaged.strip():
        return damaged
    return text.strip()[:1] or damaged or text[:1]


def typos(text: str, share: float, rng: np.random.Generator) -> str:
    """Swap, drop, double or mistype a share of the characters that are no white space."""
    characters = list(text)
    for at, what, which in _hits(text, _is_visible, share, rng):
        character, next = characters[at], characters[at + 1 : at + 2]
        if what < 0.25 and next and _is_visible(next[0]):
            characters[at], characters[at + 1] = next[0], character
        elif what < 0.5:
            characters[at] = ""
        elif what < 0.75:
            characters[at] = character * 2
        else:
            characters[at] = _one_of(NEIGHBOURS.get(character, (character * 2,)), which)
    return "".join(characters)


def ocr(text: str, share: float, rng: np.random.Generator) -> str:
    """Replace a share of what readers of pictures confuse by what they take it for."""

    def misread(match: re.Match[str]) -> str:
        hit, which = rng.random(2)
        return _one_of(OTHERS[match.group()], which) if hit < share else match.group()

    return CONFUSABLE.sub(misread, text)


def cut_lines(text: str, share: float, rng: np.random.Generator) -> str:
    """Cut all lines off at one column, by which the longest loses a share of its characters; one is left of each."""
    lines = text.split("\n")
    column = max(1, round((1 - share) * max(map(len, lines))))
    return "\n".join(line[:column] for line in lines)


def lost_lines(text: str, share: float, rng: np.random.Generator) -> str:
    """Drop a share of the lines, a run of them at the start or at the end; one is left."""
    lines = text.splitlines(keepends=True)
    at_start, up = rng.random(2)
    lost = min(len(lines) - 1, int(share * len(lines) + up))  # rounded by chance, so that the mean is the share
    return "".join(lines[lost:] if at_start < 0.5 else lines[: len(lines) - lost])


def indentation(text: str, share: float, rng: np.random.Generator) -> str:
    """Take the blanks and tabs before a share of the lines."""
    lines = text.split("\n")
    hit = rng.random(len(lines)) < share
    return "\n".join(line.lstrip(" \t") if lost else line for line, lost in zip(lines, hit, strict=True))


def scramble_letters(text: str, share: float, rng: np.random.Generator) -> str:
    """Replace a share of the letters by any others, small ones by small ones and capitals by capitals."""
    characters = list(text)
    for at, _, which in _hits(text, str.isalpha, share, rng):
        alphabet = string.ascii_uppercase if text[at].isupper() else string.ascii_lowercase
        characters[at] = _one_of(alphabet, which)
    return "".join(characters)


def scramble_digits(text: str, share: float, rng: np.random.Generator) -> str:
    """Replace a share of the digits by any others."""
    characters = list(text)
    for at, _, which in _hits(text, str.isdigit, share, rng):
        characters[at] = _one_of(string.digits, which)
    return "".join(characters)


def scramble_punctuation(text: str, share: float, rng: np.random.Generator) -> str:
    """Replace a share of the punctuation of ASCII by any other."""
    characters = list(text)
    for at, _, which in _hits(text, _is_punctuation, share, rng):
        characters[at] = _one_of(string.punctuation, which)
    return "".join(characters)


def scramble_white_space(text: str, share: float, rng: np.random.Generator) -> str:
    """Of a share of the blanks, tabs and line ends remove half and let the others change places."""
    characters, kept = list(text), list[int]()
    for at, what, _ in _hits(text, str.isspace, share, rng):
        if what < 0.5:
            characters[at] = ""
        else:
            kept.append(at)
    for at, source in zip(kept, rng.permutation(kept), strict=True):
        characters[at] = text[source]
    return "".join(characters)


Damage = Callable[[str, float, np.random.Generator], str]
KINDS: dict[str, Damage] = {
    "typos": typos, "ocr": ocr, "cut_lines": cut_lines, "lost_lines": lost_lines, "indentation": indentation,
    "scramble_letters": scramble_letters, "scramble_digits": scramble_digits,
    "scramble_punctuation": scramble_punctuation, "scramble_white_space": scramble_white_space,
}  # fmt: skip


def _hits(
    text: str, is_meant: Callable[[str], bool], share: float, rng: np.random.Generator
) -> list[tuple[int, float, float]]:
    """Return where a share of the characters that are meant stand, and two numbers in [0, 1) for each."""
    chances = rng.random((len(text), 3))
    return [(int(i), *chances[i, 1:].tolist()) for i in np.flatnonzero(chances[:, 0] < share) if is_meant(text[i])]


def _one_of(choices: str | tuple[str, ...], which: float) -> str:
    return choices[int(which * len(choices))]


def _is_visible(character: str) -> bool:
    return not character.isspace()


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation


def _neighbours() -> dict[str, str]:
    """Return the keys beside, above and below each, and for capitals those of their small letters."""
    near: dict[str, str] = {}
    for number, row in enumerate(ROWS):
        below = ROWS[number + 1] if number + 1 < len(ROWS) else ""
        for column, key in enumerate(row):
            keys = row[max(0, column - 1) : column] + row[column + 1 : column + 2]
            for other in keys + below[max(0, column - 1) : column + 1]:
                near[key] = near.get(key, "") + other
                near[other] = near.get(other, "") + key
    ordered = {key: "".join(sorted(set(others))) for key, others in near.items()}
    return ordered | {key.upper(): others.upper() for key, others in ordered.items() if key.isalpha()}


NEIGHBOURS = _neighbours()
OTHERS = {one: tuple(other for other in group if other != one) for group in CONFUSED for one in group} | LOST
CONFUSABLE = re.compile(
    "|".join(map(re.escape, sorted(OTHERS, key=len, reverse=True)))
)  # the longer before the shorter
