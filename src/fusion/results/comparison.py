"""Runs by folder -> rows that can be compared: seeds folded into one, ranked on validation, told apart by paired tests.

Only runs on the same split with the same labels are ranked together and tested against each other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fusion.results.answers import AnswerReader, Answers, EvalRows
from fusion.results.keys import Keys, check_key, keys_of, telling, varying
from fusion.results.paired import Difference, PairedTests
from fusion.results.record import outcome
from fusion.results.schema import MetricName, part

Runs = Mapping[Path, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Row:
    """Runs that differ in nothing but their seed, or in nothing that is asked about (`by`)."""

    runs: dict[Path, dict[str, Any]]
    keys: Keys  # the keys that vary over the comparison, with the values of this row
    name: str  # short, for legends
    answers: dict[Path, Answers]  # of its completed runs whose predictions can be read
    options: dict[Path, Keys]  # every key of each run

    @property
    def completed(self) -> list[dict[str, Any]]:
        """Return its runs that are complete."""
        return [run for run in self.runs.values() if run.get("status") == "completed"]

    @property
    def rows(self) -> EvalRows | None:
        """Return the snippets that all its runs answered; None where they are not the same."""
        rows = {id(answers.rows): answers.rows for answers in self.answers.values()}
        return next(iter(rows.values())) if len(rows) == 1 else None

    @property
    def correct(self) -> np.ndarray:
        """Return which answers of each run are right, (S, N) bool; where `rows` is there, and only there."""
        return np.stack([answers.correct for answers in self.answers.values()])

    @property
    def split(self) -> str:
        """Return the first digits of the hash of the split; '' where no run got so far."""
        return next((str(run["split_hash"])[:8] for run in self.runs.values() if run.get("split_hash")), "")

    @property
    def status(self) -> str:
        """Return completed, or how many runs ended how; an error in its own words; whether predictions are missing."""
        ordered = sorted(self.runs.values(), key=lambda run: run.get("status") != "completed")
        ends = Counter(map(outcome, ordered))
        words = [next(iter(ends))] if len(ends) == 1 else [f"{count} {end}" for end, count in ends.items()]
        if 0 < len(self.answers) < len(self.completed):  # intervals and differences are of the others
            words.append(f"predictions of {len(self.completed) - len(self.answers)} cannot be read")
        return ", ".join(words)

    def mean(self, *names: str) -> float | None:
        """Return the mean of a number of run.json, such as mean("metrics", "test", "nll"); None of none."""
        values = self.values(*names)
        return float(np.mean(values)) if values else None

    def values(self, *names: str) -> list[float]:
        """Return a number of run.json of each completed run that has it."""
        found = [part(run, *names[:-1]).get(names[-1]) for run in self.completed]
        return [float(value) for value in found if isinstance(value, (int, float)) and not isinstance(value, bool)]


@dataclass(frozen=True)
class Standing:
    """Where a row stands in its block."""

    rank: int | None = None  # on validation; None of a row that has not been completed
    interval: tuple[float, float] | None = None  # of the accuracy, over seeds and projects
    difference: Difference | None = None  # to the reference
    tie: str = ""  # a letter; rows with the same one are not told apart from the first that has it


@dataclass(frozen=True, eq=False)
class Block:
    """Rows on the same split with the same labels, best on validation first, unfinished ones last."""

    rows: list[Row]
    reference: Row | None  # what differences are taken to: the best, or the one that is asked for
    standings: list[Standing]  # of each row


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every run that was asked about, in rows and blocks, the block of most runs first."""

    keys: tuple[str, ...]  # the keys that vary, or that were asked for
    telling: tuple[str, ...]  # as few of them as tell the rows apart
    blocks: list[Block]
    metric: MetricName
    reference: Path | None = None  # the run that was asked for as such
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """Return the rows of all blocks."""
        return [row for block in self.blocks for row in block.rows]


def compare(
    runs: Runs, by: Sequence[str] = (), reference: Path | None = None, metric: MetricName = "accuracy"
) -> Comparison:
    """Return runs by folder as a comparison.

    by: the keys that make a row; runs that differ in others only are folded into one, as several seeds are. reference:
    the folder of a run among them. Raises UserError for a key that no run has.
    """
    keys = {folder: keys_of(run) for folder, run in runs.items()}
    known = dict.fromkeys(key for of_run in keys.values() for key in of_run)
    shown = tuple(check_key(key, known, "--by") for key in by) or tuple(varying([*keys.values()]))
    told = tuple(telling([*keys.values()], shown))
    reader, blocks = AnswerReader(), dict[Any, list[Row]]()
    for same, of_block in _split_into_blocks(runs).items():
        rows = _fold(of_block, keys, shown, in_layers=not by)
        blocks[same] = [_row(of_row, keys, shown, told, reader) for of_row in rows]
    ordered = sorted(blocks.items(), key=lambda item: (item[0][0] is None, -sum(map(_completed, item[1]))))
    judged = [_block(rows, reference, metric) for _, rows in ordered]
    return Comparison(shown, told, judged, metric, reference, _folded_notes(judged) if by else [])


