"""A resolved configuration -> a run folder: data, pairs, branches, fusion, training, evaluation."""

import errno
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
import yaml

from fusion import branches
from fusion.branches import LoadedBranch
from fusion.branches.weights import WeightsUnavailable, code_weights
from fusion.config import options
from fusion.config.errors import UserError, first_line
from fusion.config.paths import CONF_DIR, cache_dir
from fusion.console import Stopped, progress, set_up_logging
from fusion.datamodule import SnippetDataModule, SnippetDataset
from fusion.model import checkpoint
from fusion.model.late_fusion import LateFusion
from fusion.results.record import Record, new_run_folder
from fusion.screenshots.renderer import Renderer, parse_size
from fusion.screenshots.token_cache import KEPT, TokenCache, lex
from fusion.screenshots.user_images import Pictures
from fusion.snippets import sources
from fusion.snippets.kfold import folded
from fusion.snippets.snippet import split_hash
from fusion.snippets.user.stream import open_stream
from fusion.training import frozen
from fusion.training import reuse as repeats
from fusion.training import setup as learning
from fusion.training.fit import evaluate, fit
from fusion.training.headroom import explain_out_of_memory, is_out_of_memory

log = logging.getLogger(__name__)

MOST_TEXTS = 200_000  # that a tokenizer is trained on
BROKEN = 0.05  # share of own pictures that may be unreadable before a run is refused


def run(config: dict[str, Any], overrides: Sequence[str], parent: Path) -> Path:
    """Trains once and leaves a run folder below `parent`; its path is returned.

    Whatever happens is in run.json: completed, failed with the error, or interrupted.
    """
    if not config["again"] and (done := repeats.completed(config, [Path(config["runs"]), parent], load)):
        log.info("%s is this very run, completed; again=true would repeat it", done)
        repeats.take(done, parent)
        return done
    folder = new_run_folder(parent)
    with recorded(folder, config, overrides) as record:
        check(config)
        _train(config, folder, record)
    return folder


@contextmanager
def recorded(folder: Path, config: dict[str, Any], overrides: Sequence[str]) -> Iterator[Record]:
    """A run and its folder's log; run.json ends as completed, failed with the error, or interrupted."""
    set_up_logging(folder / "run.log")
    record = Record(folder, config, overrides)
    try:
        with _plain_errors(folder):
            yield record
    except (Stopped, UserError) as error:
        record.finish("interrupted" if isinstance(error, Stopped) else "failed", str(error))
        raise
    record.finish("completed")


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    """What went wrong, in one sentence; the traceback goes to run.log."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        log.debug("failed", exc_info=True)
        first = first_line(error)
        if _is_full(error):
            raise UserError(f"No room is left to write ({first}); free some, or choose runs=DIR elsewhere.") from error
        if is_out_of_memory(error):
            raise UserError(f"Out of memory ({first}); lower batch_size or input_shape.") from error
        raise UserError(f"{type(error).__name__}: {first} (the whole traceback is in {folder}/run.log)") from error


def _is_full(error: Exception) -> bool:
    """Python's own error, or one of a library in Rust, which has its number in the text only."""
    number = error.errno if isinstance(error, OSError) else None
    found = re.search(r"\(os error (\d+)\)", str(error))
    return (int(found[1]) if found else number) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check(config: dict[str, Any]) -> None:
    """Raises UserError for values no run could work with, each by itself and then together."""
    options.check(config)
    _check_folds(config)
    if config["device"] == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda was asked for, but this machine has no GPU that torch can use; pass device=auto.")
    if config["backbone"]["name"] == config["text"]["name"] == "none":
        raise UserError("backbone=none and text=none leave nothing to learn from; give at least one of them.")
    if config["text"]["name"] == "ngram" and config["backbone"]["name"] != "none":
        raise UserError("text=ngram is a whole model, which nothing can be fused with; pass backbone=none.")


