"""Batch statistics against moving ones: compared, warned of, estimated anew."""

import logging

import pytest
import torch
from torch import nn

from fusion.training import batchnorm


class Net(nn.Module):
    """Whether x is above the middle of its batch: right by batch statistics, wrong by moving ones far from them."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.head = nn.BatchNorm1d(1), nn.Dropout(0.9), nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[-1.0], [1.0]]))

    def forward(self, batch):
        return self.head(self.drop(self.norm(batch["x"])))


@pytest.fixture
def net() -> Net:
    return Net().train()


@pytest.fixture
def batches():
    torch.manual_seed(0)
    labels = [torch.arange(16) % 2] * 4
    return [{"x": 100 + 3 * label[:, None] + torch.rand(16, 1), "label": label} for label in labels]


def test_a_network_whose_statistics_are_elsewhere_is_warned_of(net, batches, caplog):
    with caplog.at_level(logging.WARNING):
        agreement = batchnorm.compare(net, batchnorm.batchnorm_in_training(net), batches, "adapt")
    assert agreement == {"samples": 64, "train_mode_accuracy": 1.0, "eval_mode_accuracy": 0.5, "diverged": True}
    assert "1.000" in caplog.text and "0.500" in caplog.text and "batchnorm=recalibrate" in caplog.text


def test_after_recalibrating_other_advice_is_given(net, batches, caplog):
    batchnorm.compare(net, batchnorm.batchnorm_in_training(net), batches, "recalibrate")
    assert "batchnorm=frozen" in caplog.text and "batchnorm=recalibrate" not in caplog.text


def test_comparing_changes_nothing(net, batches):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    batchnorm.compare(net, batchnorm.batchnorm_in_training(net), batches, "adapt")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(m.training for m in net.modules())


def test_recalibrated_statistics_are_those_of_the_pictures(net, batches, caplog):
    norms = batchnorm.batchnorm_in_training(net)
    batchnorm.recalibrate(net, norms, batches)
    assert net.norm.running_mean.item() == pytest.approx(torch.cat([b["x"] for b in batches]).mean().item(), abs=1e-3)
    assert net.norm.momentum == 0.1 and not any(m.training for m in net.modules())
    assert batchnorm.compare(net, norms, batches, "recalibrate")["diverged"] is False
    assert not caplog.text


def test_normalisations_that_keep_their_statistics_are_no_part_of_it(net):
    net.norm.eval()
    assert batchnorm.batchnorm_in_training(net) == [] and batchnorm.batchnorm_layers(net) == [net.norm]
