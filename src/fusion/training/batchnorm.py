"""Batch normalisation after training: statistics estimated anew, and whether the network is what was trained.

While training, a layer normalises by its batch; in use, by moving statistics. After few steps these may still be those
of other pictures: training accuracy is then high and every other one low, and the network looks worse than it is.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

log = logging.getLogger(__name__)

PARTED = 0.1  # difference in accuracy that is said aloud
ADVICE = {
    "adapt": "Train longer, or pass backbone.batchnorm=recalibrate or backbone.batchnorm=frozen.",
    "recalibrate": "Its statistics are fresh, so it leans on those of its batches: raise batch_size, or pass "
    "backbone.batchnorm=frozen.",
}


def batchnorm_layers(net: nn.Module) -> list[_BatchNorm]:
    """The normalisations that keep statistics."""
    return [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


def batchnorm_in_training(net: nn.Module) -> list[_BatchNorm]:
    """Those that go by their batch, as the network stands."""
    return [norm for norm in batchnorm_layers(net) if norm.training]


@torch.no_grad()
def recalibrate(net: nn.Module, norms: Sequence[_BatchNorm], batches: Iterable[Any]) -> None:
    """Gives `norms` the plain mean of their statistics over the batches; the network is left in evaluation mode."""
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
    """Accuracy on the same batches by batch statistics and by moving ones; nothing is changed. Warns if they part."""
    net.eval()
    by_moving = _accuracy(net, batches)
    with _by_batch(norms):
        by_batch = _accuracy(net, batches)
    samples = sum(len(batch["label"]) for batch in batches)
    diverged = by_batch - by_moving > PARTED
    if diverged:
        log.warning(
            "warning: on the same %d training samples the accuracy is %.3f by the statistics of each batch and %.3f by "
            "the moving ones that are used from now on: it is not quite the network that was trained. %s",
            samples, by_batch, by_moving, ADVICE[policy],
        )  # fmt: skip
    return {"samples": samples, "train_mode_accuracy": by_batch, "eval_mode_accuracy": by_moving, "diverged": diverged}


@contextmanager
def _by_batch(norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """The normalisations go by their batch for a while; their statistics are put back."""
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