def _check_folds(config: dict[str, Any]) -> None:
    folds, fold = config["folds"], config["fold"]
    if fold is not None and (folds is None or type(fold) is not int or not 0 <= fold < folds):
        raise UserError(f"fold={fold} must be a whole number from 0 to below folds={folds}.")
    if folds is not None and config["data"].get("streaming"):
        raise UserError("folds deal out the projects of a table, which a stream is not; pass data.streaming=false.")


def warn(config: dict[str, Any]) -> None:
    """What works, but is hardly what the user wants, said aloud."""
    source, shape = config["source_size"], config["input_shape"]
    if config["backbone"]["name"] != "none" and min(parse_size(source)) < shape:
        log.warning(
            "warning: source_size=%s is smaller than input_shape=%d: pictures are enlarged, which adds no information",
            source,
            shape,
        )
    if config["render"].get("highlight") == "true":
        log.warning(
            "warning: render.highlight=true colours a picture with the lexer of its label, which writes the label into "
            "it; results say nothing about pictures whose language is not known"
        )


def load(config: dict[str, Any]) -> pa.Table:
    """The table of the data or, of a fold, the same with other projects on its validation side."""
    table = sources.load(config["data"], cache_dir(), progress)
    return table if config["fold"] is None else folded(table, config["fold"], config["folds"], config["seed"])


def _train(config: dict[str, Any], folder: Path, record: Record) -> None:
    warn(config)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    clock = time.monotonic()
    stream = open_stream(config["data"], cache_dir()) if config["data"].get("streaming") else None
    table = stream.table if stream else load(config)
    record.note(data_hash=split_hash(table))
    renderer, pictures = None, None
    if config["backbone"]["name"] != "none":
        renderer = Renderer(config["render"], config["source_size"], config["input_shape"], config["seed"])
        pictures = Pictures(renderer.size, config["input_shape"], cache_dir())
        table = _without_broken(table, pictures)
    classes = sorted(pc.unique(table["label"]).to_pylist())
    record.note(classes=classes, split_hash=split_hash(table), samples=sides(table))
    started = create_branches(config, table, record)
    if renderer is not None:
        if config["render"]["highlight"] in KEPT and stream is None:
            renderer.painter.token_cache = _lex(config["render"]["highlight"], table)
        facts = {"source_size": renderer.size, "fingerprint": renderer.fingerprint}
        record.note(image=started["image"].module.facts() | facts)  # type: ignore[operator]
    tokenizer = started["text"].tokenizer if "text" in started else None
    loading = {key: config[key] for key in ("batch_size", "seed", "num_workers")}
    loading |= {"pictures": pictures, "stream": stream, "variants": frozen.variants(config)}
    pairs = SnippetDataModule(table, classes, tokenizer, renderer, **loading)
    model = make_model(config, classes, started)
    learning.estimate_batchnorm(config, model.net, pairs, record)
    frozen.keep(config, model, pairs, record)
    record.note(parameters=model.net.size)
    record.content["timings"]["preparing_seconds"] = round(time.monotonic() - clock, 1)
    with explain_out_of_memory(config, len(classes), known=pairs.features is not None):
        trainer = fit(config, model, pairs, folder, record)
    evaluate(model, pairs, trainer, table, folder, record)


def _lex(policy: str, table: pa.Table) -> TokenCache:
    """The token classes of a table's texts, from the cache if they were lexed before."""
    columns = table.select(["id", "text", "label"])
    parts = [tuple(batch.to_pydict().values()) for batch in columns.to_batches(max_chunksize=256)]
    return lex(parts, policy, split_hash(table), cache_dir(), progress, workers=os.cpu_count() or 1)


def _without_broken(table: pa.Table, pictures: Pictures) -> pa.Table:
    """The table without the rows whose own picture cannot be read, counted and named; too many are an error."""
    if "image" not in table.column_names:
        return table
    paths = sorted({path for path in table["image"].to_pylist() if path})
    broken = pictures.unreadable(progress(paths, "reading pictures", len(paths)))
    if not broken:
        return table
    named = " ".join([*broken.values()][:3])
    if len(broken) > BROKEN * len(paths):
        raise UserError(f"{len(broken)} of {len(paths)} pictures cannot be read: {named}")
    log.warning("%d of %d pictures cannot be read; their rows are left out: %s", len(broken), len(paths), named)
    return table.filter(pc.invert(pc.is_in(table["image"], pa.array([*broken], pa.string()))))


