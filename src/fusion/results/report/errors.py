"""What the best row gets wrong while it is sure: the snippets themselves, beside what the other row said."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.console import printable
from fusion.results.comparison import Row, modality
from fusion.results.report.shown import Shown
from fusion.results.report.texts import Text, find_texts
from fusion.results.report.trust import Judged

MOST = 12
OF_A_PROJECT = 2
LINES = 40  # of a text that is shown
COLUMNS = 200  # of a line of it


@dataclass(frozen=True)
class Wrong:
    """A wrong answer."""

    id: str
    truth: str
    answer: str
    confidence: float
    project: str
    lines: int
    other: str | None  # what the other row answers; None where there is none
    text: str | None
    picture: str | None


@dataclass(frozen=True)
class Errors:
    """The wrong answers of a row, the surest first."""

    row: str
    other: str | None  # the name of the other row
    wrong: tuple[Wrong, ...]
    total: int
    count: int  # of all answers
    note: str
    seen_by: str  # the name of the row that sees the pictures; '' where none does


def worst_errors(shown: Shown, judged: Judged) -> Errors | None:
    """Return the worst errors of the best row; None where it makes none."""
    assert shown.best is not None
    chosen = choose(judged)
    if not len(chosen):
        return None
    run, seen_by = _run_of(shown.best), next((row for row in (shown.best, *shown.rows) if _sees(row)), None)
    ids = set(judged.ids[chosen].tolist())
    texts, note = find_texts(run, ids, None if seen_by is None else _run_of(seen_by))
    said = _answers_of(shown.other, ids) if shown.other is not None else {}
    wrong = tuple(_wrong(judged, number, run["classes"], texts, said) for number in chosen)
    other = shown.name(shown.other) if shown.other is not None else None
    total = int((~judged.correct).sum())
    seen = "" if seen_by is None else shown.name(seen_by)
    return Errors(shown.name(shown.best), other, wrong, total, len(judged.correct), note, seen)


def _run_of(row: Row) -> dict[str, Any]:
    """Return the first run of a row whose answers can be read, or the first at all."""
    return row.runs[next(iter(row.answers or row.runs))]


def _sees(row: Row) -> bool:
    return "image" in modality(_run_of(row))


def choose(judged: Judged) -> np.ndarray:
    """Return the numbers of the wrong answers of highest confidence, at most OF_A_PROJECT of one project."""
    wrong = np.flatnonzero(~judged.correct)
    ordered = wrong[np.lexsort((judged.ids[wrong], -judged.confidence[wrong].round(6)))]
    seen, chosen = Counter[str](), list[int]()
    for number in ordered:
        project = str(judged.groups[number])
        seen[project] += 1
        if seen[project] <= OF_A_PROJECT:
            chosen.append(number)
        if len(chosen) == MOST:
            break
    return np.array(chosen, int)


def _answers_of(row: Row, ids: set[str]) -> dict[tuple[str, str], str]:
    """Return what the first run of a row answers, by id and true label."""
    answers = next(iter(row.answers.values()))
    rows = answers.rows
    return {(id, rows.labels[rows.label[at]]): rows.labels[answers.predicted[at]]
            for at, id in enumerate(rows.id.to_pylist()) if id in ids}  # fmt: skip


def _wrong(
    judged: Judged, at: int, classes: list[str], texts: Mapping[str, Text], said: Mapping[tuple[str, str], str]
) -> Wrong:
    id, truth = str(judged.ids[at]), classes[judged.truth[at]]
    other, found = said.get((id, truth)), texts.get(id)
    return Wrong(
        id, printable(truth), printable(classes[judged.answer[at]]), float(judged.confidence[at]),
        printable(str(judged.groups[at])), int(judged.lines[at]), None if other is None else printable(other),
        None if found is None else cut(found.text), None if found is None else found.picture,
    )  # fmt: skip


def cut(text: str) -> str:
    """Return a text as a page can show it: its first LINES lines, none too long, odd characters as escapes."""
    lines = text.split("\n")
    kept = [f"{line[:COLUMNS]}…" if len(line) > COLUMNS else line for line in lines[:LINES]]
    if len(lines) > LINES:
        kept.append(f"… and {len(lines) - LINES} more lines")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in kept)
