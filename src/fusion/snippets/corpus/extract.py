"""Files of one project -> its windows of code, up to a cap for each language, and what marks it as a project."""

import codecs
import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from fusion.snippets.corpus import language as rules
from fusion.snippets.corpus.filters import is_near, is_typical, is_written
from fusion.snippets.corpus.windows import Draw, cut, draw, windows

__all__ = ["Cut", "Harvest", "decode", "decode_marked", "harvest", "plain_hash", "windows"]

_MARKS = (  # UTF-32's first: it begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

LONG_LINE = 25  # characters; shorter lines are idioms that every project has


@dataclass(frozen=True)
class Cut:
    """One window, where it came from, and its rank: chance decided it before anything was read."""

    rank: int
    path: str
    text: str


@dataclass
class Harvest:
    """What one project holds of each language."""

    cuts: dict[str, list[Cut]] = field(default_factory=dict)  # in order of rank
    lines: dict[str, np.ndarray] = field(default_factory=dict)  # (n,) uint64, hashes of its longer lines, sorted
    files: Counter[str] = field(default_factory=Counter)
    lengths: Counter[str] = field(default_factory=Counter)  # lines of all files read


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
    """The encoding of 16 or 32 bits that a byte order mark names."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def decode_marked(data: bytes) -> str | None:
    """As decode, and UTF-16 and UTF-32 by their byte order mark. Not for packages: a corpus must not change."""
    encoding = marked(data)
    if encoding is None:
        return decode(data)
    try:
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None


def plain_hash(text: str) -> bytes:
    """16 bytes that two texts share if they differ in white space alone."""
    return hashlib.blake2b(" ".join(text.split()).encode("utf-8", "replace"), digest_size=16).digest()


class _Kept:
    """The `most` cuts of lowest rank seen so far, each text once."""

    def __init__(self, most: int):
        self.most, self.heap, self.texts = most, [], set()  # type: ignore[var-annotated]

    def wants(self, rank: int) -> bool:
        return len(self.heap) < self.most or rank < -self.heap[0][0]

    def add(self, cut: Cut, plain: bytes) -> None:
        if plain in self.texts:
            return
        self.texts.add(plain)
        heapq.heappush(self.heap, (-cut.rank, cut.path, cut.text, plain))
        if len(self.heap) > self.most:
            self.texts.discard(heapq.heappop(self.heap)[3])

    def cuts(self) -> Iterator[tuple[Cut, bytes]]:
        for rank, path, text, plain in sorted(self.heap, reverse=True):
            yield Cut(-rank, path, text), plain


def harvest(files: Iterable[tuple[str, bytes]], languages: Collection[str] | None, most: int, seed: int) -> Harvest:
    """(path, bytes) of one project -> Harvest of the languages asked for (None: all), `most` windows of each.

    The same files in the same order and the same seed give the same windows.
    """
    wanted = None if languages is None else set(languages) | rules.PENDING
    kept: dict[str, _Kept] = {}
    lines: dict[str, set[int]] = {}
    found, characters = Harvest(), Counter[str]()
    for path, data in files:
        inside = _below_root(path)
        if not rules.candidates(inside) or not is_near(inside) or (text := decode(data)) is None:
            continue
        language = rules.language_of(inside, text)
        if language is None or not is_written(inside, text):
            continue
        characters[language] += len(text)
        if wanted is not None and language not in wanted:
            continue
        found.files[language] += 1
        found.lengths[language] += text.count("\n") + 1
        lines.setdefault(language, set()).update(_line_hashes(text))
        _collect(kept.setdefault(language, _Kept(most)), inside, text, seed)
    for pending in sorted(rules.PENDING & kept.keys()):
        _settle(pending, rules.settle(pending, characters), wanted, kept, lines, found)
    found.cuts = {language: [cut for cut, _ in kept[language].cuts()] for language in sorted(kept)}
    found.lines = {language: np.array(sorted(lines[language]), np.uint64) for language in sorted(kept)}
    return found


def _collect(kept: _Kept, path: str, text: str, seed: int) -> None:
    """Adds the windows of one file that chance lets in."""
    for number, block in enumerate(windows(text)):
        chance: Draw = draw(seed, path, number)
        if not kept.wants(chance.rank):
            continue
        window, band = cut(block, chance)
        if is_typical(window, band.filled):
            kept.add(Cut(chance.rank, path, window), plain_hash(window))


def _settle(
    pending: str, language: str | None, wanted: set[str] | None, kept: dict[str, _Kept], lines: dict[str, set[int]],
    found: Harvest,
) -> None:  # fmt: skip
    """Moves what was pending to the language it turned out to be, or drops it."""
    moved, known, files, length = (
        kept.pop(pending),
        lines.pop(pending),
        found.files.pop(pending),
        found.lengths.pop(pending),
    )
    if language is None or (wanted is not None and language not in wanted):
        return
    target = kept.setdefault(language, _Kept(moved.most))
    for one, plain in moved.cuts():
        if target.wants(one.rank):
            target.add(one, plain)
    lines.setdefault(language, set()).update(known)
    found.files[language] += files
    found.lengths[language] += length


def _below_root(path: str) -> str:
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
