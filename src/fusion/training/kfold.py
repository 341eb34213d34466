"""k-fold: one configuration, trained from the start on each of k parts of the data -> a folder of k run folders.

runs/<name>/folds-<YYYYmmdd-HHMMSS>-<6 hex>/
    <run folder> ...     one a fold, like any other
    folds.json           mean, standard deviation and every value of what was reached
    folds.png            loss and accuracy over the epochs, mean ± standard deviation
    results.csv, .md     the table of the folds
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion.config.schema import Config
from fusion.files import write_text
from fusion.results import plots
from fusion.results.comparison import compare
from fusion.results.leaderboard import leaderboard
from fusion.results.record import new_folder, read_metrics, read_run
from fusion.results.table import write_results
from fusion.training.run import check
from fusion.training.run import run as run_once

log = logging.getLogger(__name__)

MEASURES = ("accuracy", "f1_macro", "f1_weighted", "nll", "ece")


def run(config: Config, overrides: Sequence[str], parent: Path, rerun: bool = True) -> Path:
    """Train all folds one after the other, each with fresh weights, and return the folder of them and their summary."""
    check(config)  # before there is a folder
    folds = config.folds or 0
    folder = new_folder(parent, "folds-")
    runs: dict[Path, dict[str, Any]] = {}
    for fold in range(folds):
        log.info("fold %d of %d", fold + 1, folds)
        path = run_once(replace(config, fold=fold), [*overrides, f"fold={fold}"], folder, rerun)
        runs[path] = read_run(path)
    summary = summarise([*runs.values()])
    write_text(folder / "folds.json", json.dumps(summary, indent=1) + "\n")
    plots.bands([read_metrics(path) for path in runs], folder / "folds.png")
    write_results(leaderboard(compare(runs), root=folder), folder)
    for split, measures in summary["metrics"].items():
        accuracy = measures["accuracy"]
        log.info("%s: accuracy %.3f ± %.3f over %d folds", split, accuracy["mean"], accuracy["sd"], folds)
    return folder


def summarise(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean, sample standard deviation and each fold's value, by split and measure."""
    metrics: dict[str, Any] = {}
    for split in ("val", "test"):
        if not all(split in run["metrics"] for run in runs):
            continue
        values = {name: [run["metrics"][split][name] for run in runs] for name in MEASURES}
        metrics[split] = {
            name: {"mean": float(np.mean(reached)), "sd": float(np.std(reached, ddof=1)), "folds": reached}
            for name, reached in values.items()
        }
    return {"schema": 1, "folds": len(runs), "metrics": metrics}
