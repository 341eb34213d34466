"""A configuration -> a run folder: data, branches, fusion, training, evaluation."""

import errno
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from fusion.branches import image, weights
from fusion.config.errors import UserError, first_line
from fusion.config.schema import Config
from fusion.console import Stopped, set_up_logging
from fusion.results.record import Record, new_run_folder
from fusion.training import loggers
from fusion.training.batchnorm import estimate_statistics
from fusion.training.build import create_branches, make_model
from fusion.training.colours import fit_colours
from fusion.training.data import load_data, make_datamodule
from fusion.training.evaluate import evaluate
from fusion.training.feature_cache import use_cached_features
from fusion.training.fit import fit
from fusion.training.loggers import tracked
from fusion.training.memory import explain_out_of_memory, is_out_of_memory
from fusion.training.readings import use_readings
from fusion.training.reuse import find_completed, link
from fusion.training.setup import resolve_device, resolve_precision
from fusion.training.situations import make_situations
from fusion.training.sweeps import warn_once_a_sweep

log = logging.getLogger(__name__)


class RunFailed(UserError):
    """A run that failed or could not go on, and whose folder tells so."""


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
        with tracked(config, folder, record) as logger:
            _train(config, folder, record, logger)
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
    loggers.check(config)
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


def _train(config: Config, folder: Path, record: Record, logger: Logger | None) -> None:
    warn(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    clock = time.monotonic()
    data = load_data(config, record)
    config, branches = create_branches(config, data.table, record)
    if data.renderer is not None:
        facts = {"source_size": list(data.renderer.size), "fingerprint": data.renderer.fingerprint}
        record.update(image=branches["image"].module.facts() | facts)  # type: ignore[operator]
    datamodule, model = make_datamodule(config, data, branches), make_model(config, data.classes, branches)
    fit_colours(config, model, data, record)
    estimate_statistics(config, model.net, datamodule, record)
    use_cached_features(config, model, datamodule, record)
    use_readings(config, datamodule, record)
    record.update(parameters=model.net.size)
    record.content["timings"]["preparing_seconds"] = round(time.monotonic() - clock, 1)
    with explain_out_of_memory(config, len(data.classes), head_only=datamodule.features is not None):
        trainer = fit(config, model, datamodule, folder, record, logger)
    evaluate(model, datamodule, trainer, data.table, folder, record, make_situations(config.situations, config.seed))
