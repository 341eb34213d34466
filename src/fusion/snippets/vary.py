"""A training text -> a part of it, or the same code as others would have written it.

What a project has of its own, its names, comments and indentation, tells the project; what is left is syntax. Which
changes a text sees depends on (seed, epoch, id) alone.
"""

import re

import numpy as np

from fusion.config.training import Vary
from fusion.snippets.snippet import key_of

LENGTHS = ((1, 2), (3, 5), (6, 12))  # lines of the parts, each range as often as the others
LEAST = 12  # characters that are no white space of a part
# Lines that are comments and nothing else, whatever the language; # begins other things in C and Rust
COMMENT = re.compile(
    r"^\s*(//|--\s|;;|%+\s|\*[\s/]|/\*"
    r"|#\s(?!\s*(include|define|if|ifdef|ifndef|else|elif|endif|pragma|undef|import)\b))"
)
NAME = re.compile(r"\b[A-Za-z]+(?:[_\d]|(?<=[a-z])[A-Z])\w*\b")  # made of several parts, so that it is no keyword
SYLLABLES = [first + second for first in "bdfgklmnprstvwz" for second in "aeiou"]
STRING = re.compile(r"([\"'])((?:\\.|(?!\1)[^\\\n])*)\1")
UNITS = ("  ", "    ", "   ", "\t", "        ")


class Varying:
    """Text, id, epoch -> the text as that epoch of training sees it."""

    def __init__(self, chances: Vary, seed: int):
        self.chances, self.seed = chances, seed

    def __call__(self, text: str, id: str, epoch: int) -> str:
        return vary(text, self.chances, np.random.default_rng(key_of(self.seed, epoch, id)))


def vary(text: str, chances: Vary, rng: np.random.Generator) -> str:
    """Return the text with some changes, in an order that lets a part be cut from what is left; never an empty one."""
    part, comments, strings, names, indentation = rng.random(5)
    if comments < chances.comments:
        text = without_comments(text)
    if strings < chances.strings:
        text = with_short_strings(text)
    if names < chances.names:
        text = renamed(text, rng)
    if indentation < chances.indentation:
        text = indented_otherwise(text, rng)
    if part < chances.part:
        text = part_of(text, rng)
    return text


def part_of(text: str, rng: np.random.Generator) -> str:
    """Return a few lines from anywhere; the whole text where no part shows enough."""
    lines = text.split("\n")
    least, most = LENGTHS[int(rng.integers(len(LENGTHS)))]
    for _ in range(4):
        length = int(rng.integers(least, most + 1))
        start = int(rng.integers(max(1, len(lines) - length + 1)))
        part = "\n".join(lines[start : start + length]).strip("\n")
        if sum(not character.isspace() for character in part) >= LEAST:
            return part
    return text


def without_comments(text: str) -> str:
    """Return the text without lines that are comments; as it is where little else is left."""
    lines = text.split("\n")
    kept = [line for line in lines if not COMMENT.match(line)]
    rest = sum(not character.isspace() for line in kept for character in line)
    return "\n".join(kept) if rest >= LEAST and len(kept) < len(lines) else text


def with_short_strings(text: str) -> str:
    """Return the text with one letter in place of what stands between quotes on a line."""
    return STRING.sub(lambda string: "s".join(string[1] * 2) if len(string[2]) > 3 else string[0], text)


def renamed(text: str, rng: np.random.Generator) -> str:
    """Return the text with other names for half of those made of several parts, each the same everywhere."""
    names = sorted(set(NAME.findall(text)))
    other = {name: _other(name, rng) for name in names if rng.random() < 0.5}
    return NAME.sub(lambda match: other.get(match.group(), match.group()), text) if other else text


def _other(name: str, rng: np.random.Generator) -> str:
    """Return a name of the same shape: its words replaced, its capitals, digits and underscores kept."""

    def word(match: re.Match[str]) -> str:
        count = max(1, round(len(match.group()) / 2))
        new = "".join(SYLLABLES[int(i)] for i in rng.integers(len(SYLLABLES), size=count))
        return new.upper() if match.group().isupper() else new.capitalize() if match.group()[0].isupper() else new

    return re.sub(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", word, name)


def indented_otherwise(text: str, rng: np.random.Generator) -> str:
    """Return the text with another indentation, where its own is a whole number of two or four blanks, or tabs."""
    lines = text.split("\n")
    blanks = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip()]
    given = {blank for blank in blanks if blank}
    unit = next((unit for unit in ("\t", "    ", "  ") if all(not blank.replace(unit, "") for blank in given)), None)
    if not given or unit is None:
        return text
    braces = "{" in text  # without them a tab may mean something else
    others = [other for other in UNITS if other != unit and (braces or other != "\t")]
    other = others[int(rng.integers(len(others)))]
    depths = [len(line[: len(line) - len(line.lstrip(" \t"))]) // len(unit) for line in lines]
    return "\n".join(other * depth + line.lstrip(" \t") for depth, line in zip(depths, lines, strict=True))
