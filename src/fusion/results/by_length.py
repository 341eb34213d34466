"""Runs -> the accuracy of each on short and on long snippets, and on those of each source."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.console import printable
from fusion.results.ladder import text_version
from fusion.results.record import status
from fusion.results.schema import part
from fusion.results.statistics import wilson
from fusion.results.table import Table, format_minutes, format_path, with_interval

LENGTHS = ((1, 2), (3, 5), (6, 15), (16, 40))  # lines; longer snippets count with the last
FEWER_LENGTHS = ((1, 5), *LENGTHS[2:])  # of the table of texts
NOTE = (
    "Accuracy on the test split with its Wilson interval of 95 %: projects that the run was neither trained on nor "
    "chosen by."
)
LAST = ("Parameters", "MB", "Minutes", "n", "Seed", "Split", "Status", "Run")  # columns on the right


def by_length(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> one row a run, best validation accuracy of its split first."""
    ordered = sorted(runs.items(), key=lambda item: (item[1].get("split_hash") or "", -_val_accuracy(item[1])))
    rows = [_row(folder, run, root) for folder, run in ordered]
    columns = dict.fromkeys(name for row in rows for name in row if name not in LAST)
    blank = dict.fromkeys((*columns, *LAST), "")
    return Table("texts", tuple(blank), [blank | row for row in rows], tuple(blank)[:-4], (NOTE,))


def _val_accuracy(run: dict[str, Any]) -> float:
    return float(part(run, "metrics", "val").get("accuracy") or 0)


def _row(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    config, text = part(run, "config"), text_version(run)
    backbone = part(config, "backbone").get("name", "none")
    values = {
        "Text": text if backbone == "none" else f"{text} + {backbone}",
        **(_accuracies(folder) if run.get("status") == "completed" else {}),
        "Parameters": run.get("parameters"),
        **cost(folder, run),
        "n": part(run, "metrics", "test").get("n"),
        "Seed": config.get("seed"),
        "Split": (run.get("split_hash") or "")[:8],
        "Status": status(run),
        "Run": format_path(folder, root),
    }
    return {name: "" if value is None else printable(str(value)) for name, value in values.items()}


def cost(folder: Path, run: Mapping[str, Any]) -> dict[str, str]:
    """Return what the model takes on disk, MB, and what it took to make, Minutes; '' where that is not known."""
    weights, timings = folder / "model" / "model.safetensors", part(run, "timings")
    seconds = [timings[name] for name in ("preparing_seconds", "training_seconds") if timings.get(name) is not None]
    return {
        "MB": f"{weights.stat().st_size / 1e6:.1f}" if weights.is_file() else "",
        "Minutes": format_minutes(sum(seconds)) if seconds else "",
    }


def _accuracies(folder: Path) -> dict[str, str]:
    """Return the accuracy on the test split: of all, of each range of lengths, of each source if there are several."""
    try:
        table = pq.read_table(folder / "predictions.parquet")
        table = table.filter(pc.equal(table["split"], "test"))
        correct = pc.equal(table["label"], table["predicted"]).to_numpy(zero_copy_only=False)
        lines = table["lines"].to_numpy()
    except (OSError, KeyError, pa.ArrowException) as error:
        return {"Accuracy": f"? (predictions.parquet cannot be read: {type(error).__name__})"}
    accuracies = {"Accuracy": _format_accuracy(correct)}
    accuracies |= {name: _format_accuracy(correct[chosen]) for name, chosen in of_lengths(lines, FEWER_LENGTHS)}
    sources = np.array(table["source"].to_pylist() if "source" in table.column_names else [""] * len(lines), object)
    for source in sorted(set(sources)) if len(set(sources)) > 1 else ():
        accuracies[source] = _format_accuracy(correct[sources == source])
    return accuracies


def _format_accuracy(correct: np.ndarray) -> str:
    """(N,) bool -> 0.750 [0.650, 0.850]; '' of no snippets."""
    if not len(correct):
        return ""
    return with_interval(correct.mean(), wilson(int(correct.sum()), len(correct)))


def of_lengths(lines: np.ndarray, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield '1-5 lines' and which snippets (N,) are so long, for each range; longer ones count with the last."""
    for low, high in ranges:
        yield f"{low}-{high} lines", (lines >= low) & ((lines <= high) | (high == ranges[-1][1]))
