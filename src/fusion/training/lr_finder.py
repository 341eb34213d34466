"""A step of training and rates that rise -> the learning rate to begin with, by a range test (Smith 2015)."""

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from fusion.config.errors import UserError
from fusion.training.task import ClassificationTask

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 104
WINDOW = 8  # batches, used over and over: of fresh ones random weights learn nothing in so few steps
DIVERGED = 4.0  # times the largest loss of the first window: the test ends


@dataclass(frozen=True)
class Found:
    """The curve of the test, and the rate chosen: a tenth of the one at which the mean loss was smallest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # means over WINDOW steps around each rate
    chosen: float


def lr_range_test(step: Callable[[int, float], float]) -> Found:
    """step: number of a batch below WINDOW, rate -> loss. It is called STEPS times at rates from LOWEST to HIGHEST.

    Raises UserError if the loss falls at no rate.
    """
    rates: list[float] = []
    losses: list[float] = []
    for number in range(STEPS):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / (STEPS - 1))
        loss = step(number % WINDOW, rate)
        if not math.isfinite(loss) or loss > DIVERGED * max(losses[:WINDOW], default=math.inf):
            break
        rates.append(rate)
        losses.append(loss)
    means = [sum(losses[i : i + WINDOW]) / WINDOW for i in range(len(losses) - WINDOW + 1)]
    rates = rates[WINDOW // 2 :][: len(means)]
    if not means or min(means) == means[0]:
        raise UserError("lr=search found no learning rate at which the loss falls; give lr as a number, such as 0.001.")
    return Found(tuple(rates), tuple(means), float(f"{rates[means.index(min(means))] / 10:.2g}"))


def search(learner: ClassificationTask, batches: Iterable[Mapping[str, Any]]) -> Found:
    """The range test of a learner on its first WINDOW batches; then its network is as it was.

    Branches with a rate of their own keep it. The network must be in training mode, batches on its device.
    """
    kept = copy.deepcopy(learner.net.state_dict())
    used = list(itertools.islice(batches, WINDOW))
    optimizer = learner.make_optimizer()
    follows = _following(learner, optimizer)

    def step(number: int, rate: float) -> float:
        batch = used[number % len(used)]
        for group, share in follows:
            group["lr"] = rate * share
        loss = learner.training_loss(learner(batch), batch["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    try:
        with torch.random.fork_rng():
            return lr_range_test(step)
    finally:
        optimizer.zero_grad()
        learner.net.load_state_dict(kept)


def _following(learner: ClassificationTask, optimizer: torch.optim.Optimizer) -> list[tuple[dict[str, Any], float]]:
    """The groups whose rate is that of the run, and their share of it: the head and branches without their own."""
    own = {id(p) for name in learner.branch_lr for p in learner.net.branches[name].parameters()}  # type: ignore[index, union-attr]
    return [(g, g["lr"] / learner.lr) for g in optimizer.param_groups if id(g["params"][0]) not in own]
