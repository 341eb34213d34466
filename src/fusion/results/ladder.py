"""Runs -> the table of the ladder of small transformers, in the columns of its source, with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion.console import printable
from fusion.results.leaderboard import format_fraction, format_interval, format_path, status
from fusion.results.record import read_run
from fusion.results.table import Table

COLUMNS = (
    "Version", "Description", "Validation accuracy", "95 %", "Complexity", "Tokens/s", "Test accuracy", "Parameters",
    "Minutes", "n", "Seed", "Split", "Status", "Run",
)  # fmt: skip
SHOWN = COLUMNS[: COLUMNS.index("n")]
NOTE = (
    "v1 and v2 read the embedding of [CLS] alone, which is the same for every text: chance by construction. v1m and "
    "v2m are the same read as the mean over the text, in which positions tell the length and not the order. Accuracies "
    "whose intervals overlap are not told apart by this table."
)
DESCRIPTIONS = {  # text.variant, or another text branch -> description, complexity
    "v1": ("Embedding of [CLS]", "Low"),
    "v2": ("Embedding of [CLS] + its position", "Low-Medium"),
    "v1m": ("Mean of the embeddings", "Low"),
    "v2m": ("Mean of the embeddings + positions", "Low-Medium"),
    "v3": ("Embedding + positions + 1 self-attention head", "Medium"),
    "v4": ("Embedding + positions + several self-attention heads", "Medium-High"),
    "v5": ("Pre-norm encoder: attention, MLP, residuals", "High"),
    "v5m": ("The same, mean over the text", "High"),
    "scratch": ("Pre-norm encoder, mean over a longer text", "High"),
    "nano": ("Hashed n-grams, several embedding bags", "Low"),
    "ngram": ("TF-IDF of character n-grams, linear", "Low"),
}


def rungs(folders: Sequence[Path], root: Path | None = None) -> Table:
    """Run folders -> one line a run, from the lowest rung up; branches that are no rung follow."""
    order = {name: format_path for format_path, name in enumerate(DESCRIPTIONS)}
    lines = [_line(folder, read_run(folder), root) for folder in folders]
    return Table("ladder", COLUMNS, sorted(lines, key=lambda x: order.get(x["Version"], len(order))), SHOWN, (NOTE,))


def _line(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    config, metrics, timings = run.get("config") or {}, run.get("metrics") or {}, run.get("timings") or {}
    resolved, val, test = run.get("resolved") or {}, metrics.get("val") or {}, metrics.get("test") or {}
    text = resolved.get("text")
    version = (resolved.get("text_options") or {}).get("variant") if text == "ladder" else text
    description, complexity = DESCRIPTIONS.get(str(version), ("", ""))
    seconds = timings.get("training_seconds")
    values = {
        "Version": version,
        "Description": description,
        "Validation accuracy": format_fraction(val.get("accuracy")),
        "95 %": format_interval(val),
        "Complexity": complexity,
        "Tokens/s": timings.get("tokens_per_second"),
        "Test accuracy": format_fraction(test.get("accuracy")),
        "Parameters": run.get("parameters"),
        "Minutes": None if seconds is None else f"{seconds / 60:.1f}",
        "n": val.get("n"),
        "Seed": config.get("seed"),
        "Split": (run.get("split_hash") or "")[:8],
        "Status": status(run),
        "Run": format_path(folder, root),
    }
    return {name: "" if value is None else printable(str(value)) for name, value in values.items()}
