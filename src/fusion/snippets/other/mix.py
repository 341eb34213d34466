"""Table of code, its packages -> the same rows and, after them, rows of the label Other.

The rows of code stay as they are, with their splits, so that runs with and without Other answer for the same code.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fusion.config.data import Packages
from fusion.languages import OTHER
from fusion.packages.manifest import Package
from fusion.snippets.dedup import connected_components, near_pairs, signatures
from fusion.snippets.other.harvest import harvested
from fusion.snippets.other.kinds import FAMILIES, LABEL_OF, LANGUAGE, family_of, mark
from fusion.snippets.other.synthetic import made_snippets
from fusion.snippets.snippet import Snippet, key_of, sort_by_split, to_table

Cut = Sequence[tuple[Package, Path]]  # packages, and the file of what was cut from each
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]

MADE = 0.3  # share of what is made by rule; the rest is found in packages
PER_PROJECT = 12  # snippets of one project and family at most
PER_TRANSLATED_PROJECT = 36  # of other human languages, which few projects have, each another text
PER_LANGUAGE = 6  # windows of one package and language that are looked at
DEALT = ("train", "test", "train", "val", "train", "test")  # languages in the order of their keys, again and again
UNTIL = ((70, "train"), (85, "val"), (100, "test"))  # projects without code of the table


class _Window(NamedTuple):
    """A window of a package that is no code of a label."""

    rank: int  # a random number that the path decides
    kind: str
    package: Package
    path: str
    text: str


class Candidate(NamedTuple):
    """A window that may become a row of the table."""

    rank: int  # a random number; the lowest are taken
    kind: str
    path: str
    text: str
    package: Package
    group: str
    split: str

    def snippet(self) -> Snippet:
        """Return the row, without its split."""
        path = mark(self.kind, f"{self.package.name}:{self.path}")
        return Snippet(self.text, OTHER, self.group, self.package.registry, self.package.license, path)


def add_other(table: pa.Table, cut: Cut, data: Packages, cache: Path, progress: Progress) -> pa.Table:
    """Table of code -> the same rows and at most `data.other` of the label Other, sorted by split.

    What is in the table already, or nearly, is left out, and so are copies.
    Raises ArchiveError for what no honest package holds.
    """
    seed, wanted_made = data.seed, round(MADE * data.other)
    known = {*table["label"].to_pylist(), *(data.other_languages or ())}
    found = [*_found(cut, known, seed, cache, progress), *_in_languages(cut, data)]
    made = list(made_snippets(wanted_made, seed))
    candidates = sorted(_placed(found, table, seed), key=lambda candidate: candidate.rank)
    texts = [*table["text"].to_pylist(), *(c.text for c in candidates), *(snippet.text for snippet, _ in made)]
    first = _first_of_their_kind(texts)[table.num_rows :]
    distinct = [candidate for candidate, is_first in zip(candidates, first, strict=False) if is_first]
    chosen = [(c.snippet(), c.split) for c in _in_turn(distinct, data.other - wanted_made)]
    chosen += [row for row, is_first in zip(made, first[len(candidates) :], strict=True) if is_first]
    split_of = {snippet.group: split for snippet, split in chosen}
    other = to_table((snippet for snippet, _ in chosen), split_of)
    return sort_by_split(pa.concat_tables([table, other]))


def _found(cut: Cut, known: Collection[str], seed: int, cache: Path, progress: Progress) -> Iterator[_Window]:
    """Yield the windows of packages that are no code of a known language, and no code that was cut as such."""
    for package, _ in progress(cut, "looking for what is no code", len(cut)):
        for row in harvested(package, cache, seed).to_pylist():
            if LABEL_OF.get(row["kind"], row["kind"].removeprefix(LANGUAGE)) not in known:
                yield _Window(row["rank"], row["kind"], package, row["path"], row["text"])


def _in_languages(cut: Cut, data: Packages) -> Iterator[_Window]:
    """Yield the windows of code in data.other_languages, PER_LANGUAGE of lowest rank of each package."""
    for package, path in cut if data.other_languages else ():
        counts: Counter[str] = Counter()
        rows = pq.read_table(path, columns=["language", "rank", "path", "text"]).sort_by("rank").to_pylist()
        for row in rows:
            language = data.merge.get(row["language"], row["language"])
            if language in (data.other_languages or ()) and counts[language] < PER_LANGUAGE:
                counts[language] += 1
                yield _Window(row["rank"], f"{LANGUAGE}{language}", package, row["path"], row["text"])


def _placed(windows: Sequence[_Window], table: pa.Table, seed: int) -> Iterator[Candidate]:
    """Windows -> candidates with the split of their project; a language keeps to the windows of its own split."""
    package_names = (path.partition(":")[0] for path in table["path"].to_pylist())
    group_of = dict(zip(zip(table["source"].to_pylist(), package_names, strict=True), table["group"].to_pylist(),
                        strict=True))  # fmt: skip
    split_of = dict(zip(table["group"].to_pylist(), table["split"].to_pylist(), strict=True))
    language_split = deal_languages({window.kind for window in windows if window.kind.startswith(LANGUAGE)}, seed)
    groups = [group_of.get((w.package.registry, w.package.name), w.package.project or w.package.name) for w in windows]
    for window, group in zip(windows, groups, strict=True):  # what has no code here goes where its language is
        if window.kind in language_split:
            split_of.setdefault(group, language_split[window.kind])
    for window, group in zip(windows, groups, strict=True):
        split = split_of.setdefault(group, _drawn_split(group, seed))
        if language_split.get(window.kind, split) == split:
            rank = key_of(seed, window.package.sha256, window.rank)
            yield Candidate(rank, window.kind, window.path, window.text, window.package, group, split)


def deal_languages(kinds: Collection[str], seed: int) -> dict[str, str]:
    """Kinds lang:X -> the split of each: half of them in train, a third in test, a sixth in val."""
    ordered = sorted(kinds, key=lambda kind: key_of(seed, kind))
    return {kind: DEALT[place % len(DEALT)] for place, kind in enumerate(ordered)}


def _drawn_split(group: str, seed: int) -> str:
    """Return the split of a project without code in the table, 70/15/15 by chance."""
    point = key_of(seed, "project", group) % 100
    return next(split for end, split in UNTIL if point < end)


def _first_of_their_kind(texts: Sequence[str]) -> np.ndarray:
    """Texts (N) -> (N,) bool, False for those that are near a text before them."""
    roots = connected_components(len(texts), near_pairs(signatures(texts)))
    return roots == np.arange(len(texts))


def _in_turn(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return at most `count` candidates: families in turn, in each its kinds in turn, of a project only so many."""
    queues: dict[str, dict[str, deque[Candidate]]] = {family: {} for family in FAMILIES}
    for candidate in candidates:
        queues[family_of(candidate.kind)].setdefault(candidate.kind, deque()).append(candidate)
    turns = {family: _kinds_in_turn(family, of_kind) for family, of_kind in queues.items()}
    chosen: list[Candidate] = []
    while turns and len(chosen) < count:
        for family in list(turns):
            following = next(turns[family], None)
            if following is None:
                del turns[family]
            elif len(chosen) < count:
                chosen.append(following)
    return chosen


def _kinds_in_turn(family: str, queues: Mapping[str, deque[Candidate]]) -> Iterator[Candidate]:
    """Yield the candidates of a family, one of each kind after another, and of each project only so many."""
    most = PER_TRANSLATED_PROJECT if family == "other human languages" else PER_PROJECT
    taken: Counter[str] = Counter()
    while any(queues.values()):
        for kind in sorted(queues):
            while queues[kind]:
                candidate = queues[kind].popleft()
                if taken[candidate.group] < most:
                    taken[candidate.group] += 1
                    yield candidate
                    break
