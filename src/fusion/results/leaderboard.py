"""Runs -> the table of results: one row a run, in the columns of the Rakuten study and then some."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.console import printable
from fusion.results.record import status
from fusion.results.schema import part
from fusion.results.table import Table

# The columns of the source's table, then what a reader needs to trust a row.
COLUMNS = (
    "Model", "Original Input Shape", "Training Input Shape", "Source Image Size", "LR", "Epochs",
    "Batch Size", "Accuracy", "F1 Score Weighted", "Text", "Accuracy 95 %", "F1 Macro", "By Modality", "Weights",
    "Highlight", "n", "Minutes", "Seed", "Split", "Status", "Run",
)  # fmt: skip
SHOWN = (*COLUMNS[: COLUMNS.index("Weights") + 1], "Status")  # on a terminal


def leaderboard(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> the table that a sweep ends with."""
    return Table("results", COLUMNS, rows(runs, root), SHOWN)


def rows(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> list[dict[str, str]]:
    """Runs by folder -> one dict of strings a run, best validation macro-F1 first.

    Runs on another split or other classes are never ranked together: they follow in blocks of their own.
    Failed and interrupted runs are rows too, at the end of their block.
    """
    blocks: dict[tuple[Any, ...], int] = {}
    for run in runs.values():
        blocks.setdefault(_comparable(run), len(blocks))

    def order(item: tuple[Path, dict[str, Any]]) -> tuple[int, float, str]:
        folder, run = item
        f1 = part(run, "metrics", "val").get("f1_macro")
        return blocks[_comparable(run)], -f1 if f1 is not None else 1.0, folder.name

    return [cells(folder, run, root) for folder, run in sorted(runs.items(), key=order)]


def _comparable(run: dict[str, Any]) -> tuple[Any, ...]:
    """Return what two runs must share to be ranked together."""
    return run.get("split_hash"), tuple(run.get("classes") or ())


def cells(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    """Return the text of a run in each of COLUMNS."""
    config, resolved, test = part(run, "config"), part(run, "resolved"), part(run, "metrics", "test")
    lr, weights = resolved.get("lr"), part(resolved, "weights")
    backbone = part(config, "backbone").get("name", "?")
    values = dict.fromkeys(COLUMNS, "–") | (_image_cells(run, config) if backbone != "none" else {}) | {
        "Model": backbone,
        "Text": resolved.get("text") or part(config, "text").get("name", "?"),
        "LR": "?" if lr is None else f"{lr:g}",
        "Epochs": _epochs(run.get("epochs_trained"), config.get("epochs", "?")),
        "Batch Size": str(config.get("batch_size", "?")),
        "Accuracy": format_fraction(test.get("accuracy")),
        "F1 Score Weighted": format_fraction(test.get("f1_weighted")),
        "Accuracy 95 %": format_interval(test),
        "F1 Macro": format_fraction(test.get("f1_macro")),
        "By Modality": _by_modality(run),
        "Weights": ", ".join(f"{name}: {kind}" for name, kind in weights.items()),
        "n": str(test.get("n", "")),
        "Minutes": format_minutes(part(run, "timings").get("total_seconds")),
        "Seed": str(run.get("seed", "?")),
        "Split": str(run.get("split_hash") or "?")[:8],
        "Status": f"{status(run)}: {run['error']}" if run.get("error") else status(run),
        "Run": format_path(folder, root),
    }  # fmt: skip
    return {column: printable(str(values[column])) for column in COLUMNS}  # labels, names and paths are others' words


def _by_modality(run: dict[str, Any]) -> str:
    """Return the accuracy of each modality of a fused run by itself, and of its network and linear models."""
    whole = part(run, "metrics", "test", "situations", "whole")
    told = {of: value for of, value in whole.items() if of != "all" and isinstance(value, (int, float))}
    return ", ".join(f"{of} {value:.3f}" for of, value in told.items()) or "–"


def _image_cells(run: dict[str, Any], config: dict[str, Any]) -> dict[str, str]:
    """Return the columns that only a run with an image branch has."""
    facts, shape = part(run, "image"), config.get("input_shape")
    return {
        "Original Input Shape": format_size(facts.get("original_input_shape")),
        "Training Input Shape": format_size(shape),
        "Source Image Size": _source_size(facts.get("source_size") or config.get("source_size"), shape),
        "Highlight": part(config, "render").get("highlight", "?"),
    }


def _epochs(trained: Any, asked: Any) -> str:
    return str(asked) if trained in (None, asked) else f"{trained} of {asked}"


def _source_size(size: Any, input_shape: Any) -> str:
    """Return width×height, marked where pictures were enlarged to the training shape."""
    sides = size if isinstance(size, (list, tuple)) else [size]
    upscaled = any(isinstance(side, int) and isinstance(input_shape, int) and side < input_shape for side in sides)
    return format_size(size) + (" (upscaled)" if upscaled else "")


def format_size(size: Any) -> str:
    """96, [96, 64] or None -> 96×96, 96×64 or ?."""
    if isinstance(size, (list, tuple)):
        return "×".join(str(side) for side in size)
    return f"{size}×{size}" if isinstance(size, int) else str(size or "?")


def format_path(folder: Path, root: Path | None) -> str:
    """Return where a run lies: below the root, or elsewhere, as the runs do that a sweep reused."""
    return str(folder.relative_to(root) if root and folder.is_relative_to(root) else folder)


def format_fraction(value: float | None) -> str:
    """0.75 -> 0.750; None -> ''."""
    return "" if value is None else f"{value:.3f}"


def format_interval(scores: dict[str, Any]) -> str:
    """Scores of a split -> the interval of 95 % of its accuracy, as 0.650–0.850."""
    return "–".join(format_fraction(bound) for bound in scores.get("accuracy_95", ()))


def format_minutes(seconds: float | None) -> str:
    """90 -> 1.5; None -> ''."""
    return "" if seconds is None else f"{seconds / 60:.1f}"
