"""Windows that do not show their language, so that nobody could tell it from them, and no model should be taught to.

What a file is called says what the file is. A window of it may be a manual (`comment`), another program that makes code
(`template`), or nothing but the language that the file's own extends (`contained`): C in a .cpp file, JavaScript in a
.ts file, a script in a page. Such a window is right as C or as JavaScript, and wrong by the name of its file alone.
The rules were written after reading what a model got wrong in every registry; they look at the file alone, and are the
same for training, validation and test.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

Doubt = Literal["", "comment", "template", "contained"]
DOUBTS: tuple[Doubt, ...] = get_args(Doubt)[1:]

MAX_COMMENT = 0.6  # share of the filled lines
MAX_TEMPLATE = 0.34  # share of the filled lines that are steps of a template
MIN_TAGS = 0.3  # share of the filled lines of a page that hold a tag or an entity

_TEMPLATE = re.compile(r"\{[{%#]|[}%#]\}|<%|%>")


def _signs(*patterns: str, flags: int = 0) -> Callable[[Sequence[str]], bool]:
    """Return a test for lines of which one holds one of the patterns."""
    either = re.compile("|".join(patterns), flags)
    return lambda lines: any(either.search(line) for line in lines)


_TAG = re.compile(r"<[!/]?[A-Za-z][\w:-]*|/?>|&#?\w+;")


def _is_page(lines: Sequence[str]) -> bool:
    return sum(bool(_TAG.search(line)) for line in lines) >= MIN_TAGS * len(lines)


# language that contains another -> whether lines of it, comments left out, show something that the other has not
_SHOWS: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "C++": _signs(
        r"::|\w\.\w+\(|->\w+\(|\w&{1,2} \w|\[[&=]?\w*\]\s*\(|\w<[\w:,&* ]+>|for\s*\(.*\s:\s|~\w+\(",
        r"\b(class|template|typename|namespace|nullptr|delete|new|virtual|override|final|constexpr|noexcept|auto|friend"
        r"|(static|dynamic|const|reinterpret)_cast|using|throw|try|catch|operator|explicit|mutable|decltype|this)\b",
        r"\b(public|private|protected)\s*:|#\s*include\s*<\w+>|extern\s+\"C\"|\b(std|cout|cin|cerr|endl)\b",
    ),
    "Objective-C": _signs(
        r"@\w+|@[\"\[{(]|^\s*#import|\[\s*[\w\[\]. ]+\s+\w+\s*[:\]]|\bself\.|\w:\w[\w.]*\]|\b(nil|YES|NO)\b",
        r"\b(NS|UI|RCT|WK|AV|CL)[A-Z]\w+|^\s*[-+]\s*\(|\^\s*[({]|\w+:\(\w|\b(strong|weak|nonatomic|nullable|nonnull)\b",
    ),
    "TypeScript": _signs(
        r"\b(interface|namespace|declare|readonly|implements|abstract|enum|private|public|protected|keyof|infer|satisfies"
        r"|import type|export type)\b|\btype\s+\w+[^(]*=|\bas\s+(const\b|any\b|[A-Z{]|string|number|unknown)",
        r"\w\?\s*:|\w!\.|\)!$|\)\s*:\s*[\w{\[]|\w\[\]|<[A-Z]\w*(\[\])?>\(|^\s*@[A-Z]\w+\(|\bis\s+[A-Z]",
        r"[\w\]}]\s*:\s*((string|number|boolean|any|void|unknown|never|object|bigint|symbol)\b|[A-Z]\w*(\.\w+)*(<|\[\]|\s*[=|&;)]))",
    ),
    "HTML": _is_page,
    "SQL": _signs(
        r"\b(select|insert|update|delete|create|alter|drop|from|where|join|values|begin|declare|grant|revoke|references"
        r"|primary key|foreign key|varchar|varchar2|integer|bigint|numeric|not null|returns|order by|group by|union"
        r"|commit|exec|execute|and|or|between|like|set|end|when|then|raise|perform|constraint|default|null|on|as|text|boolean"
        r"|timestamp)\b",
        flags=re.IGNORECASE,
    ),
}  # fmt: skip


def doubt(window: str, language: str, comments: Sequence[bool]) -> Doubt:
    """Window, its language, which of its lines are comment -> why its language cannot be told, '' where it can."""
    lines = window.split("\n")
    filled = [line for line in lines if line.strip()]
    code = [line for line, comment in zip(lines, comments, strict=True) if not comment and line.strip()]
    if len(code) < (1 - MAX_COMMENT) * len(filled):
        return "comment"
    if language in ("SQL", "HTML", "YAML"):
        steps = sum(bool(_TEMPLATE.search(line)) for line in code)
        if steps > MAX_TEMPLATE * len(code) and (language != "HTML" or not _is_page(code)):
            return "template"
    shows = _SHOWS.get(language)
    return "contained" if shows and not shows(code) else ""
