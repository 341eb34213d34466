"""A configuration -> how a network learns: its learner, what is frozen when, the rate that was searched for."""

import itertools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from fusion.config.errors import UserError
from fusion.datamodule import SnippetDataModule, to_device
from fusion.model.late_fusion import LateFusion
from fusion.results import plots
from fusion.results.record import Record
from fusion.training import batchnorm, losses
from fusion.training import feature_cache as features
from fusion.training import lr_finder as rate_search
from fusion.training.augment import Augment
from fusion.training.callbacks import FreezeSchedule
from fusion.training.task import ClassificationTask

log = logging.getLogger(__name__)

OPTIONS = {"text": "text", "image": "backbone"}  # branch -> its part of the configuration
COMPARED = 256  # training samples that both kinds of statistics are compared on, or one epoch where that is less
STARTED = 64  # training pictures that the statistics of random weights are estimated on before anything is learnt
RECALIBRATED = 2048  # training samples that statistics are estimated on anew, or one epoch


AMP_DTYPE = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}  # of Lightning's words for precision


def resolve_device(config: dict[str, Any]) -> torch.device:
    """Where a run computes, as device=auto, cpu or cuda says."""
    return torch.device("cuda" if config["device"] != "cpu" and torch.cuda.is_available() else "cpu")


def resolve_precision(config: dict[str, Any]) -> Any:
    """Lightning's word for the numbers a run computes with; auto takes 16 bits where a GPU has them."""
    if config["precision"] != "auto":
        return config["precision"]
    if resolve_device(config).type == "cpu":
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def make_task(config: dict[str, Any], net: LateFusion, pairs: SnippetDataModule) -> ClassificationTask:
    """The learner of conf/optimizer, conf/schedule, conf/augment and `loss`; lr=search starts from any rate."""
    options = {name: config[OPTIONS[name]] for name in net.branches}
    own = {name: option["lr"] for name, option in options.items() if option.get("lr") is not None}
    decay = {name: option.get("lr_decay", 1.0) for name, option in options.items()}
    weights = None
    if (kind := config["loss"]["class_weights"]) != "none":
        weights = losses.class_weights(_training_labels(pairs, kind), pairs.classes, kind)
    changes = Augment(config["augment"], config["seed"]) if config["augment"]["name"] != "none" else None
    rate = 1e-3 if config["lr"] == "search" else config["lr"]
    return ClassificationTask(
        net, len(pairs.classes), rate, own, config["optimizer"], lr_decay=decay, schedule=config["schedule"],
        loss=config["loss"], class_weights=weights, augment=changes,
    )  # fmt: skip


def make_freeze_schedule(config: dict[str, Any], net: LateFusion) -> FreezeSchedule:
    return FreezeSchedule(net.branches, {name: config[OPTIONS[name]] for name in net.branches})  # type: ignore[arg-type]


def _training_labels(pairs: SnippetDataModule, kind: str) -> list[str]:
    if pairs.stream is not None:
        raise UserError(f"loss.class_weights={kind} must count the labels, which a stream does not tell; use none.")
    rows = pairs.sides["train"]
    labels: list[str] = pa.chunked_array([part["label"] for part in rows.reader.batches]).take(rows.numbers).to_pylist()
    return labels


def find_rate(
    config: dict[str, Any],
    learner: ClassificationTask,
    stages: FreezeSchedule,
    pairs: SnippetDataModule,
    folder: Path,
    record: Record,
) -> None:
    """lr=search: the learner gets the rate found, the record says it, plots/learning_rate.png shows the curve."""
    device = resolve_device(config)
    learner.to(device).train()
    stages.apply(1)
    found = rate_search.search(learner, _batches(pairs, device, learner))
    learner.lr = config["lr"] = found.chosen
    record.note(config=config, rate_search={"chosen": found.chosen, "rates": found.rates, "losses": found.losses})
    plots.rates(found.rates, found.losses, found.chosen, folder / "plots" / "learning_rate.png")
    log.info("learning rate %g, found by a range test of %d steps", found.chosen, len(found.rates))


def _batches(
    pairs: SnippetDataModule, device: torch.device, learner: ClassificationTask
) -> Iterator[Mapping[str, Any]]:
    """Training batches without end, on the device, their pictures changed as in training."""
    for epoch in itertools.count():
        for batch in pairs.loader("train", epoch):
            yield learner.augmented(to_device(batch, device))


def estimate_batchnorm(config: dict[str, Any], net: LateFusion, pairs: SnippetDataModule, record: Record) -> None:
    """Before training: frozen layers of random weights, which came without statistics, get some to keep.

    With a mean of 0 and a variance of 1, deep random networks make numbers of 1e10 or of 1e-5 of any picture.
    """
    if record.content["weights"].get("image") != "random":
        return
    branch, device = net.branches["image"], resolve_device(config)
    make_freeze_schedule(config, net).apply(1)
    norms = batchnorm.batchnorm_layers(branch)
    if not norms or all(norm.training for norm in norms):
        return
    drawn = itertools.islice(pairs.loader("train", 0), -(-STARTED // pairs.batch_size))
    pictures = torch.cat([batch["image"] for batch in drawn])[:STARTED]  # (N, H, W, 3)
    half = AMP_DTYPE.get(resolve_precision(config))
    branch.to(device)
    with torch.autocast(device.type, half, enabled=half is not None):
        batchnorm.recalibrate(branch, norms, (part.to(device) for part in features.at_once(pictures, device)))
    branch.cpu()
    record.note(statistics={"estimated_on": len(pictures)})


def finish_batchnorm(
    learner: ClassificationTask, stages: FreezeSchedule, pairs: SnippetDataModule, device: torch.device, record: Record
) -> None:
    """After training: statistics estimated anew if asked for; the record says whether both kinds agree."""
    net, policy = learner.net, stages.policy.get("image", "adapt")
    stages.apply(max(1, record.content["epochs_trained"]))
    norms = batchnorm.batchnorm_in_training(net)
    if not norms:
        record.note(batchnorm={"policy": policy, "layers": 0})
        return
    net.to(device)
    count = -(-COMPARED // pairs.batch_size)
    drawn = (learner.augmented(to_device(batch, device)) for batch in pairs.loader("train", 0))
    compared = list(itertools.islice(drawn, count))
    if policy == "recalibrate":
        more = itertools.islice(drawn, max(0, RECALIBRATED // pairs.batch_size - count))
        batchnorm.recalibrate(net, norms, itertools.chain(compared, more))
    agreement = batchnorm.compare(net, norms, compared, policy)
    record.note(batchnorm={"policy": policy, "layers": len(norms)} | agreement)
    net.cpu()