def make_model(config: dict[str, Any], classes: list[str], started: dict[str, LoadedBranch]) -> checkpoint.Model:
    """LoadedBranch branches -> the fused network, with all that is stored beside its weights."""
    fusion = {key: config["fusion"][key] for key in ("hidden", "dropout", "modality_dropout")}
    net = LateFusion({name: branch.module for name, branch in started.items()}, len(classes), **fusion)
    meta = {key: config[key] for key in ("name", "render", "source_size", "input_shape", "seed")} | {
        "classes": classes,
        "branches": {name: branch.spec for name, branch in started.items()},
        "fusion": fusion,
        "temperature": 1.0,
    }
    return checkpoint.Model(net, meta, started["text"].tokenizer if "text" in started else None)


def create_branches(config: dict[str, Any], table: pa.Table, record: Record) -> dict[str, LoadedBranch]:
    """conf/text and conf/backbone -> the branches that are not `none`; the record says what weights each had."""
    started: dict[str, LoadedBranch] = {}
    if config["text"]["name"] != "none":
        rows = _sample(SnippetDataset(table, "train"), config["seed"])  # never validation or test
        classes = sorted(pc.unique(table["label"]).to_pylist())
        started["text"] = _start_text(config, rows, classes)
    if config["backbone"]["name"] != "none":
        started["image"] = branches.create_image(config["backbone"], config["input_shape"])
        if started["image"].weights == "code":
            _warn_of_learnt(config["backbone"]["model"], table, record)
    weights = {name: branch.weights for name, branch in started.items()}
    which = {name: branch.which for name, branch in started.items() if branch.which}
    record.note(config=config, text=config["text"]["name"], weights=weights, weights_from=which)
    return started


def _warn_of_learnt(model: str, table: pa.Table, record: Record) -> None:
    """Says aloud and in the record which projects are judged on that weights=code was taught by."""
    judged = set(table.filter(pc.not_equal(table["split"], "train"))["group"].to_pylist())
    learnt = sorted(judged & set(code_weights(model)[1]["projects"]))
    record.note(judged_projects_in_weights=learnt)
    if learnt:
        log.warning(
            "warning: %d of the %d projects of validation and test taught backbone.weights=code (%s ...); "
            "figures on them flatter",
            len(learnt), len(judged), ", ".join(learnt[:3]),
        )  # fmt: skip


def _sample(rows: SnippetDataset, seed: int) -> dict[str, list[Any]]:
    """What a tokenizer learns from: all rows, or MOST_TEXTS of them where there are more than memory may hold."""
    if len(rows) <= MOST_TEXTS:
        return rows[range(len(rows))]
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), MOST_TEXTS, replace=False)).tolist()]


def _start_text(config: dict[str, Any], rows: dict[str, list[Any]], classes: list[str]) -> LoadedBranch:
    """The text branch asked for or, where its weights cannot be had, its fallback: then config says so."""
    text = config["text"]
    try:
        return branches.create_text(text, rows, classes, config["seed"])
    except WeightsUnavailable as error:
        if text.get("fallback") is None or text["weights"] == "pretrained":
            raise
        log.warning(
            "Text branch: %s Instead of %s this run trains `%s`, a small branch of fusion's own, from nothing; its "
            "row says so. Pass text.model=FOLDER for a local copy, or text.fallback=null to make this an error.",
            error,
            text["name"],
            text["fallback"],
        )
        instead = CONF_DIR / "text" / f"{text['fallback']}.yaml"
        config["text"] = yaml.safe_load(instead.read_text(encoding="utf-8"))
        return branches.create_text(config["text"], rows, classes, config["seed"])


def sides(table: pa.Table) -> dict[str, int]:
    """How many rows each side of the split has."""
    return {side: pc.sum(pc.equal(table["split"], side)).as_py() or 0 for side in ("train", "val", "test")}
