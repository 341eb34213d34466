"""A training step and rates that rise -> the learning rate to begin with, by a range test (Smith 2015)."""

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
class LRFinderResult:
    """The curve of the test, and the rate chosen: a tenth of the one at which the mean loss was smallest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # means over WINDOW steps around each rate
    chosen: float


def lr_range_test(step: Callable[[int, float], float]) -> LRFinderResult:
    """Call `step` STEPS times at rates from LOWEST to HIGHEST and return the curve of its losses.

    step: the number of a batch below WINDOW and a rate -> loss. Raises UserError if the loss falls at no rate.
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
    return LRFinderResult(tuple(rates), tuple(means), float(f"{rates[means.index(min(means))] / 10:.2g}"))


def find_lr(task: ClassificationTask, batches: Iterable[Mapping[str, Any]]) -> LRFinderResult:
    """Run the range test on the first WINDOW batches; afterwards the network is as it was.

    Branches with a rate of their own keep it. The network must be in training mode, batches on its device.
    """
    before = copy.deepcopy(task.net.state_dict())
    window = list(itertools.islice(batches, WINDOW))
    optimizer = task.make_optimizer()
    groups = _groups_at_the_rate_of_the_run(task, optimizer)

    def step(number: int, rate: float) -> float:
        batch = window[number % len(window)]
        for group, share in groups:
            group["lr"] = rate * share
        loss = task.training_loss(task.net.answers(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    try:
        with torch.random.fork_rng():
            return lr_range_test(step)
    finally:
        optimizer.zero_grad()
        task.net.load_state_dict(before)


def _groups_at_the_rate_of_the_run(
    task: ClassificationTask, optimizer: torch.optim.Optimizer
) -> list[tuple[dict[str, Any], float]]:
    """Return the head's groups and those of branches without a rate of their own, with their share of the rate."""
    own = {id(p) for name in task.branch_lr for p in task.net.branches[name].parameters()}
    return [(g, g["lr"] / task.lr) for g in optimizer.param_groups if id(g["params"][0]) not in own]
