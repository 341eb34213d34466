"""`experiment=reader`: a recognizer trained on an endless stream of pictures -> weights that read screenshots.

The run folder is like any other, with last.ckpt to resume from and weights/ with what `fusion ocr` loads.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from torch.utils.data import DataLoader

from fusion.config.errors import UserError
from fusion.config.render import Size
from fusion.config.schema import Config
from fusion.config.training import Adam, ReaderTraining
from fusion.console import set_up_logging
from fusion.pretraining import resume
from fusion.pretraining.build import training_rows
from fusion.pretraining.callbacks import MetricsLogger
from fusion.pretraining.reader_export import export_reader
from fusion.pretraining.reader_stream import ReaderDataset, Zoomed
from fusion.pretraining.reader_task import ReaderTask
from fusion.pretraining.stream import StepSampler, WeightedRows
from fusion.pretraining.task import warmup_stable_decay
from fusion.pretraining.trainer import STATE, closing_process_group, make_pretrainer, rank_and_world_size
from fusion.reading.recognizer import Recognizer
from fusion.results.record import Record, new_run_folder
from fusion.screenshots.renderer import Renderer
from fusion.snippets.snippet import split_hash
from fusion.training.loggers import tracked
from fusion.training.run import recorded, warn

EVAL_SEED = 1 << 20  # added to the seed, so that validation pictures are none of the training ones


def run(config: Config, overrides: Sequence[str], parent: Path) -> Path | None:
    """Train, or go on training, and return the run folder; see pretraining.run.run."""
    options = check(config)
    stopped = resume.find_stopped(config)
    folder = None if stopped is None else Path(str(options.resume))
    if rank_and_world_size()[0] > 0:
        set_up_logging()
        with closing_process_group():
            _train(config, options, folder or parent, stopped is not None, None, None)
        return None
    folder = folder or new_run_folder(parent)
    with recorded(folder, config, overrides) as record, closing_process_group():
        resume.keep_origin(record, stopped)
        warn(config)
        with tracked(config, folder, record) as logger:
            _train(config, options, folder, stopped is not None, record, logger)
    return folder


def check(config: Config) -> ReaderTraining:
    """Return the options. Raises UserError for what a recognizer cannot be trained with."""
    assert config.reader is not None
    if config.backbone.name != "reader" or config.has_text:
        raise UserError("experiment=reader trains backbone=reader with text=none, and nothing else.")
    if config.optimizer.name != "adamw" or not isinstance(config.lr, float):
        raise UserError("experiment=reader takes optimizer=adamw and a number as lr, such as lr=0.002.")
    if config.input_shape % 8:
        raise UserError(f"input_shape={config.input_shape} must be a multiple of 8 for backbone=reader.")
    return config.reader


def _train(
    config: Config, options: ReaderTraining, folder: Path, resumed: bool, record: Record | None, logger: Logger | None
) -> None:
    """Do a run, or the rest of one. Processes other than the first have no record and write nothing."""
    torch.manual_seed(config.seed)
    table, train = training_rows(config.data, options.exclude_eval_projects_of)
    classes = sorted(pc.unique(train["label"]).to_pylist())
    if record is not None:
        resume.check_data(record, split_hash(table))
        projects = pc.count_distinct(train["group"]).as_py()
        record.update(
            classes=classes, split_hash=split_hash(table), processes=rank_and_world_size()[1],
            samples={"train": train.num_rows, "train_groups": projects},
        )  # fmt: skip
    task = make_task(config, options)
    metrics = MetricsLogger(record, config.batch_size)
    trainer = make_pretrainer(config, folder, [metrics], logger)
    rank, world_size = rank_and_world_size()
    stream = make_stream(config, options, train, classes, config.seed, rank, world_size)
    judged = table.filter(pc.equal(table["split"], "val"))
    judged = judged.filter(pc.is_in(judged["label"], pa.array(classes)))
    evaluation = make_stream(config, options, judged, classes, config.seed + EVAL_SEED)
    batches = [evaluation[number] for number in range(options.eval_batches)]
    loader: Any = DataLoader(stream, sampler=StepSampler(trainer), batch_size=None, num_workers=config.num_workers)
    judged_loader: Any = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    trainer.fit(task.train(), loader, judged_loader, ckpt_path=folder / STATE if resumed else None)
    if record is not None:
        _finish(task, trainer, metrics, train, folder, record)


def _finish(
    task: ReaderTask, trainer: pl.Trainer, metrics: MetricsLogger, train: pa.Table, folder: Path, record: Record
) -> None:
    """Leave the last evaluation in the record, and the weights with their card."""
    last = metrics.history[-1]
    record.content["timings"]["training_seconds"] = last["seconds"]
    reached = {name: last[name] for name in ("val_accuracy", "val_blank")}
    parameters = sum(parameter.numel() for parameter in task.net.parameters())
    record.update(steps=trainer.global_step, parameters=parameters, metrics={"val": reached})
    export_reader(task.net, record.content, sorted(set(train["group"].to_pylist())), folder / "weights")


def make_task(config: Config, options: ReaderTraining) -> ReaderTask:
    """Return a fresh recognizer and what it is taught by."""
    schedule = partial(warmup_stable_decay, steps=options.steps, warmup=options.warmup, cooldown=options.cooldown)
    assert isinstance(config.optimizer, Adam) and isinstance(config.lr, float)
    return ReaderTask(Recognizer(), schedule, config.lr, config.optimizer.weight_decay)


def make_stream(
    config: Config, options: ReaderTraining, rows: pa.Table, classes: Sequence[str], seed: int, rank: int = 0,
    world_size: int = 1,
) -> ReaderDataset:  # fmt: skip
    """Return the batches of a run, or one process's share of them."""
    return ReaderDataset(
        WeightedRows(rows, classes), [*_renderers(config, options, seed)], config.batch_size, seed, options, rank,
        world_size,
    )  # fmt: skip


def _renderers(config: Config, options: ReaderTraining, seed: int) -> Iterable[Zoomed]:
    for zoom in options.zooms:
        size = Size(*(round(config.input_shape * zoom) for _ in range(2)))
        for highlight in options.highlights:
            render = config.render.replaced(highlight=highlight, scale=zoom)
            yield size.width / config.input_shape, Renderer(render, size, config.input_shape, seed)
