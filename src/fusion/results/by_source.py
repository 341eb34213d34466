"""Runs with sources held out -> what each reaches there: by length and by label, with intervals over projects."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fusion.console import printable
from fusion.results.answers import AnswerReader
from fusion.results.by_length import LENGTHS, cost, of_lengths
from fusion.results.ladder import text_version
from fusion.results.record import status
from fusion.results.schema import part
from fusion.results.statistics import project_interval
from fusion.results.table import Table, format_path, with_interval, with_signed_interval

MIN_PROJECTS = 8  # of a label, fewer are one project's habits
NOTE = (
    "Accuracy on the test split, which is the held-out sources where there are some. In brackets the 95 % interval "
    "over projects, drawn again 1,000 times; a difference is paired, on the same snippets as the first run with the "
    "same sources held out, and where its interval holds 0 it is a tie."
)
COLUMNS = (
    "Held out", "Text", "Labels", "Projects", "n", "Accuracy", *(f"{low}-{high} lines" for low, high in LENGTHS),
    "Against the first", "Weakest", "Taken for", "MB", "Minutes", "Split", "Status", "Run",
)  # fmt: skip
PAIRS = 4  # of labels shown, those most often taken for one another

Answers = dict[str, np.ndarray]  # id, label, predicted, group, lines: (N,) each


def by_source(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> one row a run, those with the same sources held out together, in the order they began in."""
    rows, first = [], dict[str, Answers]()
    for folder, run, answers in _with_answers(runs):
        key = _held_out(run) + (run.get("split_hash") or "")
        rows.append(_row(folder, run, root, answers, first.get(key)))
        if answers is not None:
            first.setdefault(key, answers)
    return Table("sources", COLUMNS, [dict.fromkeys(COLUMNS, "") | row for row in rows], COLUMNS[:-3], (NOTE,))


def _with_answers(runs: Mapping[Path, dict[str, Any]]) -> Iterator[tuple[Path, dict[str, Any], Answers | None]]:
    """Yield folder, run and its answers on the test split, those with the same sources held out together."""
    for folder, run in sorted(runs.items(), key=lambda item: (_held_out(item[1]), item[0].name)):
        yield folder, run, _answers(folder) if run.get("status") == "completed" else None


def _held_out(run: Mapping[str, Any]) -> str:
    return ", ".join(part(run, "config", "data").get("held_out") or ()) or "–"


def _answers(folder: Path) -> Answers | None:
    """Return id, label, predicted, group and lines of the test split; None where there are none to read."""
    answers = AnswerReader().read(folder, {})
    if answers is None:
        return None
    rows, labels = answers.rows, np.array(answers.rows.labels)
    return {
        "id": rows.id.to_numpy(zero_copy_only=False),
        "label": labels[rows.label],
        "predicted": labels[answers.predicted],
        "group": np.array(rows.projects)[rows.project],
        "lines": rows.lines,
    }


def _row(
    folder: Path, run: dict[str, Any], root: Path | None, answers: Answers | None, first: Answers | None
) -> dict[str, str]:
    values = {
        "Held out": _held_out(run),
        "Text": text_version(run),
        **({} if answers is None else _scores(answers, first)),
        **cost(folder, run),
        "Split": (run.get("split_hash") or "")[:8],
        "Status": status(run),
        "Run": format_path(folder, root),
    }
    return {name: printable(str(value)) for name, value in values.items()}


def _scores(answers: Answers, first: Answers | None) -> dict[str, str]:
    correct, groups, lines = answers["label"] == answers["predicted"], answers["group"], answers["lines"]
    cells = {
        "Labels": str(len(set(answers["label"]))),
        "Projects": str(len(set(groups))),
        "n": f"{len(correct):,}",
        "Accuracy": with_interval(correct.mean(), project_interval(correct, groups)),
    }
    for name, chosen in of_lengths(lines, LENGTHS):
        cells[name] = f"{correct[chosen].mean():.3f}" if chosen.any() else ""
    cells["Against the first"] = "" if first is None else _difference(answers, correct, first)
    cells["Weakest"] = _weakest(answers, correct)
    pairs = Counter(zip(answers["label"][~correct].tolist(), answers["predicted"][~correct].tolist(), strict=True))
    cells["Taken for"] = ", ".join(f"{one} for {other} {n}" for (one, other), n in pairs.most_common(PAIRS))
    return cells


def _difference(answers: Answers, correct: np.ndarray, first: Answers) -> str:
    if not np.array_equal(answers["id"], first["id"]):
        return "other snippets"
    return paired_difference(correct, first["label"] == first["predicted"], answers["group"])


def paired_difference(correct: np.ndarray, others: np.ndarray, groups: np.ndarray) -> str:
    """(N,) bool of one and of another on the same snippets, their projects -> '+0.040 [+0.031, +0.050]', or tie."""
    gain = correct.astype(float) - others
    low, high = project_interval(gain, groups)
    return with_signed_interval(gain.mean(), (low, high)) + (" tie" if low <= 0 <= high else "")


def _weakest(answers: Answers, correct: np.ndarray, count: int = 3) -> str:
    """Return the labels of lowest accuracy among those with enough projects."""
    accuracy = {}
    for label in sorted(set(answers["label"].tolist())):
        of_label = answers["label"] == label
        if len(set(answers["group"][of_label])) >= MIN_PROJECTS:
            accuracy[label] = correct[of_label].mean()
    weakest = sorted(accuracy, key=lambda label: accuracy[label])[:count]
    return ", ".join(f"{label} {accuracy[label]:.2f}" for label in weakest)


def by_label(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> one row a label of each run: its accuracy, of how many projects, and what it is taken for."""
    rows = []
    for folder, run, answers in _with_answers(runs):
        of_run = {"Held out": _held_out(run), "Text": text_version(run)}
        end = {"Status": status(run), "Run": format_path(folder, root)}
        labels = [{}] if answers is None else [_label(answers, name) for name in sorted(set(answers["label"].tolist()))]
        rows += [{name: printable(value or "") for name, value in (of_run | cells | end).items()} for cells in labels]
    columns = ("Held out", "Text", "Label", "Projects", "n", "Accuracy", "Taken for", "Status", "Run")
    return Table("labels", columns, [dict.fromkeys(columns, "") | row for row in rows], columns[:-2], (NOTE,))


def _label(answers: Answers, label: str) -> dict[str, str]:
    of_label = answers["label"] == label
    correct, groups = answers["predicted"][of_label] == label, answers["group"][of_label]
    wrong = Counter(answers["predicted"][of_label][~correct].tolist())
    return {
        "Label": label,
        "Projects": str(len(set(groups))),
        "n": str(len(correct)),
        "Accuracy": with_interval(correct.mean(), project_interval(correct, groups)),
        "Taken for": ", ".join(f"{other} {n}" for other, n in wrong.most_common(PAIRS)),
    }
