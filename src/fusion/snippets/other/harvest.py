"""Package -> windows of what in it is no code of a label: a file of its own in the cache, beside the code's.

It depends on the archive's bytes, the seed and its own recipe alone, so the windows of code stay what they are.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from fusion.files import replacing
from fusion.packages.archives import members
from fusion.packages.errors import ArchiveError
from fusion.packages.manifest import Package, archive_path
from fusion.snippets.corpus.extract import BottomK, Window, below_root, decode, whitespace_normalised_hash
from fusion.snippets.corpus.filters import is_handwritten, looks_like_code
from fusion.snippets.corpus.windows import MAX_LINES, cut_window, draw_window
from fusion.snippets.other.kinds import LANGUAGE, PROSE, file_kind
from fusion.snippets.other.prose import (
    LOCALE_FILES,
    agreed_language,
    is_wordy,
    language_of_text,
    path_language,
    prose_lines,
    translated_lines,
)

RECIPE = 1  # raised when kinds, rules or windows change: old files are of an old one
PER_KIND = 6  # windows of one package and kind that are kept, each from another file where it has so many
MAX_LINE = 1000  # characters
MIN_INK = 20  # characters that are no white space
LARGEST_TABLE = 100_000  # bytes; of larger files of data every part is like the other

SCHEMA = pa.schema([("kind", pa.string()), ("path", pa.string()), ("text", pa.string()), ("rank", pa.uint64())])
_MANUAL = re.compile(r"^\.(TH|Dd|SH|\\\")", re.MULTILINE)
_SIGN = {  # kind -> what a file of it must hold
    "man": _MANUAL,
    "diff": re.compile(r"^(@@ -|diff --git|--- )", re.MULTILINE),
    "po": re.compile(r"^msgstr", re.MULTILINE),
    "xml": re.compile(r"^\s*<"),
    "svg": re.compile(r"<svg"),
    "pem": re.compile(r"^-----BEGIN", re.MULTILINE),
    "ini": re.compile(r"^\s*(\[[^\]]+\]|[\w.-]+\s*[=:])", re.MULTILINE),
    "csv": re.compile(r"[,;].*\n.*[,;]"),
}


def harvested(package: Package, cache: Path, seed: int) -> pa.Table:
    """Return the windows of a package with the columns of SCHEMA, from the cache where they are there.

    Raises ArchiveError for what no honest package holds.
    """
    key = hashlib.sha256(json.dumps(["other", RECIPE, seed, package.sha256]).encode()).hexdigest()[:32]
    path = cache / "parts" / f"other-{key}.parquet"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            found = harvest(members(archive_path(package, cache)), seed)
        except ArchiveError as error:
            raise ArchiveError(f"{package}: {error}") from error
        with replacing(path) as part:
            pq.write_table(found, part, compression="zstd")
    return pq.read_table(path)


def harvest(files: Iterable[tuple[str, bytes]], seed: int) -> pa.Table:
    """(path, bytes) of one project -> at most PER_KIND windows of each kind, with the columns of SCHEMA."""
    lowest: dict[str, BottomK] = {}
    for path, data in files:
        inside = below_root(path)
        for kind, text in passages(inside, data):
            kept = lowest.setdefault(kind, BottomK(PER_KIND))
            for window in _windows(kind, inside, text, seed):
                if kept.accepts(window.rank):
                    kept.add(window, whitespace_normalised_hash(window.text))
    rows = [(kind, window) for kind in sorted(lowest) for window, _ in lowest[kind].items()]
    columns = [
        [kind for kind, _ in rows], [window.path for _, window in rows], [window.text for _, window in rows],
        [window.rank for _, window in rows],
    ]  # fmt: skip
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def passages(path: str, data: bytes) -> Iterator[tuple[str, str]]:
    """File of a package -> the kinds of Other that it holds, and the text of each."""
    kind = file_kind(path)
    named = path_language(path) if PurePosixPath(path).suffix.lower() in (*LOCALE_FILES, ".po") else None
    if (kind is None and named is None) or len(data) > LARGEST_TABLE * 4 or (text := decode(data)) is None:
        return
    text = text.encode("utf-8", "replace").decode("utf-8")  # without lone surrogates, which no file can hold
    if named is not None:
        translated = "\n".join(translated_lines(path, text)).encode("utf-8", "replace").decode("utf-8")
        if translated and (language := agreed_language(path, translated)):
            yield f"{PROSE}{language}", translated
    if kind == "prose":
        yield from _prose(path, text)
    elif kind is not None and _fits(kind, path, text):
        yield kind, text


def _prose(path: str, text: str) -> Iterator[tuple[str, str]]:
    lines = "\n".join(prose_lines(text))
    if language := agreed_language(path, lines):
        yield f"{PROSE}{language}", lines


def _fits(kind: str, path: str, text: str) -> bool:
    """Return whether a file holds what its name says."""
    if kind.startswith(LANGUAGE):
        return is_handwritten(path.removesuffix(".in"), text)
    if kind in ("licence", "changelog", "metadata"):
        return language_of_text(text) is not None
    return len(text) <= LARGEST_TABLE and (kind not in _SIGN or bool(_SIGN[kind].search(text)))


def _windows(kind: str, path: str, text: str, seed: int) -> Iterator[Window]:
    """Yield at most two windows of a file, as long as those of code are."""
    blocks = list(_blocks(text))
    draws = sorted((draw_window(seed, f"{kind}\0{path}", number).rank, number) for number in range(len(blocks)))
    for rank, number in draws[:2]:
        window, band = cut_window(blocks[number], draw_window(seed, f"{kind}\0{path}", number))
        if _is_worth_it(kind, window, band.min_filled):
            yield Window(rank, path, window)


def _blocks(text: str) -> Iterator[str]:
    """Text -> blocks of MAX_LINES lines that do not begin or end with blank ones."""
    lines = re.sub(r"\n[ \t]*\n([ \t]*\n)+", "\n\n", text).strip("\n").split("\n")
    for start in range(0, len(lines), MAX_LINES):
        if block := "\n".join(lines[start : start + MAX_LINES]).strip("\n"):
            yield block


def _is_worth_it(kind: str, window: str, min_filled: int) -> bool:
    lines = window.split("\n")
    if kind.startswith(LANGUAGE):
        return looks_like_code(window, min_filled)
    if max(map(len, lines)) > MAX_LINE or sum(not character.isspace() for character in window) < MIN_INK:
        return False
    if not kind.startswith(PROSE):
        return True
    return is_wordy(window)
