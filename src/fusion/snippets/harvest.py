"""Files of a project -> windows of code: what counts as source, and where it is cut."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from fusion.languages import BY_EXTENSION

MIN_LINES, JOIN_LINES, MAX_LINES = 10, 28, 40  # a window's length; blocks are joined up to JOIN_LINES

# Copies of other projects, and what a tool wrote.
_FOREIGN = re.compile(
    r"(^|/)(node_modules|bower_components|third[_-]?party|3rdparty|vendor(s|ed)?|_vendor|externals?|deps"
    r"|dist|_?build|out|target|es|esm|umd|amd|cjs|mjs|system|min|generated|autogen|locales?|i18n"
    r"|bundled|coverage|site-packages|debian)(/|$)",
    re.IGNORECASE,
)
_GENERATED = re.compile(
    r"do not (edit|modify)|auto-?generated|automatically generated|generated (by|from|file)|@generated"
    r"|code generated|this file (is|was) generated|sourceMappingURL=|__webpack_require__|__esModule",
    re.IGNORECASE,
)
_CPP_HEADER = re.compile(
    r"^\s*(template\s*<|namespace\s+\w*|class\s+\w+|public:|private:|protected:|using\s+namespace)"
    r"|std::|\bconstexpr\b|\bvirtual\s",
    re.MULTILINE,
)
_OBJECTIVE_C = re.compile(r"^\s*(@interface|@implementation|@protocol|@property|@end|#import)", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(//|#(?!include|define|if|endif|else|!|\[)|/?\*|--|;|%|<!--|\"\"\"|''')")
_LICENCE = re.compile(r"licen[sc]e|copyright|permission is hereby|warranty|redistribut", re.IGNORECASE)


def decode(data: bytes) -> str | None:
    """Bytes -> text with \\n line ends; None for what is binary."""
    if b"\0" in data[:4096]:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def language_of(path: str, text: str) -> str | None:
    """The language a file is written in, by extension and, where that says too little, by content."""
    name = PurePosixPath(path.lower())
    if name.suffix == ".h":
        if _OBJECTIVE_C.search(text):
            return None
        return "C++" if _CPP_HEADER.search(text) else "C"
    return BY_EXTENSION.get(name.suffix)


def is_written(path: str, text: str) -> bool:
    """False for vendored, generated and minified files."""
    if _FOREIGN.search(str(PurePosixPath(path).parent)) or re.search(r"[.-]min\.\w+$", path):
        return False
    lines = text.split("\n")
    if len(text) / len(lines) > 110 or max(map(len, lines)) > 1500:  # characters
        return False
    return not _GENERATED.search(text[:1500])


def windows(text: str) -> Iterator[str]:
    """Text -> windows of MIN_LINES to MAX_LINES lines, cut where a blank line ends a block.

    A window ends at a blank line once it has MIN_LINES and the next block starts at column 0,
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


def is_typical(window: str) -> bool:
    """False for windows that are mostly blank, comment, licence, data or repetition."""
    filled = [line for line in window.split("\n") if line.strip()]
    if len(filled) < 8 or max(map(len, filled)) > 240:
        return False
    comments = sum(bool(_COMMENT.match(line)) for line in filled) / len(filled)
    if comments > 0.75 or (comments > 0.5 and _LICENCE.search(window)):
        return False
    if len({line.strip() for line in filled}) < 0.5 * len(filled):
        return False
    ink = sum(not c.isspace() for c in window)
    return sum(c.isalpha() for c in window) >= 0.35 * ink


def harvest(
    files: Iterable[tuple[str, bytes]], languages: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """(path, bytes) of one project -> (language, path, window); each distinct window once."""
    wanted = set(languages)
    seen: set[str] = set()
    for path, data in files:
        text = decode(data)
        if text is None or (language := language_of(path, text)) not in wanted or not is_written(path, text):
            continue
        for window in windows(text):
            plain = " ".join(window.split())
            if plain not in seen and is_typical(window):
                seen.add(plain)
                yield language, path, window


def count_labels(labels: Iterable[str]) -> str:
    """'C 12, Python 40', for messages."""
    return ", ".join(f"{label} {count}" for label, count in sorted(Counter(labels).items()))
