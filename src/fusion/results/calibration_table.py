"""Runs -> how far their probabilities, withheld answers and sets of labels can be trusted, by length of the snippet.

The calibration is fitted on the validation rows of predictions.parquet, as training does, and judged on the test rows.
So it can be had of older runs as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fusion.console import printable
from fusion.results import statistics
from fusion.results.answers import logits_of, read_split
from fusion.results.by_length import LENGTHS, of_lengths
from fusion.results.calibration import PRECISIONS, Calibration, fit_calibration
from fusion.results.ladder import text_version
from fusion.results.record import status
from fusion.results.schema import part
from fusion.results.table import Table, format_path

LEVELS = (0.8, 0.9, 0.95, 0.99)  # of the sets that are judged
COLUMNS = (
    "Text", "Image", "Lines", "n", "Accuracy", "ECE uncalibrated", "ECE, one temperature", "ECE", "AUROC",
    "Answered, high", "Right, high", "Answered, medium", "Right, medium", "Best possible",
    *(f"Set {100 * level:g} %" for level in LEVELS), "Status", "Run",
)  # fmt: skip
READ = ("split", "label", "lines", "group", "id", "logits")  # of predictions.parquet
SHOWN = tuple(name for name in COLUMNS[:-2] if name not in ("Image", "ECE, one temperature", "Best possible"))
NOTE = (
    "Calibration fitted on validation, figures of test. ECE: expected calibration error of the probabilities, without "
    "calibration, with one temperature, and with all of it. AUROC: how well confidence tells right from wrong answers. "
    "Answered: the share that high_confidence (95 % are to be right) and medium_confidence (85 %) answer; Right: what "
    "share of that is, with the 95 % interval over projects. Best possible: what a threshold chosen on test itself "
    "would answer with 95 % right. Set: how often it holds the true label, and how many labels it has on average."
)


@dataclass(frozen=True)
class Rows:
    """Predictions of one split."""

    logits: np.ndarray  # (N, C)
    truth: np.ndarray  # (N,) class numbers
    lines: np.ndarray  # (N,)
    groups: np.ndarray  # (N,)
    ids: np.ndarray  # (N,) of the snippets

    def chosen(self, rows: np.ndarray) -> "Rows":
        """Return some of the rows, by (N,) bool."""
        return Rows(self.logits[rows], self.truth[rows], self.lines[rows], self.groups[rows], self.ids[rows])


def by_calibration(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> a row for each run and for each range of lengths in it, in the order they began in."""
    rows: list[dict[str, str]] = []
    for folder, run in sorted(runs.items(), key=lambda item: item[0].name):
        backbone = part(run, "config", "backbone").get("name", "none")
        of_run = {"Text": text_version(run), "Image": "–" if backbone == "none" else str(backbone)}
        end = {"Status": status(run), "Run": format_path(folder, root)}
        cells = [*_judged(folder, run)] if run.get("status") == "completed" else []
        rows += [{name: printable(value or "") for name, value in (of_run | of | end).items()} for of in cells or [{}]]
    return Table("calibration", COLUMNS, [dict.fromkeys(COLUMNS, "") | row for row in rows], SHOWN, (NOTE,))


def _judged(folder: Path, run: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the figures of all test rows and of each range of lengths; nothing where predictions cannot be read."""
    val, test = read_predictions(folder, run, "val"), read_predictions(folder, run, "test")
    if val is None or test is None:
        return
    fitted = fit_calibration(val.logits, val.truth, val.lines, val.groups)
    temperature = statistics.fit_temperature(val.logits, val.truth)
    lengths = [(name, chosen) for name, chosen in of_lengths(test.lines, LENGTHS) if chosen.any()]
    for name, chosen in [("all", np.full(len(test.truth), True)), *lengths]:
        yield {"Lines": name.removesuffix(" lines")} | _figures(fitted, temperature, test.chosen(chosen))


def read_predictions(folder: Path, run: Mapping[str, Any], split: str) -> Rows | None:
    """Return the predictions of a split; None where there are none, or none that can be read."""
    number = {label: i for i, label in enumerate(run.get("classes") or ())}
    table = read_split(folder, split, READ)
    if table is None or not table.num_rows:
        return None
    try:
        truth = np.array([number[label] for label in table["label"].to_pylist()])
        logits = logits_of(table).astype(np.float64).reshape(len(truth), len(number))
        groups, ids = (np.array(table[name].to_pylist()) for name in ("group", "id"))
    except (KeyError, ValueError, TypeError, pa.ArrowException):
        return None
    return Rows(logits, truth, table["lines"].to_numpy(), groups, ids)


def _figures(fitted: Calibration, temperature: float, test: Rows) -> dict[str, str]:
    probabilities = fitted.probabilities(test.logits, test.lines)  # (N, C)
    best, confidence = probabilities.argmax(1), probabilities.max(1)
    correct = best == test.truth
    cells = {
        "n": f"{len(correct):,}",
        "Accuracy": f"{correct.mean():.3f}",
        "ECE uncalibrated": f"{statistics.expected_calibration_error(test.logits, test.truth, 1.0):.3f}",
        "ECE, one temperature": f"{statistics.expected_calibration_error(test.logits, test.truth, temperature):.3f}",
        "ECE": f"{statistics.calibration_error(probabilities, test.truth):.3f}",
        "AUROC": _auroc(confidence, correct),
        "Best possible": f"{statistics.coverage_at_precision(confidence, correct, 0.95):.3f}",
    }
    for mode in PRECISIONS:
        answered, word = confidence >= fitted.threshold(mode)[best], mode.removesuffix("_confidence")
        cells[f"Answered, {word}"] = f"{answered.mean():.3f}"
        cells[f"Right, {word}"] = _with_interval(correct[answered], test.groups[answered])
    for level in LEVELS if fitted.is_fitted else ():
        held = fitted.prediction_set(probabilities, level, test.lines)
        covered = held[np.arange(len(held)), test.truth]
        cells[f"Set {100 * level:g} %"] = f"{covered.mean():.3f} ({held.sum(1).mean():.1f})"
    return cells


def _auroc(confidence: np.ndarray, correct: np.ndarray) -> str:
    """Return how often a right answer is surer than a wrong one; '' where all are right, or wrong."""
    from sklearn.metrics import roc_auc_score

    return f"{roc_auc_score(correct, confidence):.3f}" if 0 < correct.mean() < 1 else ""


def _with_interval(correct: np.ndarray, groups: np.ndarray) -> str:
    if not len(correct):
        return ""
    low, high = statistics.project_interval(correct, groups)
    return f"{correct.mean():.3f} [{low:.3f}, {high:.3f}]"
