"""The range test: a curve, a rate, and a network that is as it was."""

import itertools

import pytest
import torch
from torch import nn

from fusion.config.errors import UserError
from fusion.config.options import parse
from fusion.config.training import Optimizer
from fusion.model.late_fusion import LateFusion
from fusion.training import lr_finder
from fusion.training.task import ClassificationTask


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.dim = 4
        self.linear, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.linear(x))


def make_task(optimizer="sgd", branch_lr=(), dropout=0.0) -> ClassificationTask:
    torch.manual_seed(0)
    net = LateFusion({"text": Branch(), "image": Branch()}, 2, hidden=(8,), dropout=dropout)
    return ClassificationTask(net, 2, 1e-3, dict(branch_lr), parse(Optimizer, {"name": optimizer}))


def batches(signal=3.0):
    torch.manual_seed(1)
    there = torch.ones(16, dtype=torch.bool)
    for _ in itertools.count():
        label = torch.randint(0, 2, (16,))
        x = torch.randn(16, 3) + signal * label[:, None]
        yield {"text": x, "image": x, "label": label, "present": {"text": there, "image": there}}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_rate_is_below_the_one_where_the_loss_was_least_and_learns(optimizer):
    task = make_task(optimizer)
    result = lr_finder.find_lr(task, batches())
    lowest = result.rates[result.losses.index(min(result.losses))]
    assert result.chosen == pytest.approx(lowest / 10, rel=0.05)
    assert 1e-4 < result.chosen <= 0.1
    assert list(result.rates) == sorted(result.rates) and len(result.rates) == len(result.losses) > 20


def test_afterwards_the_network_and_the_random_numbers_are_as_before():
    task = make_task(dropout=0.2)
    before = {name: value.clone() for name, value in task.net.state_dict().items()}
    given = list(itertools.islice(batches(), 100))
    torch.manual_seed(5)
    lr_finder.find_lr(task, given)
    drawn = torch.rand(3)
    assert all(torch.equal(value, before[name]) for name, value in task.net.state_dict().items())
    assert all(p.grad is None for p in task.net.parameters())
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn)


def test_a_branch_with_a_rate_of_its_own_keeps_it():
    task = make_task(branch_lr={"text": 0.002})
    groups = [group for group, _ in lr_finder._groups_at_the_rate_of_the_run(task, task.make_optimizer())]
    searched = {id(p) for group in groups for p in group["params"]}
    assert not searched & {id(p) for p in task.net.branches["text"].parameters()}
    assert {id(p) for p in task.net.head.parameters()} <= searched


def test_a_loss_that_never_falls_is_an_error():
    task = make_task()
    for parameter in task.net.parameters():
        parameter.data.zero_()  # no gradient reaches anything but the last bias
    even = ({**batch, "label": torch.arange(16) % 2} for batch in batches(0))
    with pytest.raises(UserError, match="lr=search found no learning rate"):
        lr_finder.find_lr(task, even)
