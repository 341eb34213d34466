"""The range test: a curve, a rate, and a network that is as it was."""

import itertools

import pytest
import torch
from torch import nn

from fusion.config.errors import UserError
from fusion.model.late_fusion import LateFusion
from fusion.training import lr_finder as rate_search
from fusion.training.task import ClassificationTask


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.dim = 4
        self.linear, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.linear(x))


def made(optimizer="sgd", branch_lr=(), dropout=0.0) -> ClassificationTask:
    torch.manual_seed(0)
    net = LateFusion({"text": Branch(), "image": Branch()}, 2, hidden=(8,), dropout=dropout)
    return ClassificationTask(net, 2, 1e-3, dict(branch_lr), {"name": optimizer})


def batches(signal=3.0):
    torch.manual_seed(1)
    there = torch.ones(16, dtype=torch.bool)
    for _ in itertools.count():
        label = torch.randint(0, 2, (16,))
        x = torch.randn(16, 3) + signal * label[:, None]
        yield {"text": x, "image": x, "label": label, "present": {"text": there, "image": there}}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_rate_is_below_the_one_where_the_loss_was_least_and_learns(optimizer):
    learner = made(optimizer)
    found = rate_search.search(learner, batches())
    lowest = found.rates[found.losses.index(min(found.losses))]
    assert found.chosen == pytest.approx(lowest / 10, rel=0.05)
    assert 1e-4 < found.chosen <= 0.1
    assert list(found.rates) == sorted(found.rates) and len(found.rates) == len(found.losses) > 20


def test_afterwards_the_network_and_the_random_numbers_are_as_before():
    learner = made(dropout=0.2)
    before = {name: value.clone() for name, value in learner.net.state_dict().items()}
    given = list(itertools.islice(batches(), 100))
    torch.manual_seed(5)
    rate_search.search(learner, given)
    drawn = torch.rand(3)
    assert all(torch.equal(value, before[name]) for name, value in learner.net.state_dict().items())
    assert all(p.grad is None for p in learner.net.parameters())
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn)


def test_a_branch_with_a_rate_of_its_own_keeps_it():
    learner = made(branch_lr={"text": 0.002})
    groups = [group for group, _ in rate_search._following(learner, learner.make_optimizer())]
    held = {id(p) for group in groups for p in group["params"]}
    assert not held & {id(p) for p in learner.net.branches["text"].parameters()}
    assert {id(p) for p in learner.net.head.parameters()} <= held


def test_a_loss_that_never_falls_is_said():
    learner = made()
    for parameter in learner.net.parameters():
        parameter.data.zero_()  # no gradient reaches anything but the last bias
    even = ({**batch, "label": torch.arange(16) % 2} for batch in batches(0))
    with pytest.raises(UserError, match="lr=search found no learning rate"):
        rate_search.search(learner, even)