def _split_into_blocks(runs: Runs) -> dict[Any, dict[Path, dict[str, Any]]]:
    """Return runs by what two runs must share to be ranked together: the split and the labels."""
    blocks: dict[Any, dict[Path, dict[str, Any]]] = {}
    for folder, run in runs.items():
        blocks.setdefault((run.get("split_hash"), tuple(run.get("classes") or ())), {})[folder] = run
    return blocks


def _fold(runs: Runs, keys: Mapping[Path, Keys], shown: Sequence[str], in_layers: bool) -> list[list[tuple[Path, Any]]]:
    """Return the runs of each row: those of the same keys.

    in_layers: of one seed the newest completed run, the older and the failed ones make rows of their own.
    """
    groups: dict[Any, list[tuple[Path, Any]]] = {}
    newest = sorted(runs.items(), key=lambda item: item[0].name, reverse=True)
    completed_first = sorted(newest, key=lambda item: item[1].get("status") != "completed")
    seen: dict[Any, int] = {}
    for folder, run in completed_first:
        key = tuple(keys[folder].get(name) for name in shown)
        layer = seen.get((key, run.get("seed")), 0) if in_layers else 0
        seen[key, run.get("seed")] = layer + 1
        groups.setdefault((key, layer), []).append((folder, run))
    return [sorted(group, key=lambda item: (item[1].get("seed") or 0, item[0].name)) for group in groups.values()]


def _row(
    runs: Iterable[tuple[Path, Any]], keys: Mapping[Path, Keys], shown: Sequence[str], told: Sequence[str],
    reader: AnswerReader,
) -> Row:  # fmt: skip
    of_row = dict(runs)
    folder, run = next(iter(of_row.items()))
    values = {key: keys[folder][key] for key in shown if key in keys[folder]}
    read = {of: reader.read(of, one) for of, one in of_row.items() if one.get("status") == "completed"}
    answers = {of: one for of, one in read.items() if one is not None}
    return Row(of_row, values, _name(values, told) or modality(run), answers, {of: keys[of] for of in of_row})


def _name(values: Keys, told: Sequence[str]) -> str:
    """Return the values that tell a row apart, as 'nano + densenet121, 224'; a branch that is not there has none."""
    branches = [values[key] for key in ("text", "backbone") if key in told and values.get(key, "none") != "none"]
    others = [values[key] for key in told if key in values and key not in ("text", "backbone")]
    return ", ".join([*([" + ".join(branches)] if branches else []), *others])


def modality(run: Mapping[str, Any]) -> str:
    """run.json -> what it learns from: text, image, text + image, and what is read in the picture."""
    config = part(run, "config")
    has = [name for name, group in (("text", "text"), ("image", "backbone"))
           if part(config, group).get("name", "none") != "none"]  # fmt: skip
    return " + ".join([*has, *(["read"] if part(config, "fusion").get("read") else [])]) or "?"


def _completed(row: Row) -> int:
    return len(row.completed)


def _block(rows: list[Row], reference: Path | None, metric: MetricName) -> Block:
    def order(row: Row) -> tuple[float, str]:
        reached = row.mean("metrics", "val", metric)
        return (1.0 if reached is None else -reached), max(folder.name for folder in row.runs)

    rows = sorted(rows, key=order)
    best = next((row for row in rows if row.rows is not None), None)
    if reference is not None:
        best = next((row for row in rows if reference in row.runs), None)
    return Block(rows, best, _standings(rows, best, metric))


def _standings(rows: Sequence[Row], reference: Row | None, metric: MetricName) -> list[Standing]:
    """Return where each row stands: differences to the reference, and ties among those on the same snippets."""
    tests: dict[int, PairedTests] = {}
    for row in rows:
        if row.rows is not None:
            tests.setdefault(id(row.rows), PairedTests(row.rows, metric)).add(row, [*row.answers.values()])
    found = [Standing(rank + 1 if row.completed else None) for rank, row in enumerate(rows)]
    place = {id(row): number for number, row in enumerate(rows)}
    for group in tests.values():
        to_reference, letters = group.differences(reference), group.tie_letters()
        for row, interval, difference, letter in zip(group.rows, group.intervals(), to_reference, letters, strict=True):
            number = place[id(row)]
            found[number] = Standing(found[number].rank, interval, difference, letter if len(tests) == 1 else "")
    return found


def _folded_notes(blocks: Sequence[Block]) -> list[str]:
    """Return what the runs of one row differ in beside their seed, which a reader of `by` must know."""
    differing: dict[str, None] = {}
    for block in blocks:
        for row in block.rows:
            differing |= dict.fromkeys(varying([*row.options.values()]))
    named = ", ".join(differing)
    return [f"Runs of one row differ in {named} too: their mean and deviation are over that."] if named else []
