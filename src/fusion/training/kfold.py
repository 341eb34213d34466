"""k-fold: one configuration, trained from the start on each of k parts of the data -> a folder of k run folders.

runs/<name>/folds-<YYYYmmdd-HHMMSS>-<6 hex>/
    <run folder> ...     one a fold, like any other
    folds.json           mean, standard deviation and every value of what was reached
    folds.png            loss and accuracy over the epochs, mean ± standard deviation
    results.csv, .md     the table of the folds
"""

import copy
import json
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from fusion.files import write_text
from fusion.results import plots
from fusion.results.leaderboard import leaderboard
from fusion.results.record import read_metrics, read_run
from fusion.results.table import write_results
from fusion.training import run as experiment

log = logging.getLogger(__name__)

MEASURES = ("accuracy", "f1_macro", "f1_weighted", "nll", "ece")


def run(config: dict[str, Any], overrides: Sequence[str], parent: Path) -> Path:
    """All folds, one after the other, each with fresh weights -> the folder that holds them and their summary."""
    experiment.check(config)  # before there is a folder
    folder = parent / f"folds-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    runs = []
    for fold in range(config["folds"]):
        log.info("fold %d of %d", fold + 1, config["folds"])
        chosen = copy.deepcopy(config) | {"fold": fold}
        runs.append(experiment.run(chosen, [*overrides, f"fold={fold}"], folder))
    summary = summarise([read_run(one) for one in runs])
    write_text(folder / "folds.json", json.dumps(summary, indent=1) + "\n")
    plots.bands([read_metrics(one) for one in runs], folder / "folds.png")
    write_results(leaderboard(runs, root=folder), folder)
    for side, measures in summary["metrics"].items():
        reached = measures["accuracy"]
        log.info("%s: accuracy %.3f ± %.3f over %d folds", side, reached["mean"], reached["sd"], len(runs))
    return folder


def summarise(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The records of the folds -> mean, sample standard deviation and each fold's value, by side and measure."""
    metrics: dict[str, Any] = {}
    for side in ("val", "test"):
        if not all(side in run["metrics"] for run in runs):
            continue
        values = {name: [run["metrics"][side][name] for run in runs] for name in MEASURES}
        metrics[side] = {
            name: {"mean": float(np.mean(held)), "sd": float(np.std(held, ddof=1)), "folds": held}
            for name, held in values.items()
        }
    return {"schema": 1, "folds": len(runs), "metrics": metrics}
