"""A comparison -> the table of results: a row a configuration, ranked on validation, reporting test.

A row says what one needs to trust it: how many seeds, intervals over projects, whether it differs from the reference.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fusion.console import printable
from fusion.results.by_length import LENGTHS, of_lengths
from fusion.results.comparison import Block, Comparison, Row, Standing, modality
from fusion.results.keys import HEADLINE, Keys
from fusion.results.schema import part
from fusion.results.table import (
    Table,
    format_fraction,
    format_minutes,
    format_path,
    format_weights,
    with_interval,
    with_signed_interval,
)  # fmt: skip

BY_LINES = tuple(f"{low}-{high} lines" for low, high in LENGTHS)
COLUMNS = (  # after the keys that vary
    "Modality", "Seeds", "F1 Macro", "Accuracy", "Difference", "McNemar p", "Tie", "NLL", "ECE", "Coverage at 95 %",
    *BY_LINES, "Parameters", "Minutes", "ms", "Peak MB", "Status", "Validation", "F1 Weighted", "Wilson 95 %",
    "By Modality", "LR", "Weights", "Highlight", "n", "Split", "Run",
)  # fmt: skip
SHOWN = ("Modality", "Seeds", "F1 Macro", "Accuracy", "Difference", "McNemar p", "Tie", "ECE", "Minutes", "Status")
MAX_KEYS = 4  # columns of a terminal
NOTE = (
    "Ranked by {metric} on validation; all figures but Validation are of the test split, in brackets the 95 % interval "
    "over projects, drawn again 1,000 times{seeds}. Difference: in {metric} to {reference}, paired, on the same "
    "snippets. Tie: rows with one letter are not told apart from the first that has it: the interval holds 0{p}."
)
OF_SEEDS = ", seeds too where there are several (± is their standard deviation)"
OF_P = ", or McNemar p (exact, on the accuracy of single runs, by Holm for all that are compared) is 0.05 or more"


def leaderboard(comparison: Comparison, root: Path | None = None) -> Table:
    """Return the table that a sweep ends with; root: where paths of runs begin."""
    values = tuple(record for block in comparison.blocks for record in _records(block, comparison, root))
    columns = ("Rank", *comparison.keys, *COLUMNS)
    shown = ["Rank", *comparison.telling[:MAX_KEYS], *SHOWN]
    if {"text", "backbone"} <= set(shown):  # which say the modality
        shown.remove("Modality")
    rows = [{name: printable(str(cell)) for name, cell in _cells(value, columns)} for value in values]
    notes = [_note(comparison), *_shared(comparison), *comparison.notes]
    if len(comparison.blocks) > 1:
        notes.append("Runs on another split or with other labels are ranked by themselves: see Split.")
    if len(comparison.telling) > MAX_KEYS:
        notes.append(f"Rows differ in {', '.join(comparison.keys)}; choose columns with --by, rows with --where.")
    return Table("results", columns, rows, tuple(name for name in shown if _says(name, rows)), tuple(notes), values)


def _says(column: str, rows: Iterable[dict[str, str]]) -> bool:
    """Return whether a column tells a reader of a terminal anything: not if it is empty, or 1 seed everywhere."""
    cells = {row[column] for row in rows}
    return cells - {""} != set() and not (column == "Seeds" and cells <= {"", "1"})


def _note(comparison: Comparison) -> str:
    """Return how to read the table, without what it does not have."""
    standings = [standing for block in comparison.blocks for standing in block.standings]
    named = "the row that is best on validation"
    if comparison.reference is not None:
        named = f"the run {printable(comparison.reference.name)}"
    has_p = any(standing.difference and standing.difference.p is not None for standing in standings)
    has_seeds = any(len(row.completed) > 1 for row in comparison.rows)
    return NOTE.format(
        metric=comparison.metric, reference=named, seeds=OF_SEEDS if has_seeds else "", p=OF_P if has_p else ""
    )


def _shared(comparison: Comparison) -> Iterator[str]:
    """Yield what the rows have in common, of what is worth naming."""
    keys = [options for row in comparison.rows for options in row.options.values()]
    same = {key: {of_run[key] for of_run in keys if key in of_run} for key in HEADLINE if key not in comparison.keys}
    words = [f"{key}={next(iter(values))}" for key, values in same.items() if len(values) == 1]
    if words:
        yield f"All rows: {printable(' '.join(words))}"


def _records(block: Block, comparison: Comparison, root: Path | None) -> Iterator[dict[str, Any]]:
    """Yield each row of a block as values: numbers where there are some, None where there are none."""
    for row, standing in zip(block.rows, block.standings, strict=True):
        folder, run = next(iter(row.runs.items()))
        learns_from = modality(run)
        yield {
            "Rank": standing.rank,
            **_headline(row.options[folder]),
            **row.keys,
            "Modality": learns_from,
            "Seeds": len({one.get("seed") for one in row.completed}) or None,
            **_reached(row, standing, is_reference=row is block.reference),
            **_by_length(row),
            "Parameters": row.mean("parameters"),
            "Minutes": row.mean("timings", "total_seconds"),
            "ms": row.mean("timings", "ms_per_sample"),
            "Peak MB": row.mean("peak_memory_mb"),
            "Validation": row.mean("metrics", "val", comparison.metric),
            "By Modality": _by_modality(run),
            "LR": ", ".join(dict.fromkeys(f"{part(one, 'resolved').get('lr') or 0:g}" for one in row.completed)),
            "Weights": format_weights(run),
            "Highlight": part(run, "config", "render").get("highlight") if "image" in learns_from else None,
            "n": part(run, "metrics", "test").get("n"),
            "Split": row.split,
            "Status": row.status,
            "Run": [format_path(one, root) for one in row.runs],
        }


def _headline(options: Keys) -> Keys:
    """Return what programs want to know of every row, whether it varies or not."""
    return {key: options[key] for key in HEADLINE if key in options}


def _reached(row: Row, standing: Standing, is_reference: bool) -> dict[str, Any]:
    f1, test = row.values("metrics", "test", "f1_macro"), ("metrics", "test")
    difference = standing.difference
    wilson = part(row.completed[0], *test).get("accuracy_95") if len(row.completed) == 1 else None
    return {
        "F1 Macro": row.mean(*test, "f1_macro"),
        "F1 Macro sd": float(np.std(f1, ddof=1)) if len(f1) > 1 else None,
        "Accuracy": row.mean(*test, "accuracy"),
        "Accuracy interval": standing.interval,
        "Difference": difference.gain if difference else "reference" if is_reference else None,
        "Difference interval": difference.interval if difference else None,
        "McNemar p": difference.p if difference else None,
        "Tie": standing.tie,
        "NLL": row.mean(*test, "nll"),
        "ECE": row.mean(*test, "ece"),
        "Coverage at 95 %": row.mean(*test, "coverage_at_95_precision"),
        "F1 Weighted": row.mean(*test, "f1_weighted"),
        "Wilson 95 %": wilson or None,
    }


def _by_length(row: Row) -> dict[str, float]:
    """Return the accuracy at each range of lengths, of several seeds their mean."""
    if row.rows is None:
        return {}
    correct = row.correct.mean(0)  # (N,)
    ranges = of_lengths(row.rows.lines, LENGTHS)
    return {name: float(correct[chosen].mean()) for name, chosen in ranges if chosen.any()}


def _by_modality(run: dict[str, Any]) -> dict[str, float]:
    """Return the accuracy of each modality of a fused run by itself, and of its network and linear models."""
    whole = part(run, "metrics", "test", "situations", "whole")
    return {of: value for of, value in whole.items() if of != "all" and isinstance(value, (int, float))}


FRACTIONS = ("NLL", "ECE", "Coverage at 95 %", "Validation", "F1 Weighted", *BY_LINES)


def _cells(value: dict[str, Any], columns: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each column of a row as text."""
    for name in columns:
        of = value.get(name)
        if of is None or of == "":
            yield name, ""
        elif name == "F1 Macro" and value["F1 Macro sd"] is not None:
            yield name, f"{of:.3f} ± {value['F1 Macro sd']:.3f}"
        elif name == "Accuracy" and value["Accuracy interval"]:
            yield name, with_interval(of, value["Accuracy interval"])
        elif name == "Difference" and value["Difference interval"]:
            yield name, with_signed_interval(of, value["Difference interval"])
        elif name == "McNemar p":
            yield name, f"{of:.3f}" if of >= 0.001 else "<0.001"
        elif name == "Minutes":
            yield name, format_minutes(of)
        elif name == "By Modality":
            yield name, ", ".join(f"{one} {reached:.3f}" for one, reached in of.items())
        elif name == "Run":
            yield name, ", ".join(of)
        elif name == "Wilson 95 %":
            yield name, "–".join(map(format_fraction, of))
        elif name in (*FRACTIONS, "F1 Macro", "Accuracy"):
            yield name, format_fraction(of)
        elif isinstance(of, float):
            yield name, f"{of:.3g}" if name == "ms" else f"{of:,.0f}"
        else:
            yield name, str(of)
