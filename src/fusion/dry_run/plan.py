"""dry_run=true: what a command line or a sweep would run, whether every shape fits, and about how long it would take.

Nothing is trained, no weights or fonts are fetched, no run folder is left; a corpus that is not there yet is built, for
its rows are counted. Shapes and memory come from the meta device; times from a few real steps of a small batch on this
machine, once for each network and each view, with random weights, which are as fast as any.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fusion.branches import LoadedBranch
from fusion.branches.weights import hub_reachable
from fusion.config.branches import Backbone, HuggingFace, TextOptions
from fusion.config.data import DataOptions
from fusion.config.errors import UserError, first_line
from fusion.config.options import parse, to_dict
from fusion.config.paths import cache_dir
from fusion.config.schema import Config, load_config
from fusion.console import progress
from fusion.dry_run.rows import COLUMNS, FAILS, write_row
from fusion.dry_run.timing import StepTimer, pretraining_seconds, reading_seconds, training_seconds
from fusion.pretraining import resume
from fusion.pretraining import run as pretraining
from fusion.results.record import Record
from fusion.results.table import format_size
from fusion.snippets import sources
from fusion.training.build import create_branches
from fusion.training.data import split_sizes
from fusion.training.feature_cache import keeps_features, styles_to_keep
from fusion.training.memory import Memory, build_on_meta, estimate_memory, free_memory
from fusion.training.reuse import find_completed
from fusion.training.run import check
from fusion.training.setup import resolve_device

log = logging.getLogger(__name__)

FEW = 64  # rows that tokenizers are trained on, and pictures drawn of


class DryRun:
    """Looks at one configuration after the other; what several of them share is made and timed once."""

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}
        self._texts: dict[str, tuple[TextOptions, LoadedBranch | None]] = {}
        self._timer = StepTimer()
        self._outlines: dict[str, tuple[int, Memory]] = {}  # parameters, and what training takes
        self._cached: set[str] = set()  # features that an earlier run of this list would have left in the cache

    def add(self, options: Mapping[str, Any], overrides: Sequence[str], folder: Path, number: int) -> None:
        """Write the row of a configuration, job NUMBER of this command line; what is wrong with it is its verdict."""
        row: dict[str, str] = dict.fromkeys(COLUMNS, "") | {
            "Run": " ".join(word for word in overrides if not word.startswith("dry_run")) or "defaults"
        }
        seconds = 0.0
        try:
            config = load_config(options)
            row |= _asked(config)
            cells, seconds = self._examine(config, overrides)
            row |= cells
        except UserError as error:
            row["Verdict"] = f"{FAILS}: {error}"
        except Exception as error:  # one run that cannot be examined does not end the list
            log.debug("failed", exc_info=True)
            row["Verdict"] = f"{FAILS}: {type(error).__name__}: {first_line(error)}"
        write_row(folder, number, row, seconds)

    def _examine(self, config: Config, overrides: Sequence[str]) -> tuple[dict[str, str], float]:
        """Return the cells that differ from what was asked, and the seconds that the run would take."""
        check(config)
        if config.pretraining:
            pretraining.check(config, overrides)
            resume.find_stopped(config)
        runs = _runs(config)
        done = [] if config.rerun is True or config.pretraining else [*filter(None, map(_completed, runs))]
        if len(done) == len(runs):
            return {"Minutes": "0", "Verdict": f"complete: {', '.join(map(str, done))}"}, 0.0
        table = self._table(config.data)
        text, branch = self._text(config, table.filter(pc.equal(table["split"], "train")).slice(0, FEW))
        config = replace(config, text=text)
        parameters, needed = self._outline(config, len(pc.unique(table["label"])))
        size = config.batch_size
        cells = {
            "Text": text.name,
            "Parameters": f"{parameters:,}",
            "Memory GB": f"{needed.at(size) / 1e9:.1f}",
            "Minutes": "?",
            "Verdict": "runs" + (f", {config.pretraining.steps * size:,} pictures" if config.pretraining else ""),
        }
        space = free_memory(resolve_device(config))
        if needed.at(size) > space:
            fits = needed.largest(size // 2, space)
            cells["Verdict"] = f"hardly fits into {space / 1e9:.1f} GB" + (f": batch_size={fits} would" if fits else "")
        seconds = 0.0
        if not config.is_streamed:
            seconds = self._seconds(config, table, branch) * (len(runs) - len(done))
            cells["Minutes"] = f"{seconds / 60:.1f}"
        return cells, seconds

    def _outline(self, config: Config, classes: int) -> tuple[int, Memory]:
        """Return the parameters of the network and the memory its training takes."""
        key = _key(config.backbone, config.text, config.fusion, config.input_shape, classes)
        if key not in self._outlines:
            net = build_on_meta(config, classes)
            self._outlines[key] = net.size, estimate_memory(net, config)
        return self._outlines[key]

    def _seconds(self, config: Config, table: pa.Table, text: LoadedBranch | None) -> float:
        """Return the seconds of one run."""
        few = table.filter(pc.equal(table["split"], "train")).slice(0, FEW)
        times = self._timer(config, few, sorted(pc.unique(table["label"]).to_pylist()), text)
        if config.pretraining:
            return pretraining_seconds(config, times, split_sizes(table))
        features = _key(
            config.backbone, config.render, config.input_shape, config.source_size, config.device, config.augment,
            config.data, config.seed,
        )  # fmt: skip
        sizes, styles, known = split_sizes(table), styles_to_keep(config), features in self._cached
        kept = styles if keeps_features(config) else None
        seconds = training_seconds(config, times, sizes, kept, known)
        seconds += 0.0 if known else reading_seconds(config, few, sizes, styles)
        self._cached.add(features)
        return seconds

    def _table(self, data: DataOptions) -> pa.Table:
        key = _key(data)
        if key not in self._tables:
            self._tables[key] = sources.load(data, cache_dir(), progress)
        return self._tables[key]

    def _text(self, config: Config, few: pa.Table) -> tuple[TextOptions, LoadedBranch | None]:
        """Return the text branch that would be trained, made from a few rows; no published weights are fetched."""
        key = _key(config.text)
        if key not in self._texts:
            text = config.text
            if isinstance(text, HuggingFace) and text.weights in ("auto", "pretrained") and hub_reachable():
                text = replace(text, weights="random")
            alone = replace(config, text=text, backbone=parse(Backbone, {"name": "none"}))
            trained, branch = alone, None
            if config.has_text:
                trained, created = create_branches(alone, few, Record(None, alone, []))
                branch = created["text"]
            self._texts[key] = trained.text, branch
        return self._texts[key]


def _asked(config: Config) -> dict[str, str]:
    """Return the cells of a row that say what was asked."""
    return {
        "Backbone": config.backbone.name,
        "Text": config.text.name,
        "Training Input Shape": format_size(config.input_shape) if config.has_image else "–",
        "Source Image Size": str(config.source_size) if config.has_image else "–",
        "LR": str(config.lr),
        "Epochs": "–" if config.pretraining else str(config.epochs),
        "Batch Size": str(config.batch_size),
    }


def _key(*parts: Any) -> str:
    return json.dumps([to_dict(part) for part in parts], default=str)


def _runs(config: Config) -> list[Config]:
    """Return the configurations of all folds, or the one itself."""
    if config.folds is None or config.fold is not None:
        return [config]
    return [replace(config, fold=fold) for fold in range(config.folds)]


def _completed(config: Config) -> Path | None:
    return find_completed(config, [Path(config.runs)])
