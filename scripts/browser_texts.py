"""The test side of a corpus -> texts that fit a picture, each exactly as it will be seen."""

import io
import re
import textwrap
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fontTools.ttLib import TTFont

from fusion.config.errors import UserError
from fusion.config.render import DEFAULT_FONT
from fusion.languages import find_language
from fusion.screenshots import fonts
from fusion.snippets.snippet import select_split

MIN_LINES = 4  # that are not blank: a shorter piece tells little about a reader
MIN_SNIPPET = 10  # lines of a snippet before it is cut
LIGATURES = re.compile(r"->|=>|==|!=|<=|>=|::|&&|\|\||\+\+|:=|<-|\.\.|/\*")
MIN_LIGATURES = 3
BLANK = ("Zs", "Cc", "Cf", "Mn", "Me", "Co", "Cn", "Cs")  # classes of Unicode without a shape of their own


@dataclass(frozen=True)
class Text:
    """A piece of code that fits: `code` with its tabs as the page gets it, `truth` with the spaces that are seen."""

    code: str
    truth: str
    label: str
    group: str
    id: str  # of the snippet that it was cut from


def rows_by_label(table: pa.Table, split: str, seeds: list[int]) -> dict[str, list[dict[str, Any]]]:
    """Return the longer rows of one side, by label, in a random order in which projects take turns."""
    rng, rows = np.random.default_rng(seeds), select_split(table, split)
    of_group: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    long = rows.filter(pc.greater_equal(rows["lines"], MIN_SNIPPET))
    listed = long.select(["id", "text", "label", "group"]).to_pylist()
    for i in rng.permutation(len(listed)):
        of_group[listed[i]["label"]][listed[i]["group"]].append(listed[i])
    return {label: _in_turns(list(groups.values())) for label, groups in of_group.items()}


def _in_turns(queues: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    longest = max(map(len, queues))
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]


def in_turn(rows: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield rows, one of every label in turn, so that a few pictures already show all labels."""
    for turn in range(max(map(len, rows.values()), default=0)):
        yield from (queue[turn] for queue in rows.values() if turn < len(queue))


def cut(row: dict[str, Any], lines: int, columns: int, tab: int) -> Text | None:
    """Return the first lines of a snippet, as many columns of each as fit; None where that makes no good picture."""
    kept = [line.rstrip() for line in row["text"].replace("\r\n", "\n").split("\n")]
    while kept and not kept[0]:
        del kept[0]
    kept = textwrap.dedent("\n".join(kept[:lines])).split("\n")
    code = "\n".join(_first_columns(line, columns, tab) for line in kept).rstrip()
    truth = "\n".join(line.expandtabs(tab) for line in code.split("\n"))
    full = [line for line in truth.split("\n") if line]
    flush = min((len(line) - len(line.lstrip(" ")) for line in full), default=1) == 0
    if len(full) < MIN_LINES or not flush or not all(is_visible(char) for char in set(truth) - {"\n"}):
        return None
    return Text(code, truth, row["label"], row["group"], row["id"])


def _first_columns(line: str, columns: int, tab: int) -> str:
    """Return as much of a line as stands left of the column."""
    at = 0
    for i, char in enumerate(line):
        at = at + tab - at % tab if char == "\t" else at + 1
        if at > columns:
            return line[:i].rstrip()
    return line


@cache
def is_visible(char: str) -> bool:
    """Return whether the font that every page falls back to has the character, and it has a shape and a width."""
    if char == " " or "!" <= char <= "~":
        return True
    written_left = unicodedata.bidirectional(char) in ("R", "AL", "AN")
    return not written_left and unicodedata.category(char) not in BLANK and ord(char) in _covered()


@cache
def _covered() -> frozenset[int]:
    return frozenset(TTFont(io.BytesIO(fonts.load(DEFAULT_FONT).faces[0])).getBestCmap())


def has_ligatures(text: Text) -> bool:
    """Return whether a font with ligatures would draw several here."""
    return len(LIGATURES.findall(text.truth)) >= MIN_LIGATURES


def names_of(label: str) -> list[str]:
    """Return what highlighters may call the language; nothing for a label that is none."""
    try:
        language = find_language(label)
    except UserError:  # a label of somebody's own data
        return []
    extensions = [extension.removeprefix(".") for extension in language.extensions]
    found = [language.name.lower(), language.lexer, *language.aliases, *extensions]
    return list(dict.fromkeys(found))
