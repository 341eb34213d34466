"""Answers of a run and of other tools to the same snippets -> a table: who is right, where, and at what cost."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fusion.console import printable
from fusion.results.by_length import LENGTHS, of_lengths
from fusion.results.by_source import MIN_PROJECTS, paired_difference
from fusion.results.statistics import project_interval
from fusion.results.table import Table, with_interval

NOTE = (
    "In brackets the 95 % interval over projects, drawn again 1,000 times. Differences are paired, on the same "
    "snippets as the run in the first row; where the interval holds 0 it is a tie. 'Ahead on': labels of at least "
    f"{MIN_PROJECTS} projects on which a tool is right more often than the run, interval above 0. A label of a tool "
    "that stands for none of ours (data/rival_labels.yaml) is wrong. 'Of N labels' takes the best of those that the "
    "run chooses from, where a tool puts all of its labels in an order. ms: median of the processor time of a snippet, "
    "asked alone, on one thread; of pictures with reading them. MB: own files, without what a tool is built on."
)
COLUMNS = (
    "Text", "Tool", "Version", "Knows", "n", "Accuracy", *(f"{low}-{high} lines" for low, high in LENGTHS),
    "Against the run", "Ahead on", "Where it knows the label", "Against the run there", "ms", "MB", "Status",
)  # fmt: skip


@dataclass(frozen=True)
class Snippets:
    """What every tool was asked about, (N,) each."""

    text: str  # where it comes from: as it stands, or read in pictures
    label: np.ndarray
    group: np.ndarray
    lines: np.ndarray


@dataclass(frozen=True)
class Judged:
    """What one tool answered, (N,), in our labels; None where it could not be asked, and the status says why."""

    tool: str
    version: str = ""
    predicted: np.ndarray | None = None
    knows: Collection[str] = ()  # labels of ours that it can answer with
    milliseconds: float | None = None
    megabytes: float | None = None
    status: str = "asked"


def rivals_table(blocks: Sequence[tuple[Snippets, Sequence[Judged]]], missing: Sequence[tuple[str, str]] = ()) -> Table:
    """Snippets, and what was answered to them, the run first -> one row a tool of each.

    missing: texts that are not there, such as what a reader would have read, and why.
    """
    rows = [row for snippets, judged in blocks for row in _rows(snippets, judged)]
    rows += [{"Text": text, "Status": why} for text, why in missing]
    return Table("rivals", COLUMNS, [dict.fromkeys(COLUMNS, "") | row for row in rows], COLUMNS, (NOTE,))


def _rows(snippets: Snippets, judged: Sequence[Judged]) -> Iterator[dict[str, str]]:
    first = None
    for one in judged:
        row = {"Text": snippets.text, "Tool": one.tool, "Version": one.version, "Status": one.status}
        if one.predicted is not None:
            correct = np.equal(one.predicted, snippets.label)  # (N,) bool
            row |= _figures(snippets, one, correct)
            if first is None:
                first = correct
            else:
                row["Against the run"] = paired_difference(correct, first, snippets.group)
                row["Ahead on"] = _ahead(snippets, correct, first)
                known = _known(snippets, one)
                if known.any():
                    there = paired_difference(correct[known], first[known], snippets.group[known])
                    row["Against the run there"] = there
        yield {name: printable(value) for name, value in row.items()}


def _figures(snippets: Snippets, one: Judged, correct: np.ndarray) -> dict[str, str]:
    labels, known = set(snippets.label.tolist()), _known(snippets, one)
    cells = {
        "Knows": f"{len(labels & set(one.knows))} of {len(labels)}",
        "n": f"{len(correct):,}",
        "Accuracy": _accuracy(correct, snippets.group),
        "Where it knows the label": _accuracy(correct[known], snippets.group[known]),
        "ms": "" if one.milliseconds is None else f"{one.milliseconds:.2f}",
        "MB": "" if one.megabytes is None else f"{one.megabytes:.1f}",
    }
    for name, chosen in of_lengths(snippets.lines, LENGTHS):
        cells[name] = f"{correct[chosen].mean():.3f}" if chosen.any() else ""
    return cells


def _known(snippets: Snippets, one: Judged) -> np.ndarray:
    """Return the snippets (N,) bool whose label a tool can answer with."""
    return np.isin(snippets.label, list(one.knows))


def _ahead(snippets: Snippets, correct: np.ndarray, first: np.ndarray) -> str:
    """Return the labels that a tool tells better than the run does, the largest difference first."""
    gains = {}
    for label in sorted(set(snippets.label.tolist())):
        of_label = snippets.label == label
        gain, groups = correct[of_label].astype(float) - first[of_label], snippets.group[of_label]
        if len(set(groups)) >= MIN_PROJECTS and project_interval(gain, groups)[0] > 0:
            gains[label] = gain.mean()
    return ", ".join(f"{label} {gains[label]:+.2f}" for label in sorted(gains, key=lambda label: -gains[label]))


def _accuracy(correct: np.ndarray, groups: np.ndarray) -> str:
    return with_interval(correct.mean(), project_interval(correct, groups)) if len(correct) else ""
