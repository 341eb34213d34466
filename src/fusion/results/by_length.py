"""Runs -> how well each tells short from long snippets, and those of one source from those of another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.console import printable
from fusion.results.leaderboard import format_path, status
from fusion.results.record import read_run
from fusion.results.statistics import wilson
from fusion.results.table import Table

LENGTHS = ((1, 5), (6, 15), (16, 40))  # lines, longer ones count with the last
NOTE = "Accuracy on the test side with the Wilson interval of 95 %: projects neither learnt from nor chosen by."


def by_length(folders: Sequence[Path], root: Path | None = None) -> Table:
    """Run folders -> one line a run, best first on the validation side of its split."""
    runs = [(folder, read_run(folder)) for folder in folders]
    runs.sort(key=lambda one: (one[1].get("split_hash") or "", -_reached(one[1])))
    lines = [_line(folder, run, root) for folder, run in runs]
    columns = tuple(dict.fromkeys(name for line in lines for name in line))
    last = ("Parameters", "MB", "Minutes", "n", "Seed", "Split", "Status", "Run")
    columns = (*(name for name in columns if name not in last), *last)
    blank = dict.fromkeys(columns, "")
    return Table("texts", columns, [blank | line for line in lines], columns[:-4], (NOTE,))


def _reached(run: dict[str, Any]) -> float:
    return float((run.get("metrics") or {}).get("val", {}).get("accuracy") or 0)


def _line(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    config, timings = run.get("config") or {}, run.get("timings") or {}
    resolved, image = run.get("resolved") or {}, (config.get("backbone") or {}).get("name", "none")
    weights = folder / "model" / "model.safetensors"
    seconds = [timings[name] for name in ("preparing_seconds", "training_seconds") if timings.get(name) is not None]
    text = resolved.get("text")
    variant = (resolved.get("text_options") or {}).get("variant")
    parts: dict[str, Any] = {"Text": variant if text == "ladder" else text}
    if image != "none":
        parts["Text"] = f"{parts['Text']} + {image}"
    if run.get("status") == "completed":
        parts |= _accuracies(folder)
    parts |= {
        "Parameters": run.get("parameters"),
        "MB": f"{weights.stat().st_size / 1e6:.1f}" if weights.is_file() else None,
        "Minutes": f"{sum(seconds) / 60:.1f}" if seconds else None,
        "n": (run.get("metrics") or {}).get("test", {}).get("n"),
        "Seed": config.get("seed"),
        "Split": (run.get("split_hash") or "")[:8],
        "Status": status(run),
        "Run": format_path(folder, root),
    }
    return {name: "" if value is None else printable(str(value)) for name, value in parts.items()}


def _accuracies(folder: Path) -> dict[str, str]:
    try:
        table = pq.read_table(folder / "predictions.parquet")
        table = table.filter(pc.equal(table["split"], "test"))
        right = pc.equal(table["label"], table["predicted"]).to_numpy(zero_copy_only=False)
        lines = table["lines"].to_numpy()
    except (OSError, KeyError, pa.ArrowException) as error:
        return {"Accuracy": f"? (predictions.parquet cannot be read: {type(error).__name__})"}
    found = {"Accuracy": _share(right)}
    for low, high in LENGTHS:
        last = (low, high) == LENGTHS[-1]
        found[f"{low}-{high} lines"] = _share(right[(lines >= low) & (last | (lines <= high))])
    sources = np.array(table["source"].to_pylist() if "source" in table.column_names else [""] * len(right), object)
    for source in sorted(set(sources)) if len(set(sources)) > 1 else ():
        found[source] = _share(right[sources == source])
    return found


def _share(right: np.ndarray) -> str:
    if not len(right):
        return ""
    low, high = wilson(int(right.sum()), len(right))
    return f"{right.mean():.3f} [{low:.3f}, {high:.3f}]"
