"""Run folders with predictions that a test chooses, as fusion.train leaves them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CLASSES = ["C", "Go", "Lua"]


def snippets(count: int = 200, projects: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Return labels, projects and lines of test snippets, (count,) each."""
    rng = np.random.default_rng(seed)
    return {
        "label": np.array(CLASSES)[rng.integers(3, size=count)],
        "group": np.array([f"p{n}" for n in rng.integers(projects, size=count)]),
        "lines": rng.integers(1, 41, size=count),
    }


def answered(rows: dict[str, np.ndarray], accuracy: float, seed: int) -> np.ndarray:
    """Return answers (N,) of which about so many are right."""
    rng = np.random.default_rng(seed)
    wrong = np.array(CLASSES)[(np.searchsorted(CLASSES, rows["label"]) + 1) % 3]
    return np.where(rng.random(len(wrong)) < accuracy, rows["label"], wrong)


def write_run(
    folder: Path,
    rows: dict[str, np.ndarray],
    predicted: Sequence[str] | np.ndarray,
    *,
    text: str = "nano",
    backbone: str = "none",
    seed: int = 0,
    sure: float = 2.0,
    val: float = 0.5,
    order: np.ndarray | None = None,
    classes: Sequence[str] = CLASSES,
    options: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[Path, dict[str, Any]]:
    """Write a completed run and return it by its folder. sure: the logit of each answer; order: of its predictions."""
    folder.mkdir(parents=True)
    predicted, count = np.asarray(predicted), len(predicted)
    at = np.arange(count) if order is None else order
    logits = (predicted[:, None] == np.array(classes)) * sure
    columns = {
        "id": [f"{n:04}" for n in at], "split": ["test"] * count, "group": rows["group"][at], "label": rows["label"][at],
        "source": ["pypi"] * count, "lines": rows["lines"][at].astype(np.int32), "predicted": predicted[at],
        "logits": list(logits[at].astype(np.float32)),
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    accuracy = float((predicted == rows["label"]).mean())
    scores = {
        "accuracy": accuracy,
        "f1_macro": accuracy,
        "f1_weighted": accuracy,
        "accuracy_95": [0.1, 0.9],
        "n": count,
    }
    config = {
        "seed": seed, "text": {"name": text}, "backbone": {"name": backbone}, "fusion": {"name": "concat"},
        "input_shape": 96, "lr": 0.001,
    }  # fmt: skip
    run = {
        "schema": 2, "status": "completed", "seed": seed, "split_hash": "s" * 16, "classes": list(classes), "temperature": 1.0,
        "config": config | (options or {}), "resolved": {"text": text, "lr": 0.001},
        "metrics": {"val": {"accuracy": val, "f1_macro": val, "f1_weighted": val}, "test": scores}, "timings": {},
    } | changes  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    return {folder: run}
