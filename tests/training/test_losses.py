"""Smoothing, class weights and penalties: what training makes small beside the cross-entropy."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fusion.config.options import parse
from fusion.config.training import Adam, Loss
from fusion.model.late_fusion import LateFusion
from fusion.training import losses
from fusion.training.task import ClassificationTask

ADAM = Adam(name="adam")


class Branch(nn.Module):
    dim = 3

    def forward(self, x):
        return x


def make_task(loss=(), class_weights=None) -> ClassificationTask:
    torch.manual_seed(0)
    net = LateFusion({"text": Branch()}, 2, hidden=(4,), dropout=0.0)
    return ClassificationTask(net, 2, 0.01, {}, ADAM, loss=parse(Loss, dict(loss)), class_weights=class_weights)


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return {"text": torch.randn(6, 3), "label": torch.tensor([0, 0, 0, 0, 0, 1]),
            "present": {"text": torch.ones(6, dtype=torch.bool)}}  # fmt: skip


def training_loss(task, batch) -> torch.Tensor:
    return task.train().training_loss(task.net.answers(batch), batch)


def test_plain_is_the_cross_entropy(batch):
    task = make_task()
    assert torch.equal(training_loss(task, batch), F.cross_entropy(task(batch), batch["label"]))


def test_labels_are_smoothed(batch):
    task = make_task({"label_smoothing": 0.1})
    expected = F.cross_entropy(task(batch), batch["label"], label_smoothing=0.1)
    assert training_loss(task, batch).item() == pytest.approx(expected.item())


def test_balanced_weights_make_every_class_count_the_same():
    weights = losses.class_weights(["a"] * 6 + ["b"] * 2, ["a", "b"], "balanced")
    assert weights == pytest.approx([8 / 12, 8 / 4])
    assert 6 * weights[0] == pytest.approx(2 * weights[1])


def test_class_weights_reach_the_loss(batch):
    task = make_task(class_weights=[0.6, 3.0])
    expected = F.cross_entropy(task(batch), batch["label"], torch.tensor([0.6, 3.0]))
    assert training_loss(task, batch).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("power", ["l1", "l2"])
@pytest.mark.parametrize("what", ["weights", "bias", "activity"])
def test_each_penalty_is_the_sum_that_keras_takes(power, what, batch):
    task = make_task({power: {what: 0.5}})
    first, last = task.net.head[0], task.net.head[-1]
    hidden = torch.relu(first(batch["text"]))  # (6, 4)
    penalised = {"weights": [first.weight, last.weight], "bias": [first.bias, last.bias], "activity": [hidden / 6**0.5]}
    if what == "activity" and power == "l1":
        penalised["activity"] = [hidden / 6]
    norm = (lambda x: x.abs().sum()) if power == "l1" else (lambda x: x.square().sum())
    plain = F.cross_entropy(task(batch), batch["label"])
    task.penalty.outputs.clear()
    assert training_loss(task, batch).item() == pytest.approx((plain + 0.5 * sum(map(norm, penalised[what]))).item())
    assert task.penalty.outputs == []


def test_outputs_are_not_kept_in_evaluation(batch):
    task = make_task({"l2": {"activity": 0.5}}).eval()
    task(batch)
    assert task.penalty.outputs == []


def test_root_weights_lie_between():
    root, balanced = (losses.class_weights(["a"] * 6 + ["b"] * 2, ["a", "b"], kind) for kind in ("root", "balanced"))
    assert [x * x for x in root] == pytest.approx(balanced)
