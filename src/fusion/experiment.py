"""A resolved configuration -> a run folder: data, pairs, branches, fusion, training, evaluation."""

import errno
import logging
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
from pytorch_lightning.callbacks import EarlyStopping, RichProgressBar

from fusion import branches
from fusion.branches import Started
from fusion.branches.weights import WeightsUnavailable
from fusion.config import CONF_DIR, UserError, cache_dir
from fusion.console import Stopped, progress, set_up_logging
from fusion.model import checkpoint
from fusion.model.callbacks import Journal, KeepBest
from fusion.model.late_fusion import LateFusion
from fusion.model.learner import Learner
from fusion.pairs import Pairs
from fusion.results import plots, statistics
from fusion.results.record import Record, new_run_folder, write_predictions
from fusion.screenshots.views import Screen
from fusion.snippets import sources
from fusion.snippets.snippet import split_hash

log = logging.getLogger(__name__)


def run(config: dict[str, Any], overrides: Sequence[str], parent: Path) -> Path:
    """Trains once and leaves a run folder below `parent`; its path is returned.

    Whatever happens is in run.json: completed, failed with the error, or interrupted.
    """
    check(config)
    folder = new_run_folder(parent)
    set_up_logging(folder / "run.log")
    record = Record(folder, config, overrides)
    try:
        with _plain_errors(folder):
            _train(config, folder, record)
    except Stopped as stopped:
        record.finish("interrupted", str(stopped))
        raise
    except UserError as error:
        log.debug("failed", exc_info=True)
        record.finish("failed", str(error))
        raise
    record.finish("completed")
    return folder


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    """What went wrong, in one sentence; the traceback goes to run.log."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        logging.getLogger("fusion.traceback").debug("failed", exc_info=True)
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(f"There is no room left to write ({first}); free some, or choose runs=DIR elsewhere.") from error
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in first:
            raise UserError(f"Out of memory ({first}); lower batch_size or input_shape.") from error
        raise UserError(f"{type(error).__name__}: {first} (the whole traceback is in {folder}/run.log)") from error


def check(config: dict[str, Any]) -> None:
    """Raises UserError for values no run could work with."""
    for name, least in (("input_shape", 8), ("epochs", 1), ("batch_size", 1), ("num_workers", 0)):
        if not isinstance(config[name], int) or config[name] < least:
            raise UserError(f"{name}={config[name]} must be a whole number of at least {least}.")
    if not isinstance(config["lr"], (int, float)) or not config["lr"] > 0:
        raise UserError(f"lr={config['lr']} must be a number above 0, such as 0.001.")
    if config["device"] not in ("auto", "cpu", "cuda"):
        raise UserError(f"device={config['device']} is not known; it is auto, cpu or cuda.")
    if config["device"] == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda was asked for, but this machine has no GPU that torch can use; pass device=auto.")
    if config["backbone"]["name"] == config["text"]["name"] == "none":
        raise UserError("backbone=none and text=none leave nothing to learn from; give at least one of them.")
    source = config["source_size"]
    if isinstance(source, int) and config["backbone"]["name"] != "none" and source < config["input_shape"]:
        log.warning(
            "warning: source_size=%d is smaller than input_shape=%d: pictures are enlarged, which adds no information",
            source, config["input_shape"],
        )  # fmt: skip


def _train(config: dict[str, Any], folder: Path, record: Record) -> None:
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    clock = time.monotonic()
    table = sources.load(config["data"], cache_dir(), progress)
    classes = sorted(pc.unique(table["label"]).to_pylist())
    record.note(classes=classes, split_hash=split_hash(table), samples=_sides(table))
    started = start_branches(config, table, record)
    tokenizer = started["text"].tokenizer if "text" in started else None
    screen = None
    if "image" in started:
        screen = Screen(config["render"], config["source_size"], config["input_shape"], config["seed"])
        image = started["image"].module
        record.note(image={"original_input_shape": image.original_input_shape, "fingerprint": screen.fingerprint})
    pairs = Pairs(table, classes, tokenizer, screen, config["batch_size"], config["seed"], config["num_workers"])
    fusion = {key: config["fusion"][key] for key in ("hidden", "dropout")}
    net = LateFusion({name: branch.module for name, branch in started.items()}, len(classes), **fusion)
    meta = {
        "name": config["name"], "classes": classes, "branches": {name: s.spec for name, s in started.items()},
        "fusion": fusion, "render": config["render"], "source_size": config["source_size"],
        "input_shape": config["input_shape"], "seed": config["seed"], "temperature": 1.0,
    }  # fmt: skip
    record.note(parameters=sum(p.numel() for p in net.parameters()))
    record.content["timings"]["preparing_seconds"] = round(time.monotonic() - clock, 1)
    model = checkpoint.Model(net, meta, tokenizer)
    trainer = _fit(config, model, pairs, folder, record)
    _evaluate(model, pairs, trainer, table, folder, record)


def start_branches(config: dict[str, Any], table: pa.Table, record: Record) -> dict[str, Started]:
    """conf/text and conf/backbone -> the branches that are not `none`; record.weights says what each had."""
    started: dict[str, Started] = {}
    if config["text"]["name"] != "none":
        rows = table.filter(pc.equal(table["split"], "train"))  # never validation or test
        started["text"] = _start_text(config, rows["text"].to_pylist(), rows["group"].to_pylist())
    if config["backbone"]["name"] != "none":
        started["image"] = branches.start_image(config["backbone"], config["input_shape"])
        if started["image"].weights == "random" and config["backbone"]["weights"] == "auto":
            log.warning(
                "Image branch: the published weights of %s are not on this machine and no model hub can be reached, "
                "so it starts from random weights. The row says so. Pass backbone.weights=FILE for weights of your own.",
                config["backbone"]["model"],
            )
    record.note(
        config=config, text=config["text"]["name"], weights={name: branch.weights for name, branch in started.items()}
    )
    return started


def _start_text(config: dict[str, Any], texts: list[str], groups: list[str]) -> Started:
    """The text branch asked for or, where its weights cannot be had, its fallback: then config says so."""
    text = config["text"]
    try:
        return branches.start_text(text, texts, groups)
    except WeightsUnavailable as error:
        if text.get("fallback") is None or text["weights"] == "pretrained":
            raise
        log.warning(
            "Text branch: %s Instead of %s this run trains `%s`, a small branch of fusion's own, from nothing; its row "
            "says so. Pass text.model=FOLDER for a local copy, or text.fallback=null to make this an error.",
            error, text["name"], text["fallback"],
        )  # fmt: skip
        path = CONF_DIR / "text" / f"{text['fallback']}.yaml"
        if not path.is_file():
            raise UserError(f"text.fallback={text['fallback']} is not one of the files in conf/text.") from error
        config["text"] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return branches.start_text(config["text"], texts, groups)


def _sides(table: pa.Table) -> dict[str, int]:
    return {side: pc.sum(pc.equal(table["split"], side)).as_py() for side in ("train", "val", "test")}


def _fit(config: dict[str, Any], model: checkpoint.Model, pairs: Pairs, folder: Path, record: Record) -> pl.Trainer:
    """Trains model.net in place and leaves its best epoch in it and in RUN/model."""
    rates = {"text": config["text"].get("lr"), "image": config["backbone"].get("lr")}
    rates = {name: rate for name, rate in rates.items() if rate is not None}
    learner = Learner(model.net, len(pairs.classes), config["lr"], rates, config["optimizer"])
    journal = Journal(folder)
    callbacks: list[pl.Callback] = [KeepBest(lambda: checkpoint.save(model, folder / "model")), journal]
    if config["patience"] is not None:
        callbacks.append(EarlyStopping("val_loss", patience=config["patience"]))
    on_terminal = progress_is_shown()
    trainer = pl.Trainer(
        max_epochs=config["epochs"], accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[config["device"]],
        devices=1, precision=_precision(config), callbacks=[*callbacks, RichProgressBar()] if on_terminal else callbacks,
        enable_progress_bar=on_terminal, enable_model_summary=False, enable_checkpointing=False, logger=False,
        num_sanity_val_steps=0, reload_dataloaders_every_n_epochs=1, default_root_dir=folder,
    )  # fmt: skip
    clock = time.monotonic()
    trainer.fit(learner, datamodule=pairs)
    model.net.load_state_dict(checkpoint.load(folder / "model").net.state_dict())
    record.content["timings"]["training_seconds"] = round(time.monotonic() - clock, 1)
    record.note(epochs_trained=len(journal.epochs), device=str(trainer.strategy.root_device))
    plots.curves(journal.epochs, folder / "plots" / "curves.png")
    return trainer


def progress_is_shown() -> bool:
    import sys

    return sys.stderr.isatty()


def _precision(config: dict[str, Any]) -> Any:
    if config["precision"] != "auto":
        return config["precision"]
    if config["device"] == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def _evaluate(
    model: checkpoint.Model, pairs: Pairs, trainer: pl.Trainer, table: pa.Table, folder: Path, record: Record
) -> None:
    """Validation and test once, with the best epoch; the temperature is fitted on validation alone."""
    classes, learner = model.meta["classes"], trainer.lightning_module
    number = {label: i for i, label in enumerate(classes)}
    clock, parts, metrics = time.monotonic(), [], {}
    for side in ("val", "test"):
        rows = table.filter(pc.equal(table["split"], side))
        if not rows.num_rows:
            continue
        logits = torch.cat(trainer.predict(learner, pairs.loader(side, None))).cpu().numpy()  # type: ignore[arg-type]
        truth = np.array([number[label] for label in rows["label"].to_pylist()])
        if side == "val":
            model.meta["temperature"] = statistics.fit_temperature(logits, truth)
        predicted = [classes[i] for i in logits.argmax(1)]
        metrics[side] = statistics.scores(rows["label"].to_pylist(), predicted) | {
            "nll": statistics.negative_log_likelihood(logits, truth, model.meta["temperature"]),
            "ece": statistics.expected_calibration_error(logits, truth, model.meta["temperature"]),
        }
        columns = rows.select(["id", "split", "group", "label", "lines"])
        parts.append(columns.append_column("predicted", pa.array(predicted)).append_column("logits", pa.array(list(logits))))
    checkpoint.save(model, folder / "model")
    record.content["timings"]["evaluating_seconds"] = round(time.monotonic() - clock, 1)
    record.note(metrics=metrics, temperature=model.meta["temperature"])
    write_predictions(folder, pa.concat_tables(parts))
    last = parts[-1]
    plots.confusion(last["label"].to_pylist(), last["predicted"].to_pylist(), classes, folder / "plots" / "confusion.png")
    reached = metrics[side]
    log.info(
        "%s: accuracy %.3f [%.3f, %.3f], macro-F1 %.3f, weighted F1 %.3f on %d snippets; run folder %s",
        side, reached["accuracy"], *reached["accuracy_95"], reached["f1_macro"], reached["f1_weighted"], reached["n"], folder,
    )  # fmt: skip
