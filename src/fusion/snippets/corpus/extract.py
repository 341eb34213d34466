"""Files of one project -> its windows of code, up to a cap for each language, and what marks it as a project."""

import codecs
import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from fusion.snippets.corpus.comments import comment_lines
from fusion.snippets.corpus.filters import is_first_party, is_handwritten, looks_like_code
from fusion.snippets.corpus.language import PENDING, language_of, may_be_code, resolve_pending
from fusion.snippets.corpus.windows import cut_window, draw_window, windows

_MARKS = (  # UTF-32's first: it begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

LONG_LINE = 25  # characters; shorter lines are idioms that every project has


@dataclass(frozen=True, order=True)
class Window:
    """Some lines of a file, and their rank: a random number that was fixed before anything was read."""

    rank: int
    path: str
    text: str
    comments: tuple[bool, ...] = ()  # of each line, whether it is comment


@dataclass
class Extraction:
    """What one project holds of each language."""

    windows: dict[str, list[Window]] = field(default_factory=dict)  # in order of rank
    lines: dict[str, np.ndarray] = field(default_factory=dict)  # (n,) uint64, hashes of its longer lines, sorted
    files: Counter[str] = field(default_factory=Counter)
    line_counts: Counter[str] = field(default_factory=Counter)  # of all files read


def decode(data: bytes) -> str | None:
    """Bytes -> text with \\n line ends; None for what is binary."""
    if b"\0" in data[:4096]:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def marked(data: bytes) -> str | None:
    """Return the encoding of 16 or 32 bits that a byte order mark names, if there is one."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def decode_marked(data: bytes) -> str | None:
    """Decode, and UTF-16 and UTF-32 by their byte order mark. Not for packages: a corpus must not change."""
    encoding = marked(data)
    if encoding is None:
        return decode(data)
    try:
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None


def whitespace_normalised_hash(text: str) -> bytes:
    """Return 16 bytes that two texts share if they differ in white space alone."""
    return hashlib.blake2b(" ".join(text.split()).encode("utf-8", "replace"), digest_size=16).digest()


class BottomK:
    """The k windows of lowest rank so far, each text once."""

    def __init__(self, k: int):
        self.k = k
        self.heap: list[tuple[int, Window, bytes]] = []  # the highest rank first
        self.hashes: set[bytes] = set()

    def accepts(self, rank: int) -> bool:
        """Return whether a window of this rank would be kept."""
        return len(self.heap) < self.k or rank < -self.heap[0][0]

    def add(self, window: Window, text_hash: bytes) -> None:
        """Keep a window, and drop the one of highest rank if there are too many; a text that is there stays alone."""
        if text_hash in self.hashes:
            return
        self.hashes.add(text_hash)
        heapq.heappush(self.heap, (-window.rank, window, text_hash))
        if len(self.heap) > self.k:
            self.hashes.discard(heapq.heappop(self.heap)[2])

    def items(self) -> Iterator[tuple[Window, bytes]]:
        """Yield the windows and the hashes of their texts, the lowest rank first."""
        for _, window, text_hash in sorted(self.heap, reverse=True):
            yield window, text_hash


def extract(
    files: Iterable[tuple[str, bytes]], languages: Collection[str] | None, max_windows: int, seed: int
) -> Extraction:
    """(path, bytes) of one project -> at most `max_windows` windows of each of the languages, or of all for None.

    The same files in the same order and the same seed give the same windows.
    """
    wanted = None if languages is None else set(languages) | PENDING
    lowest: dict[str, BottomK] = {}
    lines: dict[str, set[int]] = {}
    extraction, characters = Extraction(), Counter[str]()
    for path, data in files:
        inside = below_root(path)
        if not may_be_code(inside) or not is_first_party(inside) or (text := decode(data)) is None:
            continue
        language = language_of(inside, text)
        if language is None or not is_handwritten(inside, text):
            continue
        characters[language] += len(text)
        if wanted is not None and language not in wanted:
            continue
        extraction.files[language] += 1
        extraction.line_counts[language] += text.count("\n") + 1
        lines.setdefault(language, set()).update(_line_hashes(text))
        _collect(lowest.setdefault(language, BottomK(max_windows)), inside, text, language, seed)
    for pending in sorted(PENDING & lowest.keys()):
        _settle(pending, resolve_pending(pending, characters), wanted, lowest, lines, extraction)
    extraction.windows = {language: [window for window, _ in lowest[language].items()] for language in sorted(lowest)}
    extraction.lines = {language: np.array(sorted(lines[language]), np.uint64) for language in sorted(lowest)}
    return extraction


def _collect(lowest: BottomK, path: str, text: str, language: str, seed: int) -> None:
    """Add the windows of one file whose rank is low enough."""
    comments: list[bool] | None = None  # of the file, found when they are asked for
    at = 0  # where the block begins in the text
    for number, block in enumerate(windows(text)):
        at = text.index(block, at)
        draw = draw_window(seed, path, number)
        if not lowest.accepts(draw.rank):
            continue
        window, band = cut_window(block, draw)
        if looks_like_code(window, band.min_filled):
            comments = comments or comment_lines(text, "C" if language in PENDING else language)
            first = text.count("\n", 0, at + block.index(window))
            of_window = tuple(comments[first : first + window.count("\n") + 1])
            lowest.add(Window(draw.rank, path, window, of_window), whitespace_normalised_hash(window))


def _settle(
    pending: str, language: str | None, wanted: set[str] | None, lowest: dict[str, BottomK],
    lines: dict[str, set[int]], extraction: Extraction,
) -> None:  # fmt: skip
    """Move what was pending to the language it turned out to be, or drop it."""
    candidates, hashes = lowest.pop(pending), lines.pop(pending)
    files, line_count = extraction.files.pop(pending), extraction.line_counts.pop(pending)
    if language is None or (wanted is not None and language not in wanted):
        return
    target = lowest.setdefault(language, BottomK(candidates.k))
    for window, text_hash in candidates.items():
        if target.accepts(window.rank):
            target.add(window, text_hash)
    lines.setdefault(language, set()).update(hashes)
    extraction.files[language] += files
    extraction.line_counts[language] += line_count


def below_root(path: str) -> str:
    """Archive path -> path inside the project: sdists and npm packages hold one folder, .deb files /usr/share/NAME."""
    path = path.removeprefix("./")
    short = re.sub(r"^usr/(share|lib|include)/(gocode/src/|cargo/registry/|doc/)?", "", path)
    if short not in ("", path):
        return short
    return path.split("/", 1)[-1]


def _line_hashes(text: str) -> Iterator[int]:
    for line in text.split("\n"):
        line = line.strip()
        if len(line) >= LONG_LINE:
            yield int.from_bytes(hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=8).digest(), "big")
