"""A network and training batches -> the learning rate to begin with, by a range test (Smith 2015)."""

import copy
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fusion.config import UserError
from fusion.model.learner import Learner

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 104
WINDOW = 8  # batches, used over and over: a mean over all of them does not depend on which batch is hard
DIVERGED = 4.0  # times the first mean: the test ends


@dataclass(frozen=True)
class Found:
    """The curve of the test, and the rate chosen: a tenth of the one at which the mean loss was smallest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # means over WINDOW steps around each rate
    chosen: float


def search(learner: Learner, batches: Iterable[Mapping[str, Any]]) -> Found:
    """Trains STEPS times on WINDOW batches, the rate growing from LOWEST to HIGHEST; then the network is as it was.

    Branches with a rate of their own keep it. The network must be in training mode, batches on its device.
    Raises UserError if the loss falls at no rate.
    """
    kept = copy.deepcopy(learner.net.state_dict())
    used = list(itertools.islice(batches, WINDOW))
    with torch.random.fork_rng():
        rates, losses = _test(learner, used)
    learner.net.load_state_dict(kept)
    means = [sum(losses[i : i + WINDOW]) / WINDOW for i in range(len(losses) - WINDOW + 1)]
    rates = rates[WINDOW // 2 :][: len(means)]
    if not means or min(means) == means[0]:
        raise UserError("lr=search found no learning rate at which the loss falls; give lr as a number, such as 0.001.")
    return Found(tuple(rates), tuple(means), float(f"{rates[means.index(min(means))] / 10:.2g}"))


def _test(learner: Learner, batches: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    """-> the rate and the loss of each step."""
    optimizer = learner.make_optimizer()
    follows = _following(learner, optimizer)
    rates: list[float] = []
    losses: list[float] = []
    for number in range(STEPS):
        batch = batches[number % len(batches)]
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / (STEPS - 1))
        for group, share in follows:
            group["lr"] = rate * share
        loss = learner.training_loss(learner(batch), batch["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not math.isfinite(loss.item()) or loss.item() > DIVERGED * max(losses[:WINDOW], default=math.inf):
            break
        rates.append(rate)
        losses.append(loss.item())
    optimizer.zero_grad()
    return rates, losses


def _following(learner: Learner, optimizer: torch.optim.Optimizer) -> list[tuple[dict[str, Any], float]]:
    """The groups whose rate is that of the run, and their share of it: the head and branches without their own."""
    own = {id(p) for name in learner.branch_lr for p in learner.net.branches[name].parameters()}  # type: ignore[index, union-attr]
    return [(g, g["lr"] / learner.lr) for g in optimizer.param_groups if id(g["params"][0]) not in own]
