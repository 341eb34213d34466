"""Fused runs -> the certificate of each: what it reaches above the text alone, the picture alone, and their average.

The parts are runs of their own on the same split with the same seed, which `-m sweep=modalities` makes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fusion.console import printable
from fusion.results.answers import Answers, read_probabilities
from fusion.results.by_length import LENGTHS, of_lengths
from fusion.results.comparison import Block, Comparison, Row, modality
from fusion.results.fusions import verdict
from fusion.results.keys import Keys
from fusion.results.schema import part
from fusion.results.statistics import ACCURACIES, DIFFERENCES, ProjectBootstrap
from fusion.results.table import Table, format_path, with_interval, with_signed_interval

PARTS = {"text": "text alone", "image": "the picture alone"}
AVERAGE = "average"
COMMAND = "python -m fusion.train -m sweep=modalities"
COLUMNS = (  # after the keys that tell fused runs apart
    "Lines", "n", "Seeds", "Text", "Image", "Average", "Fused", "Verdict", "Against text", "Against average",
    "Against image", "Parts differ in", "Status", "Split", "Run",
)  # fmt: skip
SHOWN = tuple(name for name in COLUMNS if name not in ("Parts differ in", "Split", "Run"))
NOTE = (
    "Accuracy on the test split, means over seeds. Text and Image are runs of their own with the same seed on the same "
    "split; Average is the mean of their probabilities. In brackets the 95 % interval over projects, drawn again 1,000 "
    "times, of several seeds over seeds too; differences are paired, on the same snippets. Verdict: against the part "
    "that is better on validation; fusion ties where the interval holds 0."
)
NO_FUSED_RUN = f"No completed run has both a text and an image branch; {COMMAND} makes one and its parts."
# Options of fusing, which a part does not have
OF_FUSING = ("backbone", "text", "fusion.read", "fusion.colours", "fusion.modality_dropout", "fusion.auxiliary",
             "fusion.missing", "fusion.width", "fusion", "situations", "picture_share", "damage.text",
             "damage.picture")  # fmt: skip


@dataclass(frozen=True)
class Counterpart:
    """The run of a part that stands beside a fused run, and the other options in which the two differ."""

    folder: Path
    run: dict[str, Any]
    answers: Answers
    differing: tuple[str, ...]


Gain = tuple[float, tuple[float, float]]  # a figure and its interval
Parts = dict[Path, dict[str, Counterpart | None]]  # of each run of a fused row, by name


@dataclass(frozen=True, eq=False)
class Certificate:
    """A fused row and its parts, each as which answers are right (S, N), one line a seed."""

    row: Row
    seeds: list[Any]  # those that have every part that is here
    right: dict[str, np.ndarray]  # fused, text, image, average -> (S, N) bool
    best: str | None  # the part that is better on validation
    differing: tuple[str, ...]  # options other than those of fusing in which parts differ from it
    missing: tuple[str, ...]  # parts that no seed has

    @cached_property
    def lengths(self) -> list["Length"]:
        """Return all snippets, then those of each range of lengths that there is."""
        rows = self.row.rows
        assert rows is not None
        ranges = [(name, chosen) for name, chosen in of_lengths(rows.lines, LENGTHS) if chosen.any()]
        return [
            Length(name.removesuffix(" lines"), chosen, ProjectBootstrap(rows.project[chosen]))
            for name, chosen in [("all", np.full(len(rows), True)), *ranges]
        ]

    @cached_property
    def gains(self) -> list[dict[str, Gain]]:
        """Return for each length what fusion reaches above each part and above their average, with its interval."""
        above = {of: self.right["fused"].astype(float) - right for of, right in self.right.items() if of != "fused"}
        return [{of: at.mean(gain, DIFFERENCES) for of, gain in above.items()} for at in self.lengths]


@dataclass(frozen=True, eq=False)
class Length:
    """The test snippets of a range of lengths, and their projects drawn again."""

    lines: str  # all, 1-2, ...
    chosen: np.ndarray  # (N,) bool
    bootstrap: ProjectBootstrap

    def mean(self, values: np.ndarray, possible: tuple[float, float] = ACCURACIES) -> Gain:
        """Values of all snippets (S, N), a line a seed -> their mean here, and its interval."""
        return self.bootstrap.mean_with_interval(values[:, self.chosen], possible)


def certificate_of(row: Row, block: Block) -> Certificate | None:
    """Return the certificate of a row; None where it is not fused or has no answers to read."""
    return _certificate(row, block) if row.rows is not None and is_fused(row) else None


def is_fused(row: Row) -> bool:
    """Return whether a row has both a text and an image branch."""
    return {"text", "image"} <= set(modality(next(iter(row.runs.values()))).split(" + "))


def _certificate(row: Row, block: Block) -> Certificate:
    found = {folder: {name: _counterpart(folder, name, row, block) for name in PARTS} for folder in row.answers}
    had, used = _complete(found)
    right = {"fused": np.stack([row.answers[folder].correct for folder in used])}
    for name in had:
        right[name] = np.stack([parts[name].answers.correct for parts in used.values()])  # type: ignore[union-attr]
    averages = [_average(*parts.values()) for parts in used.values()] if len(had) == len(PARTS) else [None]
    if all(of is not None for of in averages):
        right[AVERAGE] = np.stack(averages)  # type: ignore[arg-type]
    parts = [one for of_run in used.values() for one in of_run.values() if one is not None]
    return Certificate(
        row,
        [row.runs[folder].get("seed") for folder in used],
        right,
        max(had, key=lambda name: _val_accuracy([of_run[name] for of_run in used.values()]), default=None),
        tuple(dict.fromkeys(key for one in parts for key in one.differing)),
        tuple(name for name in PARTS if name not in had),
    )


def _complete(found: Parts) -> tuple[list[str], Parts]:
    """Return the parts that there are, and the runs that have all of them.

    Where none has all, it is the part that most have; without any part, all runs.
    """
    having = {name: [folder for folder, parts in found.items() if parts[name]] for name in PARTS}
    had = [name for name in PARTS if having[name]]
    used = {folder: parts for folder, parts in found.items() if all(parts[name] for name in had)}
    if not used:
        had = [max(had, key=lambda name: len(having[name]))]
        used = {folder: found[folder] for folder in having[had[0]]}
    return had, used


def _counterpart(folder: Path, name: str, row: Row, block: Block) -> Counterpart | None:
    """Return the run of a part that is likest to a fused one: the same seed and branch, on the same snippets."""
    wanted, key = row.options[folder], {"text": "text", "image": "backbone"}[name]
    best: Counterpart | None = None
    for other in block.rows:
        for found, answers in other.answers.items():
            run, keys = other.runs[found], other.options[found]
            is_alike = run.get("seed") == row.runs[folder].get("seed") and keys.get(key) == wanted.get(key)
            if is_alike and answers.rows is row.rows and modality(run) == name:
                differing = _differing(wanted, keys)
                if best is None or len(differing) < len(best.differing):
                    best = Counterpart(found, run, answers, differing)
    return best


def _differing(fused: Keys, alone: Keys) -> tuple[str, ...]:
    return tuple(key for key in alone if key not in OF_FUSING and key in fused and fused[key] != alone[key])


def _val_accuracy(parts: list[Counterpart | None]) -> float:
    return float(np.mean([part(one.run, "metrics", "val").get("accuracy") or 0.0 for one in parts if one]))


def _average(text: Counterpart | None, image: Counterpart | None) -> np.ndarray | None:
    """Return which answers of the mean of two runs' probabilities are right, (N,) bool; None where one is missing."""
    if text is None or image is None:
        return None
    of_text, of_image = (read_probabilities(one.folder, one.run) for one in (text, image))
    if of_text is None or of_image is None or of_text.shape != of_image.shape:
        return None
    rows, classes = text.answers.rows, text.run.get("classes") or ()
    number = np.array([rows.labels.index(name) for name in classes])
    return number[(of_text + of_image).argmax(1)] == rows.label


