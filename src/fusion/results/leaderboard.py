"""Run folders -> the table of results: one row a run, in the columns of the Rakuten study and then some."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion.console import printable
from fusion.results.record import read_run
from fusion.results.table import Table

# The columns of the source's table, then what a reader needs to trust a row.
COLUMNS = (
    "Model", "Original Input Shape", "Training Input Shape", "Source Image Size", "LR", "Epochs",
    "Batch Size", "Accuracy", "F1 Score Weighted", "Text", "Accuracy 95 %", "F1 Macro", "Weights", "Highlight", "n",
    "Minutes", "Seed", "Split", "Status", "Run",
)  # fmt: skip
SHOWN = (*COLUMNS[: COLUMNS.index("Weights") + 1], "Status")  # on a terminal


def leaderboard(folders: Sequence[Path], root: Path | None = None) -> Table:
    """Run folders -> the table that a sweep ends with."""
    return Table("results", COLUMNS, rows(folders, root), SHOWN)


def rows(folders: Sequence[Path], root: Path | None = None) -> list[dict[str, str]]:
    """Run folders -> one dict of strings a run, best validation macro-F1 first.

    Runs on another split or other classes are never ranked together: they follow in blocks of their own.
    Failed and interrupted runs are rows too, at the end of their block.
    """
    runs = [(folder, read_run(folder)) for folder in folders]
    blocks: dict[tuple[Any, ...], int] = {}
    for _, run in runs:
        blocks.setdefault(_ranked_with(run), len(blocks))

    def order(item: tuple[Path, dict[str, Any]]) -> tuple[int, float, str]:
        run = item[1]
        rank = (run.get("metrics") or {}).get("val", {}).get("f1_macro")
        return blocks[_ranked_with(run)], -rank if rank is not None else 1.0, item[0].name

    return [cells(folder, run, root) for folder, run in sorted(runs, key=order)]


def _ranked_with(run: dict[str, Any]) -> tuple[Any, ...]:
    return run.get("split_hash"), tuple(run.get("classes") or ())


def cells(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    """A run -> its text in each of COLUMNS."""
    config, facts, test = run.get("config") or {}, run.get("image") or {}, (run.get("metrics") or {}).get("test", {})
    resolved, image = run.get("resolved") or {}, (config.get("backbone") or {}).get("name", "?")
    weights, lr = resolved.get("weights") or {}, resolved.get("lr")
    drawn = image != "none"
    trained, asked = run.get("epochs_trained"), config.get("epochs", "?")
    values = {
        "Model": image,
        "Text": resolved.get("text") or (config.get("text") or {}).get("name", "?"),
        "Original Input Shape": format_size(facts.get("original_input_shape")) if drawn else "–",
        "Training Input Shape": format_size(config.get("input_shape")) if drawn else "–",
        "Source Image Size": _source_size(facts.get("source_size") or config.get("source_size"), config)
        if drawn
        else "–",
        "LR": "?" if lr is None else f"{lr:g}",
        "Epochs": str(asked) if trained in (None, asked) else f"{trained} of {asked}",
        "Batch Size": str(config.get("batch_size", "?")),
        "Accuracy": format_fraction(test.get("accuracy")),
        "F1 Score Weighted": format_fraction(test.get("f1_weighted")),
        "Accuracy 95 %": format_interval(test),
        "F1 Macro": format_fraction(test.get("f1_macro")),
        "Weights": ", ".join(f"{name}: {kind}" for name, kind in weights.items()),
        "Highlight": (config.get("render") or {}).get("highlight", "?") if drawn else "–",
        "n": str(test.get("n", "")),
        "Minutes": _minutes(run),
        "Seed": str(run.get("seed", "?")),
        "Split": str(run.get("split_hash") or "?")[:8],
        "Status": f"{status(run)}: {run['error']}" if run.get("error") else status(run),
        "Run": format_path(folder, root),
    }
    return {column: printable(str(values[column])) for column in COLUMNS}  # labels, names and paths are others' words


def status(run: dict[str, Any]) -> str:
    """What became of a run; killed? where it says running and its process on this machine is gone."""
    said, pid = run.get("status", "?"), run.get("pid")
    if said != "running" or not pid or run.get("host") != platform.node():
        return str(said)
    try:
        os.kill(pid, 0)  # asks whether it is there
    except (ProcessLookupError, OverflowError):
        return "killed?"
    except PermissionError:  # there, and another user's
        pass
    return "running"


def format_size(size: Any) -> str:
    """96, [96, 64] or None -> 96×96, 96×64 or ?."""
    if isinstance(size, (list, tuple)):
        return "×".join(str(side) for side in size)
    return f"{size}×{size}" if isinstance(size, int) else str(size or "?")


def _source_size(size: Any, config: dict[str, Any]) -> str:
    """Width×height, marked where pictures were enlarged to the training shape."""
    shape, sides = config.get("input_shape"), size if isinstance(size, (list, tuple)) else [size]
    upscaled = any(isinstance(side, int) and isinstance(shape, int) and side < shape for side in sides)
    return format_size(size) + (" (upscaled)" if upscaled else "")


def format_path(folder: Path, root: Path | None) -> str:
    """Where a run lies: below the root, or elsewhere, as a sweep has it that took a run instead of repeating it."""
    return str(folder.relative_to(root) if root and folder.is_relative_to(root) else folder)


def format_fraction(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def format_interval(scores: dict[str, Any]) -> str:
    """The scores of a side -> its accuracy's interval of 95 %."""
    return "–".join(format_fraction(bound) for bound in scores.get("accuracy_95", ()))


def _minutes(run: dict[str, Any]) -> str:
    seconds = (run.get("timings") or {}).get("total_seconds")
    return "" if seconds is None else f"{seconds / 60:.1f}"
