"""`experiment=pretrain_image`: a backbone trained on an endless stream of fresh pictures -> weights of our own domain.

The run folder is like any other, with last.ckpt to resume from and weights/ with what backbone.weights=code loads.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from fusion.branches import LoadedBranch
from fusion.config.errors import UserError
from fusion.config.groups import names_in
from fusion.config.options import unknown
from fusion.config.schema import Config
from fusion.console import set_up_logging
from fusion.model import checkpoint
from fusion.pretraining import resume
from fusion.pretraining.build import Corpus, Evaluation, early_render, load_corpus, make_stream, make_task, options_of
from fusion.pretraining.callbacks import LRSearch, MetricsLogger
from fusion.pretraining.export import export_weights
from fusion.pretraining.stream import PretrainingDataModule
from fusion.pretraining.task import PretrainingTask
from fusion.pretraining.trainer import (
    STATE,
    TRUE_PRECISIONS,
    closing_process_group,
    make_pretrainer,
    predict,
    rank_and_world_size,
)
from fusion.results.record import Record, new_run_folder
from fusion.snippets.snippet import split_hash
from fusion.training.data import split_sizes
from fusion.training.evaluate import PREDICTION_COLUMNS, evaluate_split, save_results
from fusion.training.loggers import tracked
from fusion.training.run import recorded, warn

UNUSED = (
    "epochs", "schedule", "augment", "folds", "fold", "rerun", "fusion.modality_dropout", "data.streaming",
    *(f"loss.{key}" for key in ("class_weights", "l1", "l2")),
    *(f"backbone.{key}" for key in ("freeze", "lr", "lr_decay", "batchnorm", "num_styles")),
)  # fmt: skip


def run(config: Config, overrides: Sequence[str], parent: Path) -> Path | None:
    """Train, or go on training, and return the run folder. See training.run.run.

    Under torchrun every process takes its share of each batch; the first one alone writes, the others return None.
    """
    check(config, overrides)
    stopped = resume.find_stopped(config)
    folder = None if stopped is None else Path(str(options_of(config).resume))
    if rank_and_world_size()[0] > 0:
        set_up_logging()  # after the imports, for Lightning's sets a level of its own
        logging.getLogger("fusion").setLevel(logging.ERROR)  # the first process tells of all
        with closing_process_group():
            _train(config, folder or parent, stopped is not None, None, None)
        return None
    folder = folder or new_run_folder(parent)
    with recorded(folder, config, overrides) as record, closing_process_group():
        resume.keep_origin(record, stopped)
        warn(config)
        with tracked(config, folder, record) as logger:
            _train(config, folder, stopped is not None, record, logger)
    return folder


def check(config: Config, overrides: Sequence[str]) -> None:
    """Raise UserError for what pretraining cannot do, or has no use for."""
    if config.has_text or not config.has_image:
        wrong = "text=none" if config.has_text else "backbone=mobilenetv2"
        raise UserError(f"pretraining trains an image branch alone; pass {wrong}.")
    if config.optimizer.name != "adamw":
        raise UserError(f"pretraining has no optimizer={config.optimizer.name}; pass optimizer=adamw.")
    if str(config.precision) in TRUE_PRECISIONS:
        raise UserError(
            f"pretraining averages weights of 32 bits, not those of precision={config.precision}; pass "
            "precision=bf16-mixed or 32-true."
        )
    for name in options_of(config).exclude_eval_projects_of:
        if name not in (known := names_in("data")):
            raise unknown("pretraining.exclude_eval_projects_of", name, known)
    early_render(config)
    for word in overrides:
        key = word.lstrip("+").partition("=")[0]
        if any(f"{key}.".startswith(f"{name}.") for name in UNUSED):
            raise UserError(f"pretraining has no use for {word}; leave it out, or see pretraining.*, lr and render.*.")


def _train(config: Config, folder: Path, resumed: bool, record: Record | None, logger: Logger | None) -> None:
    """Do a run, or the rest of one. Processes other than the first have no record and write nothing."""
    torch.manual_seed(config.seed)
    corpus = load_corpus(config)
    if record is not None:
        resume.check_data(record, split_hash(corpus.table))
    task, model, branch = make_task(config, corpus.classes)
    stream = make_stream(config, corpus, model, task.character_head, *rank_and_world_size())
    evaluation = Evaluation(config)
    callbacks: list[pl.Callback] = [MetricsLogger(record, config.batch_size)]
    if config.lr == "search" and not resumed:
        callbacks.append(LRSearch(stream.lr_search_batches(), None if record is None else folder))
    if record is not None:
        _describe(record, config, corpus, model, branch, resumed)
    pictures, labels = evaluation.while_training(corpus.table, corpus.classes)
    trainer = make_pretrainer(config, folder, callbacks, logger)
    datamodule = PretrainingDataModule(stream, pictures, labels, config.num_workers)
    trainer.fit(task.train(), datamodule=datamodule, ckpt_path=folder / STATE if resumed else None)
    if record is not None:
        _finish(task, trainer, model, corpus, evaluation, folder, record)


def _describe(
    record: Record, config: Config, corpus: Corpus, model: checkpoint.Model, branch: LoadedBranch, resumed: bool
) -> None:
    """Note what is trained on what; a resumed run keeps the weights that it began with."""
    if not resumed:
        record.resolve(
            weights={"image": branch.weights}, weights_id={"image": branch.weights_id} if branch.weights_id else {}
        )
    projects = pc.count_distinct(corpus.train["group"]).as_py()
    image: Any = branch.module
    record.update(
        classes=corpus.classes,
        split_hash=split_hash(corpus.table),
        samples=split_sizes(corpus.table) | {"train": corpus.train.num_rows, "train_groups": projects},
        processes=rank_and_world_size()[1],
        parameters=model.net.size,
        image=image.facts() | {"source_size": list(config.source_size)},
    )


def _finish(
    task: PretrainingTask, trainer: pl.Trainer, model: checkpoint.Model, corpus: Corpus, evaluation: Evaluation,
    folder: Path, record: Record,
) -> None:  # fmt: skip
    """Leave the average's predictions on validation and test, RUN/model, and the weights with their card."""
    metrics, parts = {}, []
    for split in ("val", "test"):
        rows = evaluation.rows(corpus.table, split)
        logits = predict(task, trainer, evaluation.pictures(rows))
        rows = rows.select(PREDICTION_COLUMNS)
        metrics[split], predictions = evaluate_split(rows, logits, model.meta, fit_temperature=split == "val")
        parts.append(predictions)
    record.update(steps=trainer.global_step)
    save_results(model, metrics, parts, folder, record)
    backbone: Any = model.net.branches["image"].net
    projects = sorted(set(corpus.train["group"].to_pylist()))
    export_weights(backbone, record.content, projects, folder / "weights")
