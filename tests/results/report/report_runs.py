"""Runs with everything that a report shows: validation, curves, times, two swept keys, two seeds, hostile labels."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fusion.results.comparison import Comparison, compare
from fusion.results.leaderboard import leaderboard
from fusion.results.record import read_run
from fusion.results.report.page import html_report

HOSTILE = [
    "<script>alert(1)</script>", "[/]", "=cmd|' /C calc'!A0", "NA", "$x$", "L" * 300, "🦊 fox", "\u202eright to left",
    '" onload="alert(2)', "</title><img src=x onerror=alert(3)>", "{{ 7 * 7 }}", "tip a",
]  # fmt: skip
PLAIN = ["C", "Go", "Lua"]


def write(
    folder: Path, classes: Sequence[str] = PLAIN, accuracy: float = 0.7, seed: int = 0, count: int = 240,
    options: dict[str, Any] | None = None, **changes: Any,
) -> Path:  # fmt: skip
    """Write a completed run, about so accurate, on the same snippets as all others of the same classes."""
    folder.mkdir(parents=True)
    same, own = np.random.default_rng(0), np.random.default_rng([seed, round(1000 * accuracy)])
    truth = same.integers(len(classes), size=2 * count)
    answer = np.where(own.random(2 * count) < accuracy, truth, own.integers(len(classes), size=2 * count))
    logits = 2.5 * (answer[:, None] == np.arange(len(classes))) + own.normal(0, 0.5, (2 * count, len(classes)))
    names = np.array(classes, object)
    columns = {
        "id": [f"{n:064}" for n in range(2 * count)], "split": ["val"] * count + ["test"] * count,
        "group": [f"p{n}" for n in same.integers(24, size=2 * count)], "label": names[truth].tolist(),
        "lines": same.integers(1, 41, size=2 * count).astype(np.int32), "source": ["pypi"] * 2 * count,
        "predicted": names[logits.argmax(1)].tolist(), "logits": [*logits.astype(np.float32)],
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    right = logits.argmax(1) == truth
    scores = [
        {"accuracy": of, "f1_macro": of, "f1_weighted": of} for of in (right[:count].mean(), right[count:].mean())
    ]
    config = {"seed": seed, "text": {"name": "nano"}, "backbone": {"name": "none"}, "lr": 0.001} | (options or {})
    run = {
        "schema": 2, "status": "completed", "seed": seed, "started": f"2026-11-0{1 + seed}T10:00:00+00:00",
        "split_hash": "5" * 16, "classes": [*classes], "config": config, "resolved": {"lr": config["lr"]},
        "metrics": {"val": scores[0], "test": scores[1]},
        "timings": {"ms_per_sample": 10 * accuracy, "total_seconds": 60.0}, "error": None,
    } | changes  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    lines = [
        f"{epoch},{2 / epoch},{2.2 / epoch},{accuracy - 0.1 / epoch},{accuracy - 0.2 / epoch}" for epoch in (1, 2, 3)
    ]
    (folder / "metrics.csv").write_text(
        "epoch,train_loss,val_loss,train_accuracy,val_accuracy\n" + "\n".join(lines) + "\n"
    )
    return folder


def sweep(top: Path, classes: Sequence[str] = PLAIN) -> list[Path]:
    """Write nine runs: three text branches by two learning rates, one of them with two seeds, one failed, one bare."""
    folders = []
    for number, text in enumerate(("nano", "micro", "ngram")):
        for lr in (0.001, 0.01):
            options = {"text": {"name": text}, "lr": lr}
            folders.append(write(top / f"{text}-{lr}", classes, 0.6 + 0.1 * number + 5 * lr, options=options))
    options = {"text": {"name": "nano"}, "lr": 0.001}
    folders.append(write(top / "seed", classes, 0.62, 1, options=options))
    folders.append(
        write(top / "failed", classes, options={"lr": 0.1}, status="failed", error="no <b>room</b>", metrics={})
    )
    bare = write(top / "bare", classes, 0.65, options={"text": {"name": "micro"}, "lr": 0.1})
    (bare / "metrics.csv").unlink()
    (bare / "predictions.parquet").unlink()
    return [*folders, bare]


def compared(folders: Sequence[Path], **options: Any) -> Comparison:
    """Return the comparison of some folders."""
    return compare({folder: read_run(folder) for folder in folders}, **options)


def page(folders: Sequence[Path], notes: Sequence[str] = (), **options: Any) -> str:
    """Return the report of some folders."""
    comparison = compared(folders, **options)
    return html_report(comparison, [leaderboard(comparison)], notes)
