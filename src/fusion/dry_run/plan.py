"""dry_run=true: what a command line or a sweep would run, whether every shape fits, and about how long it would take.

Nothing is trained, no weights or fonts are fetched, no run folder is left; a corpus that is not there yet is built, for
its rows are counted. Shapes and memory come from the meta device; times from a few real steps of a small batch on this
machine, once for each network and each view, with random weights, which are as fast as any.
"""

import copy
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fusion.branches import LoadedBranch
from fusion.branches.weights import hub_reachable
from fusion.config.errors import UserError, first_line
from fusion.config.paths import cache_dir
from fusion.console import printable, progress
from fusion.dry_run.timing import StepTimer, pretraining_seconds, seconds
from fusion.pretraining import resume as resuming
from fusion.pretraining import run as pretraining
from fusion.results.leaderboard import format_size
from fusion.results.record import Record
from fusion.results.table import Table
from fusion.snippets import sources
from fusion.training import frozen
from fusion.training import reuse as repeats
from fusion.training import run as experiment
from fusion.training.memory import Memory, build_on_meta, free_memory, memory
from fusion.training.setup import resolve_device

log = logging.getLogger(__name__)

FEW = 64  # rows that tokenizers are made from, and pictures drawn of
COLUMNS = (
    "Run", "Backbone", "Text", "Training Input Shape", "Source Image Size", "LR", "Epochs", "Batch Size",
    "Parameters", "Memory GB", "Minutes", "Verdict",
)  # fmt: skip
WRONG = "cannot run"


