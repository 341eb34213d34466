"""How a network learns: its optimiser, its learning rates, a loss that is no number."""

import pytest
import torch
from tests.training.tasks import Branch, batches, make_task, trainer
from torch import nn
from torch.utils.data import DataLoader

from fusion.config.errors import UserError
from fusion.config.training import Adam
from fusion.model.late_fusion import LateFusion
from fusion.training.task import OPTIMIZERS, ClassificationTask

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name):
    task = make_task(name, lr=0.05)
    training = trainer(epochs=10)
    training.fit(task, batches(), batches(2))
    assert training.callback_metrics["train_loss"] < 0.6  # ln 2 before anything is learnt
    assert training.callback_metrics["val_accuracy"] > 0.8


def test_what_the_logger_and_the_best_epoch_need_is_logged():
    training = trainer()
    training.fit(make_task(), batches(), batches(2))
    wanted = {
        f"{split}_{what}" for split in ("train", "val") for what in ("loss", "accuracy", "f1_weighted", "f1_macro")
    }
    assert wanted == set(training.callback_metrics)


@pytest.mark.parametrize("split", ["train", "val"])
def test_metrics_of_an_epoch_are_over_all_its_samples_and_of_no_other_epoch(split):
    task, training = make_task("sgd", lr=0.0), trainer(epochs=2)
    data = list(batches(3))
    data[-1] = {"present": {name: there[:5] for name, there in data[-1].pop("present").items()}} | {
        name: values[:5] for name, values in data[-1].items()
    }
    training.fit(task, DataLoader(data, batch_size=None), DataLoader(data, batch_size=None))
    with torch.no_grad():
        logits, truth = torch.cat([task(batch) for batch in data]), torch.cat([batch["label"] for batch in data])
    logged = training.callback_metrics
    assert logged[f"{split}_accuracy"] == pytest.approx((logits.argmax(1) == truth).float().mean().item())
    assert logged[f"{split}_loss"] == pytest.approx(nn.functional.cross_entropy(logits, truth).item())


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_loss_that_is_no_number_stops_the_run_and_names_lr(split):
    good, bad = batches(), batches(value=float("nan"))
    with pytest.raises(UserError, match=rf"{split} loss is nan at step \d+ with lr=0.05; lower lr"):
        trainer().fit(make_task(lr=0.05), bad if split == "train" else good, bad if split == "val" else good)


def test_an_infinite_loss_stops_the_run_too():
    task = make_task()
    with torch.no_grad():
        task.net.head[-1].bias[1] = -float("inf")
    with pytest.raises(UserError, match="train loss is inf at step 0"):
        trainer().fit(task, batches(), batches(2))


def test_a_learning_rate_far_too_high_is_named():
    with pytest.raises(UserError, match=r"lr=1e\+30"):
        trainer(epochs=3).fit(make_task("sgd", lr=1e30), batches(), batches(2))


def test_each_branch_has_its_own_learning_rate_and_the_head_that_of_the_run():
    task = make_task(lr=0.1, branch_lr={"text": 0.002})
    groups = task.make_optimizer().param_groups
    rate_of = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert {rate_of[id(p)] for p in task.net.head.parameters()} == {0.1}
    assert {rate_of[id(p)] for p in task.net.branches["text"].parameters()} == {0.002}
    assert {rate_of[id(p)] for p in task.net.branches["image"].parameters()} == {0.1}
    assert len(rate_of) == len(list(task.parameters()))  # each once, none forgotten


def test_earlier_layers_of_a_branch_may_learn_more_slowly():
    class Deep(Branch):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    net = LateFusion({"text": Deep(), "image": Branch()}, 2, hidden=(), dropout=0.0)
    task = ClassificationTask(net, 2, 0.1, {"text": 0.01}, Adam(name="adam"), lr_decay={"text": 0.5})
    rate_of = {id(p): group["lr"] for group in task.make_optimizer().param_groups for p in group["params"]}
    text = net.branches["text"]
    assert [rate_of[id(layer.weight)] for layer in text.layers] == pytest.approx([0.0025, 0.005, 0.01])
    assert rate_of[id(text.linear.weight)] == pytest.approx(0.00125)
    assert {rate_of[id(p)] for p in [*net.head.parameters(), *net.branches["image"].parameters()]} == {0.1}
    assert len(rate_of) == len([*net.parameters()])


def test_a_learning_rate_of_zero_freezes_a_branch():
    task = make_task(branch_lr={"image": 0.0})
    before = {name: value.clone() for name, value in task.net.state_dict().items()}
    trainer().fit(task, batches(), batches(2))
    changed = {name for name, value in task.net.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("branches.image") for name in changed)
    assert any(name.startswith("branches.text") for name in changed)


def test_options_of_the_optimizer_reach_it():
    task = make_task({"name": "sgd", "momentum": 0.9, "weight_decay": 0.5})
    optimizer = task.make_optimizer()
    assert {(group["momentum"], group["weight_decay"]) for group in optimizer.param_groups} == {(0.9, 0.5)}


def test_augmentation_is_for_training_alone():
    seen = []

    def augment(image, ids, epoch):
        seen.append((len(ids), epoch))
        return image

    task = make_task(augment=augment)
    given = [batch | {"id": ["a"] * 8} for batch in batches(3)]
    running = trainer(epochs=2)
    running.fit(task, DataLoader(given, batch_size=None), batches(2))
    running.predict(task, DataLoader(given, batch_size=None))
    assert seen == [(8, 0)] * 3 + [(8, 1)] * 3


def test_predicting_gives_float_logits_of_all_and_of_each_modality():
    answers = trainer().predict(make_task(), batches(2))
    assert [[*batch] for batch in answers] == [["all", "text", "image"]] * 2
    assert {(part.shape, part.dtype) for batch in answers for part in batch.values()} == {((8, 2), torch.float32)}
