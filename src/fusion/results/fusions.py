"""Fused runs -> what each reaches in each situation, beside its own parts, and whether fusing them helped.

Every part is the same network's answer from one modality alone, on the same snippets, so the difference is paired.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.console import printable
from fusion.results.record import status
from fusion.results.schema import part
from fusion.results.statistics import project_interval
from fusion.results.table import Table, format_path, with_interval, with_signed_interval

PARTS = ("text", "read", "image")  # answers of one modality alone
SITUATIONS = {
    "whole": "text and picture",
    "picture": "picture alone",
    "partial": "part of the text, damaged picture",
    "corrupted": "corrupted text, picture",
}
COLUMNS = (
    "Highlight", "Fusion", "Situation", "n", "Text", "Read", "Image", "Colours", "Fused", "Against the best part",
    "Verdict", "Members", "Status", "Run",
)  # fmt: skip
NOTE = (
    "Accuracy on the test split. Each part is what the same run answers from that modality alone. In brackets the 95 % "
    "interval over projects, drawn again 1,000 times; the difference is paired, on the same snippets, to the part that "
    "is best on validation, and where its interval holds 0 it is a tie. Colours: what was read and how it is coloured, "
    "which takes the picture and what was read in it. Members: the weights of an average, fitted on "
    "validation."
)
COLUMNS_READ = ("situation", "split", "id", "group", "label", "answer", "predicted")

Right = dict[str, np.ndarray]  # answer -> (N,) bool, whether it is right


def fusions(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> a row for each situation of each, best fusion of a situation first, then the others."""
    rows = []
    for folder, run in runs.items():
        told = list(_situations(folder)) if run.get("status") == "completed" else []
        of_run = {
            "Highlight": part(run, "config", "render").get("highlight", "?"),
            "Fusion": part(run, "config", "fusion").get("name", "concat"),
            "Members": ", ".join(f"{name} {share}" for name, share in part(run, "members").items()),
            "Status": status(run),
            "Run": format_path(folder, root),
        }
        rows += [of_run | cells for cells in (told or [{"Situation": "", "accuracy": -1.0}])]
    order = {name: i for i, name in enumerate(SITUATIONS.values())}
    rows.sort(key=lambda row: (row["Highlight"], order.get(row["Situation"], 99), -row["accuracy"], row["Run"]))
    shown = [{name: printable(str(row.get(name, ""))) for name in COLUMNS} for row in rows]
    return Table("fusions", COLUMNS, shown, COLUMNS[:-3], (NOTE,))


def _situations(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the cells of each situation that a run was judged in; nothing of one that has no answers to read."""
    try:
        table = pq.read_table(folder / "answers.parquet", columns=[*COLUMNS_READ])
    except (OSError, KeyError, pa.ArrowException):
        return
    for name, words in SITUATIONS.items():
        of_situation = table.filter(pc.equal(table["situation"], name))
        val, _ = _right(of_situation, "val")
        test, groups = _right(of_situation, "test")
        if "all" in test:
            yield {"Situation": words} | _cells(test, groups, val)


def _right(table: pa.Table, split: str) -> tuple[Right, np.ndarray]:
    """Return which answers about a split are right, and the project of each row (N,)."""
    table = table.filter(pc.equal(table["split"], split))
    right = pc.equal(table["label"], table["predicted"]).to_numpy()
    answer, groups = np.array(table["answer"].to_pylist()), np.array(table["group"].to_pylist())
    answers = {str(of): right[answer == of] for of in dict.fromkeys(answer.tolist())}
    return answers, groups[answer == "all"] if len(answer) else groups


def _cells(test: Right, groups: np.ndarray, val: Right) -> dict[str, Any]:
    fused = test["all"]
    cells: dict[str, Any] = {"accuracy": fused.mean(), "n": f"{len(fused):,}"}
    cells |= {name.capitalize(): f"{test[name].mean():.3f}" for name in (*PARTS, "colours") if name in test}
    cells["Fused"] = with_interval(fused.mean(), project_interval(fused, groups))
    best = best_part(val or test)
    if best is not None:
        gain = fused.astype(float) - test[best]
        low, high = project_interval(gain, groups)
        cells["Against the best part"] = f"{with_signed_interval(gain.mean(), (low, high))} ({best})"
        cells["Verdict"] = verdict(low, high)
    return cells


def best_part(right: Right) -> str | None:
    """Return the part that is right most often, the first of those that tie; None where there is none."""
    parts = [name for name in PARTS if name in right and len(right[name])]
    return max(parts, key=lambda name: right[name].mean(), default=None)


def verdict(low: float, high: float) -> str:
    """Return in a word what an interval of the gain says: helps, loses or ties."""
    return "helps" if low > 0 else "loses" if high < 0 else "ties"
