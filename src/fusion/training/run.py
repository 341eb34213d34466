"""A configuration -> a run folder: data, branches, fusion, training, evaluation."""

import errno
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch

from fusion.branches import image, weights
from fusion.config.errors import UserError, first_line
from fusion.config.paths import cache_dir
from fusion.config.schema import Config
from fusion.console import Stopped, progress, set_up_logging
from fusion.datamodule import SnippetDataModule
from fusion.results.record import Record, new_run_folder
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.token_cache import KEPT, TokenCache, lex
from fusion.screenshots.user_images import Pictures
from fusion.snippets.snippet import SPLITS, split_hash
from fusion.snippets.user.stream import Stream, open_stream
from fusion.training.batchnorm import estimate_statistics
from fusion.training.build import create_branches, make_model
from fusion.training.evaluate import evaluate
from fusion.training.feature_cache import styles_to_keep, use_cached_features
from fusion.training.fit import fit
from fusion.training.memory import explain_out_of_memory, is_out_of_memory
from fusion.training.reuse import find_completed, link, load_table
from fusion.training.setup import resolve_device, resolve_precision
from fusion.training.sweeps import warn_once_a_sweep

log = logging.getLogger(__name__)


class RunFailed(UserError):
    """A run that failed or could not go on, and whose folder tells so."""


MAX_UNREADABLE = 0.05  # share of own pictures that may be unreadable before a run is refused


def run(config: Config, overrides: Sequence[str], parent: Path, rerun: bool = True) -> Path:
    """Train once and return the run folder that this leaves below `parent`.

    rerun: False takes a completed run of this very configuration and data instead. Whatever happens is in run.json:
    completed, failed with the error, or interrupted.
    """
    if not rerun and (done := find_completed(config, [Path(config.runs), parent])):
        log.info("%s is this very run, completed; rerun=true would repeat it", done)
        link(done, parent)
        return done
    folder = new_run_folder(parent)
    with recorded(folder, config, overrides) as record:
        check(config)
        _train(config, folder, record)
    return folder


@contextmanager
def recorded(folder: Path, config: Config, overrides: Sequence[str]) -> Iterator[Record]:
    """Keep a run's log and record; run.json ends as completed, failed with the error, or interrupted."""
    set_up_logging(folder / "run.log")
    warn_once_a_sweep()
    record = Record(folder, config, overrides)
    record.resolve(device=resolve_device(config).type, precision=str(resolve_precision(config)))
    try:
        with _plain_errors(folder):
            yield record
    except Stopped as stopped:
        record.finish("interrupted", str(stopped))
        raise
    except UserError as error:
        record.finish("failed", str(error))
        raise RunFailed(str(error)) from error
    record.finish("completed")


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    """Turn what went wrong into one sentence; the traceback goes to run.log."""
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
    """Return whether a disk is full: Python's own error, or a Rust library's, which has its number in the text only."""
    number = error.errno if isinstance(error, OSError) else None
    found = re.search(r"\(os error (\d+)\)", str(error))
    return (int(found[1]) if found else number) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check(config: Config) -> None:
    """Raise UserError for what this machine or its libraries cannot do; the schema has checked the values."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda was asked for, but this machine has no GPU that torch can use; pass device=auto.")
    if config.has_image:
        image.check(str(config.backbone.model))
        weights.check(config.backbone)
    if config.has_text:
        weights.check(config.text)


def warn(config: Config) -> None:
    """Warn of what works, but is hardly what the user wants."""
    if config.has_image and min(config.source_size) < config.input_shape:
        log.warning(
            "warning: source_size=%s is smaller than input_shape=%d: pictures are enlarged, which adds no information",
            config.source_size,
            config.input_shape,
        )
    if config.has_image and config.render.highlight == "true":
        log.warning(
            "warning: render.highlight=true colours a picture with the lexer of its label, which writes the label into "
            "it; results say nothing about pictures whose language is not known"
        )


def _train(config: Config, folder: Path, record: Record) -> None:
    warn(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    clock = time.monotonic()
    stream = open_stream(config.data, cache_dir()) if config.is_streamed else None  # type: ignore[arg-type]
    table = stream.table if stream else load_table(config)
    record.update(data_hash=split_hash(table))
    renderer, pictures = None, None
    if config.has_image:
        renderer = Renderer(config.render, config.source_size, config.input_shape, config.seed)
        pictures = Pictures(renderer.size, config.input_shape, cache_dir())
        table = _without_unreadable(table, pictures)
    classes = sorted(pc.unique(table["label"]).to_pylist())
    record.update(classes=classes, split_hash=split_hash(table), samples=split_sizes(table))
    config, created = create_branches(config, table, record)
    if renderer is not None:
        if config.render.highlight in KEPT and stream is None:
            renderer.painter.token_cache = _lex(config.render.highlight, table)
        facts = {"source_size": list(renderer.size), "fingerprint": renderer.fingerprint}
        record.update(image=created["image"].module.facts() | facts)  # type: ignore[operator]
    datamodule = _make_datamodule(config, table, classes, created, renderer, pictures, stream)
    model = make_model(config, classes, created)
    estimate_statistics(config, model.net, datamodule, record)
    use_cached_features(config, model, datamodule, record)
    record.update(parameters=model.net.size)
    record.content["timings"]["preparing_seconds"] = round(time.monotonic() - clock, 1)
    with explain_out_of_memory(config, len(classes), head_only=datamodule.features is not None):
        trainer = fit(config, model, datamodule, folder, record)
    evaluate(model, datamodule, trainer, table, folder, record)


def _make_datamodule(
    config: Config, table: pa.Table, classes: list[str], created: dict, renderer: Renderer | None,
    pictures: Pictures | None, stream: Stream | None,
) -> SnippetDataModule:  # fmt: skip
    tokenizer = created["text"].tokenizer if "text" in created else None
    return SnippetDataModule(
        table, classes, tokenizer, renderer, batch_size=config.batch_size, seed=config.seed,
        num_workers=config.num_workers, pictures=pictures, stream=stream, num_styles=styles_to_keep(config),
    )  # fmt: skip


def _lex(policy: str, table: pa.Table) -> TokenCache:
    """Return the token classes of a table's texts, from the cache if they were lexed before."""
    columns = table.select(["id", "text", "label"])
    parts = [tuple(batch.to_pydict().values()) for batch in columns.to_batches(max_chunksize=256)]
    return lex(parts, policy, split_hash(table), cache_dir(), progress, workers=os.cpu_count() or 1)


def _without_unreadable(table: pa.Table, pictures: Pictures) -> pa.Table:
    """Return the table without rows whose own picture cannot be read; warn of them, or raise if they are too many."""
    if "image" not in table.column_names:
        return table
    paths = sorted({path for path in table["image"].to_pylist() if path})
    unreadable = pictures.unreadable(progress(paths, "reading pictures", len(paths)))
    if not unreadable:
        return table
    reasons = " ".join([*unreadable.values()][:3])
    if len(unreadable) > MAX_UNREADABLE * len(paths):
        raise UserError(f"{len(unreadable)} of {len(paths)} pictures cannot be read: {reasons}")
    log.warning("%d of %d pictures cannot be read; their rows are left out: %s", len(unreadable), len(paths), reasons)
    return table.filter(pc.invert(pc.is_in(table["image"], pa.array([*unreadable], pa.string()))))


def split_sizes(table: pa.Table) -> dict[str, int]:
    """Return how many rows each side of the split has."""
    return {split: pc.sum(pc.equal(table["split"], split)).as_py() or 0 for split in SPLITS}
