"""Batch normalisation after training: statistics estimated anew, and whether the network is what was trained.

While training, a layer normalises by its batch; in use, by moving statistics. After few steps these may still be those
of other pictures: training accuracy is then high and every other one low, and the network looks worse than it is.
"""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fusion.config.schema import Config
from fusion.datamodule import SnippetDataModule, to_device
from fusion.model.late_fusion import LateFusion
from fusion.results.record import Record
from fusion.training import feature_cache
from fusion.training.callbacks import FreezeSchedule
from fusion.training.setup import AMP_DTYPE, make_freeze_schedule, resolve_device, resolve_precision
from fusion.training.task import ClassificationTask

log = logging.getLogger(__name__)

DIVERGED = 0.1  # difference in accuracy from which on the run warns
ESTIMATED_ON = 64  # training pictures that the statistics of random weights are estimated on before training
COMPARED_ON = 256  # training samples that both kinds of statistics are compared on, or one epoch where that is less
RECALIBRATED_ON = 2048  # training samples that statistics are estimated on anew, or one epoch
ADVICE = {
    "adapt": "Train longer, or pass backbone.batchnorm=recalibrate or backbone.batchnorm=frozen.",
    "recalibrate": "Its statistics are fresh, so it leans on those of its batches: raise batch_size, or pass "
    "backbone.batchnorm=frozen.",
}


def batchnorm_layers(net: nn.Module) -> list[_BatchNorm]:
    """Return the normalisations that keep statistics."""
    return [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


def batchnorm_in_training(net: nn.Module) -> list[_BatchNorm]:
    """Return those that normalise by their batch, as the network stands."""
    return [norm for norm in batchnorm_layers(net) if norm.training]


@torch.no_grad()
def recalibrate(net: nn.Module, norms: Sequence[_BatchNorm], batches: Iterable[Any]) -> None:
    """Give `norms` the plain mean of their statistics over the batches; leave the network in evaluation mode."""
    net.eval()
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = None, True  # None: the plain mean over all batches
    for batch in batches:
        net(batch)
    for norm, before in zip(norms, momentum, strict=True):
        norm.momentum = before
    net.eval()


@torch.no_grad()
def compare(
    net: nn.Module, norms: Sequence[_BatchNorm], batches: Sequence[Mapping[str, Any]], policy: str
) -> dict[str, Any]:
    """Return the accuracy on the same batches by batch statistics and by moving ones; warn where they differ.

    Nothing in the network is changed.
    """
    net.eval()
    by_moving = _accuracy(net, batches)
    with _by_batch(norms):
        by_batch = _accuracy(net, batches)
    samples = sum(len(batch["label"]) for batch in batches)
    diverged = by_batch - by_moving > DIVERGED
    if diverged:
        log.warning(
            "warning: on the same %d training samples the accuracy is %.3f by the statistics of each batch and %.3f by "
            "the moving ones that are used from now on: it is not quite the network that was trained. %s",
            samples, by_batch, by_moving, ADVICE[policy],
        )  # fmt: skip
    return {"samples": samples, "train_mode_accuracy": by_batch, "eval_mode_accuracy": by_moving, "diverged": diverged}


def estimate_statistics(config: Config, net: LateFusion, datamodule: SnippetDataModule, record: Record) -> None:
    """Before training: give frozen layers of random weights, which came without statistics, some to keep.

    With a mean of 0 and a variance of 1, deep random networks turn any picture into numbers of 1e10 or of 1e-5.
    """
    if record.resolved.weights.get("image") != "random":
        return
    branch, device = net.branches["image"], resolve_device(config)
    make_freeze_schedule(config, net).apply(1)
    norms = batchnorm_layers(branch)
    if not norms or all(norm.training for norm in norms):
        return
    batches = itertools.islice(datamodule.loader("train", 0), -(-ESTIMATED_ON // datamodule.batch_size))
    pictures = torch.cat([batch["image"] for batch in batches])[:ESTIMATED_ON]  # (N, H, W, 3)
    dtype = AMP_DTYPE.get(resolve_precision(config))
    branch.to(device)
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        recalibrate(branch, norms, (part.to(device) for part in feature_cache.in_parts(pictures, device)))
    branch.cpu()
    record.update(statistics={"estimated_on": len(pictures)})


def finish_statistics(
    task: ClassificationTask,
    freezing: FreezeSchedule,
    datamodule: SnippetDataModule,
    device: torch.device,
    record: Record,
) -> None:
    """After training: estimate statistics anew if asked for, and record whether both kinds agree."""
    net, policy = task.net, freezing.policy.get("image", "adapt")
    freezing.apply(max(1, record.content["epochs_trained"]))
    norms = batchnorm_in_training(net)
    if not norms:
        record.update(batchnorm={"policy": policy, "layers": 0})
        return
    net.to(device)
    count = -(-COMPARED_ON // datamodule.batch_size)
    batches = (task.augmented(to_device(batch, device)) for batch in datamodule.loader("train", 0))
    compared = list(itertools.islice(batches, count))
    if policy == "recalibrate":
        more = itertools.islice(batches, max(0, RECALIBRATED_ON // datamodule.batch_size - count))
        recalibrate(net, norms, itertools.chain(compared, more))
    agreement = compare(net, norms, compared, policy)
    record.update(batchnorm={"policy": policy, "layers": len(norms)} | agreement)
    net.cpu()


@contextmanager
def _by_batch(norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Let the normalisations go by their batch for a while; their statistics are put back."""
    kept = [{name: value.clone() for name, value in norm.named_buffers()} for norm in norms]
    for norm in norms:
        norm.training = True
    try:
        yield
    finally:
        for norm, before in zip(norms, kept, strict=True):
            norm.training = False
            for name, value in norm.named_buffers():
                value.copy_(before[name])


def _accuracy(net: nn.Module, batches: Sequence[Mapping[str, Any]]) -> float:
    right = sum(int((net(batch).argmax(1) == batch["label"]).sum()) for batch in batches)
    return round(right / max(1, sum(len(batch["label"]) for batch in batches)), 4)
