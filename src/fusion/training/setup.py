"""A configuration and a network -> what trains it: device, precision, task, freezing, learning rate."""

import itertools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from fusion.config.errors import UserError
from fusion.config.schema import Config
from fusion.datamodule import SnippetDataModule, to_device
from fusion.model.late_fusion import LateFusion
from fusion.results import plots
from fusion.results.record import Record
from fusion.training import losses, lr_finder
from fusion.training.augment import Augment
from fusion.training.callbacks import FreezeSchedule
from fusion.training.task import ClassificationTask

log = logging.getLogger(__name__)

AMP_DTYPE = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}  # of Lightning's words for precision
SEARCH_START = 1e-3  # the rate that a task has before lr=search has found one


def branch_options(config: Config, name: str) -> Any:
    """Return the part of the configuration that a branch, text or image, is made from."""
    return config.text if name == "text" else config.backbone


def resolve_device(config: Config) -> torch.device:
    """Return the device that device=auto, cpu or cuda means on this machine."""
    return torch.device("cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu")


def resolve_precision(config: Config) -> Any:
    """Return Lightning's word for the numbers a run computes with; auto takes 16 bits where a GPU has them."""
    if config.precision != "auto":
        return config.precision
    if resolve_device(config).type == "cpu":
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def make_task(config: Config, net: LateFusion, datamodule: SnippetDataModule) -> ClassificationTask:
    """Return the network with its loss, optimiser, schedule and augmentation; lr=search starts from SEARCH_START."""
    options = {name: branch_options(config, name) for name in net.branches}
    class_weights = None
    if (kind := config.loss.class_weights) != "none":
        class_weights = losses.class_weights(_training_labels(datamodule, kind), datamodule.classes, kind)
    return ClassificationTask(
        net,
        len(datamodule.classes),
        SEARCH_START if config.lr == "search" else config.lr,
        {name: option.lr for name, option in options.items() if option.lr is not None},
        config.optimizer,
        lr_decay={name: option.lr_decay for name, option in options.items()},
        schedule=config.schedule,
        loss=config.loss,
        class_weights=class_weights,
        augment=Augment(config.augment, config.seed) if config.augment.name != "none" else None,
    )


def make_freeze_schedule(config: Config, net: LateFusion) -> FreezeSchedule:
    """Return the callback that freezes and thaws the layers of each branch."""
    return FreezeSchedule(net.branches, {name: branch_options(config, name) for name in net.branches})  # type: ignore[arg-type]


def _training_labels(datamodule: SnippetDataModule, kind: str) -> list[str]:
    if datamodule.stream is not None:
        raise UserError(f"loss.class_weights={kind} must count the labels, which a stream does not tell; use none.")
    rows = datamodule.splits["train"]
    labels: list[str] = pa.chunked_array([part["label"] for part in rows.reader.batches]).take(rows.numbers).to_pylist()
    return labels


def find_lr(
    config: Config,
    task: ClassificationTask,
    freezing: FreezeSchedule,
    datamodule: SnippetDataModule,
    folder: Path,
    record: Record,
) -> None:
    """Give the task the rate that a range test finds; plots/learning_rate.png shows its curve."""
    device = resolve_device(config)
    task.to(device).train()
    freezing.apply(1)
    result = lr_finder.find_lr(task, training_batches(datamodule, device, task))
    task.lr = result.chosen
    record.resolve(lr=result.chosen)
    record.update(lr_finder={"chosen": result.chosen, "rates": result.rates, "losses": result.losses})
    plots.rates(result.rates, result.losses, result.chosen, folder / "plots" / "learning_rate.png")
    log.info("learning rate %g, found by a range test of %d steps", result.chosen, len(result.rates))


def training_batches(
    datamodule: SnippetDataModule, device: torch.device, task: ClassificationTask
) -> Iterator[Mapping[str, Any]]:
    """Yield training batches without end, on the device, their pictures augmented."""
    for epoch in itertools.count():
        for batch in datamodule.loader("train", epoch):
            yield task.augmented(to_device(batch, device))