class NullRecord(Record):
    """The record of a run that is none."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {"timings": {}}

    def write(self) -> None:
        pass


class DryRun:
    """The runs of one command line, one after the other; then their table."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self.total = 0.0  # seconds
        self._tables: dict[str, pa.Table] = {}
        self._texts: dict[str, tuple[dict[str, Any], LoadedBranch | None]] = {}
        self._pace = StepTimer()
        self._outlines: dict[str, tuple[int, Memory]] = {}  # parameters, and what training takes
        self._kept: set[str] = set()  # whose features an earlier run of this list would have left in the cache

    def add(self, config: dict[str, Any], overrides: Sequence[str]) -> None:
        """One configuration -> one row; what is wrong with it is its verdict."""
        drawn = config["backbone"]["name"] != "none"
        row = dict.fromkeys(COLUMNS, "") | {
            "Run": " ".join(word for word in overrides if not word.startswith("dry_run")) or "defaults",
            "Backbone": config["backbone"]["name"],
            "Text": config["text"]["name"],
            "Training Input Shape": format_size(config["input_shape"]) if drawn else "–",
            "Source Image Size": format_size(config["source_size"]) if drawn else "–",
        }
        row |= {name: str(config[name.lower().replace(" ", "_")]) for name in ("LR", "Epochs", "Batch Size")}
        if config["pretraining"]:
            row["Epochs"] = "–"
        try:
            row |= self._looked_at(config, overrides)
        except UserError as error:
            row["Verdict"] = f"{WRONG}: {error}"
        except Exception as error:  # one run that cannot be looked at does not end the list
            log.debug("failed", exc_info=True)
            row["Verdict"] = f"{WRONG}: {type(error).__name__}: {first_line(error)}"
        self.rows.append({name: printable(text) for name, text in row.items()})

    def table(self) -> Table:
        hours, wrong = self.total / 3600, self.failures
        said = (
            f"{len(self.rows)} runs, about {hours:.1f} hours one after the other on this machine as busy as it is now"
        )
        said += f"; {wrong} cannot run" if wrong else ""
        return Table("preview", COLUMNS, self.rows, COLUMNS, (f"{said}. Nothing was run.",))

    @property
    def failures(self) -> int:
        return sum(row["Verdict"].startswith(WRONG) for row in self.rows)

    def _looked_at(self, config: dict[str, Any], overrides: Sequence[str]) -> dict[str, str]:
        experiment.check(config)
        if config["pretraining"]:
            pretraining.check(config, overrides)
            resuming.stopped(config)
        runs = _runs(config)
        done = [] if config["again"] or config["pretraining"] else [*filter(None, map(_completed, runs))]
        if len(done) == len(runs):
            return {"Minutes": "0", "Verdict": f"complete: {', '.join(map(str, done))}"}
        table = self._table(config["data"])
        text, started = self._text(config, table.filter(pc.equal(table["split"], "train")).slice(0, FEW))
        config = config | {"text": text}
        parameters, needed = self._outline(config, len(pc.unique(table["label"])))
        size = config["batch_size"]
        found = {
            "Text": text["name"],
            "Parameters": f"{parameters:,}",
            "Memory GB": f"{needed.at(size) / 1e9:.1f}",
            "Minutes": "?",
            "Verdict": "runs",
        }
        if config["pretraining"]:
            found["Verdict"] += f", {config['pretraining']['steps'] * size:,} pictures"
        space = free_memory(resolve_device(config))
        if needed.at(size) > space:
            fits = needed.largest(size // 2, space)
            found["Verdict"] = f"hardly fits into {space / 1e9:.1f} GB" + (f": batch_size={fits} would" if fits else "")
        if not config["data"].get("streaming"):
            found["Minutes"] = f"{self._seconds(config, table, started, len(runs) - len(done)) / 60:.1f}"
        return found

    def _outline(self, config: dict[str, Any], classes: int) -> tuple[int, Memory]:
        """Of the network without weights: how many parameters, and the memory its training takes."""
        seen = [config[name] for name in ("backbone", "text", "fusion", "input_shape")]
        key = json.dumps([seen, classes], default=str)
        if key not in self._outlines:
            net = build_on_meta(config, classes)
            frozen.apply_first_freeze(config, net)
            self._outlines[key] = net.size, memory(net, config)
        return self._outlines[key]

    def _seconds(self, config: dict[str, Any], table: pa.Table, text: LoadedBranch | None, runs: int) -> float:
        """Of so many runs: all of its folds, or those that are not complete."""
        few = table.filter(pc.equal(table["split"], "train")).slice(0, FEW)
        pace = self._pace(config, few, sorted(pc.unique(table["label"]).to_pylist()), text)
        counts = experiment.sides(table)
        if config["pretraining"]:
            took = pretraining_seconds(config, pace, counts)
            self.total += took
            return took
        seen = ("backbone", "render", "input_shape", "source_size", "device", "augment", "data", "seed")
        features = json.dumps([config[name] for name in seen], default=str)
        took = seconds(config, pace, counts, frozen.variants(config), features in self._kept)
        self._kept.add(features)
        took *= runs
        self.total += took
        return took

    def _table(self, data: dict[str, Any]) -> pa.Table:
        key = json.dumps(data, default=str)
        if key not in self._tables:
            self._tables[key] = sources.load(data, cache_dir(), progress)
        return self._tables[key]

    def _text(self, config: dict[str, Any], few: pa.Table) -> tuple[dict[str, Any], LoadedBranch | None]:
        """The text branch that would be trained, made from a few rows; published weights are not fetched for it."""
        key = json.dumps(config["text"], default=str)
        if key not in self._texts:
            chosen = copy.deepcopy(config) | {"backbone": {"name": "none"}}
            if chosen["text"].get("weights") in ("auto", "pretrained") and hub_reachable():
                chosen["text"]["weights"] = "random"
            started = experiment.create_branches(chosen, few, NullRecord())
            self._texts[key] = chosen["text"], started.get("text")
        return self._texts[key]


def _runs(config: dict[str, Any]) -> list[dict[str, Any]]:
    """A configuration -> those of its folds, or itself alone."""
    if config["folds"] is None or config["fold"] is not None:
        return [config]
    return [config | {"fold": fold} for fold in range(config["folds"])]


def _completed(config: dict[str, Any]) -> Path | None:
    return repeats.completed(config, [Path(config["runs"])], experiment.load)
