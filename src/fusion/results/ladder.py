"""Runs -> the table of the ladder of small transformers, in the columns of its source, with intervals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.console import printable
from fusion.results.record import status
from fusion.results.schema import part
from fusion.results.table import Table, format_fraction, format_interval, format_minutes, format_path

COLUMNS = (
    "Version", "Description", "Validation accuracy", "95 %", "Complexity", "Tokens/s", "Test accuracy", "Parameters",
    "Minutes", "n", "Seed", "Split", "Status", "Run",
)  # fmt: skip
SHOWN = COLUMNS[: COLUMNS.index("n")]
NOTE = (
    "v1 and v2 read the embedding of [CLS] alone, which is the same for every text: chance by construction. v1m and "
    "v2m are the same read as the mean over the text, in which positions tell the length and not the order. Accuracies "
    "whose intervals overlap may not differ at all."
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
    "micro": ("N-grams of bytes and tokens, linear", "Low"),
    "ngram": ("TF-IDF of character n-grams, linear", "Low"),
}


def ladder(runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> one row a run, from the lowest variant up; other text branches follow."""
    order = {version: number for number, version in enumerate(DESCRIPTIONS)}
    rows = [_row(folder, run, root) for folder, run in runs.items()]
    rows.sort(key=lambda row: order.get(row["Version"], len(order)))
    return Table("ladder", COLUMNS, rows, SHOWN, (NOTE,))


def _row(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    val, test, timings = part(run, "metrics", "val"), part(run, "metrics", "test"), part(run, "timings")
    version = text_version(run)
    description, complexity = DESCRIPTIONS.get(str(version), ("", ""))
    values = {
        "Version": version,
        "Description": description,
        "Validation accuracy": format_fraction(val.get("accuracy")),
        "95 %": format_interval(val),
        "Complexity": complexity,
        "Tokens/s": timings.get("tokens_per_second"),
        "Test accuracy": format_fraction(test.get("accuracy")),
        "Parameters": run.get("parameters"),
        "Minutes": format_minutes(timings.get("training_seconds")),
        "n": val.get("n"),
        "Seed": part(run, "config").get("seed"),
        "Split": (run.get("split_hash") or "")[:8],
        "Status": status(run),
        "Run": format_path(folder, root),
    }
    return {name: "" if value is None else printable(str(value)) for name, value in values.items()}


def text_version(run: dict[str, Any]) -> Any:
    """Return the text branch that was trained; of the ladder the variant, such as v5."""
    text = part(run, "resolved").get("text")
    return part(run, "resolved", "text_options").get("variant") if text == "ladder" else text