def modalities(comparison: Comparison, root: Path | None = None) -> Table:
    """Return a row for all lengths and for each range of them of each fused row, and a sentence of each as a note.

    root: where paths of runs begin. A fused row that was not completed has one row, which says why.
    """
    fused = [(block, row) for block in comparison.blocks for row in block.rows if is_fused(row)]
    found = [(row, certificate_of(row, block)) for block, row in fused]
    keys = [key for key in comparison.telling if any(key in row.keys for row, _ in found)]
    columns = (*keys, *COLUMNS)
    rows = [
        {name: printable(str(cells.get(name, ""))) for name in columns}
        for row, one in found
        for cells in ([_about(row, root)] if one is None else _rows(one, root))
    ]
    notes = [sentence(one) for _, one in found if one is not None] or [NO_FUSED_RUN]
    said = tuple(name for name in SHOWN if any(row[name] for row in rows))
    return Table("modalities", columns, rows, (*keys, *said), (NOTE, *map(printable, notes)))


def _about(row: Row, root: Path | None) -> dict[str, Any]:
    """Return what is known of a row whatever became of its runs."""
    paths = ", ".join(format_path(folder, root) for folder in row.runs)
    return row.keys | {"Status": row.status, "Split": row.split, "Run": paths}


def _rows(certificate: Certificate, root: Path | None) -> Iterator[dict[str, Any]]:
    """Yield the cells of all lengths, then of each range of them."""
    about = _about(certificate.row, root)
    for at, gains in zip(certificate.lengths, certificate.gains, strict=True):
        cells: dict[str, Any] = {"Fused": with_interval(*at.mean(certificate.right["fused"]))}
        for of, gain in gains.items():
            cells[of.capitalize()] = f"{certificate.right[of][:, at.chosen].mean():.3f}"
            cells[f"Against {of}"] = with_signed_interval(*gain)
        if certificate.best is not None:
            cells["Verdict"] = verdict(*gains[certificate.best][1])
        yield about | cells | {
            "Lines": at.lines,
            "n": f"{int(at.chosen.sum()):,}",
            "Seeds": len(certificate.seeds),
            "Parts differ in": ", ".join(certificate.differing),
            "Status": ", ".join([about["Status"], *(f"no run of {PARTS[part]}" for part in certificate.missing)]),
        }  # fmt: skip


def sentence(certificate: Certificate) -> str:
    """Return whether fusion helps, ties or loses, overall and at each length, in a sentence."""
    name, best = certificate.row.name, certificate.best
    if best is None:
        return f"{name}: there is no run of its text or its picture alone to compare it with; {COMMAND} makes them."
    everything, *by_length = certificate.gains
    gain, interval = everything[best]
    words = f"{name}: fusion {verdict(*interval)}: {with_signed_interval(gain, interval)} against {PARTS[best]}"
    if AVERAGE in everything:
        gain, interval = everything[AVERAGE]
        words += f"; against the average of both it {verdict(*interval)} ({with_signed_interval(gain, interval)})"
    pairs = zip(certificate.lengths[1:], by_length, strict=True)
    told = [f"at {at.lines} lines it {verdict(*gains[best][1])}" for at, gains in pairs]
    missing = "".join(f"; there is no run of {PARTS[part]}" for part in certificate.missing)
    return f"{words}. By length: {', '.join(told)}{missing}."
