"""How a network learns: its optimiser, its learning rates, a loss that is no number."""

import logging
import math

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fusion.config.errors import UserError
from fusion.model.late_fusion import LateFusion
from fusion.training import schedules
from fusion.training.task import OPTIMIZERS, ClassificationTask

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")

ADAM = {"name": "adam", "weight_decay": 0.0}


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.dim = 4
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return self.linear(x)  # (B, 4)


def learner(optimizer=ADAM, lr=0.01, branch_lr=(), **options) -> ClassificationTask:
    torch.manual_seed(0)
    net = LateFusion({"text": Branch(), "image": Branch()}, 2, hidden=(8,), dropout=0.0)
    return ClassificationTask(net, 2, lr, dict(branch_lr), optimizer, **options)


def batches(count=4, value=1.0) -> DataLoader:
    torch.manual_seed(1)
    made = []
    for _ in range(count):
        label = torch.arange(8) % 2
        features = torch.randn(8, 3) + 3 * value * label[:, None]
        there = torch.ones(8, dtype=torch.bool)
        made.append({"text": features, "image": features, "label": label, "present": {"text": there, "image": there}})
    return DataLoader(made, batch_size=None)


def trainer(epochs=1) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name):
    made = learner({"name": name}, lr=0.05)
    training = trainer(epochs=10)
    training.fit(made, batches(), batches(2))
    assert training.callback_metrics["train_loss"] < 0.6  # ln 2 before anything is learnt
    assert training.callback_metrics["val_accuracy"] > 0.8


def test_what_the_journal_and_the_best_epoch_need_is_logged():
    training = trainer()
    training.fit(learner(), batches(), batches(2))
    wanted = {f"{side}_{what}" for side in ("train", "val") for what in ("loss", "accuracy", "f1_weighted", "f1_macro")}
    assert wanted == set(training.callback_metrics)


@pytest.mark.parametrize("side", ["train", "val"])
def test_metrics_of_an_epoch_are_over_all_its_samples_and_of_no_other_epoch(side):
    made, training = learner({"name": "sgd"}, lr=0.0), trainer(epochs=2)
    data = list(batches(3))
    data[-1] = {"present": {name: there[:5] for name, there in data[-1].pop("present").items()}} | {
        name: values[:5] for name, values in data[-1].items()
    }
    training.fit(made, DataLoader(data, batch_size=None), DataLoader(data, batch_size=None))
    with torch.no_grad():
        logits, truth = torch.cat([made(batch) for batch in data]), torch.cat([batch["label"] for batch in data])
    logged = training.callback_metrics
    assert logged[f"{side}_accuracy"] == pytest.approx((logits.argmax(1) == truth).float().mean().item())
    assert logged[f"{side}_loss"] == pytest.approx(nn.functional.cross_entropy(logits, truth).item())


@pytest.mark.parametrize(("typed", "hint"), [("adamm", "did you mean adam"), ("lion", "adam, adamw, rmsprop, sgd")])
def test_an_unknown_optimizer_gets_a_hint(typed, hint):
    with pytest.raises(UserError, match=f"optimizer={typed}.*{hint}"):
        learner(ADAM | {"name": typed})


@pytest.mark.parametrize("side", ["train", "val"])
def test_a_loss_that_is_no_number_stops_the_run_and_names_lr(side):
    good, bad = batches(), batches(value=float("nan"))
    with pytest.raises(UserError, match=rf"{side} loss is nan at step \d+ with lr=0.05; lower lr"):
        trainer().fit(learner(lr=0.05), bad if side == "train" else good, bad if side == "val" else good)


def test_an_infinite_loss_stops_the_run_too():
    made = learner()
    with torch.no_grad():
        made.net.head[-1].bias[1] = -float("inf")
    with pytest.raises(UserError, match="train loss is inf at step 0"):
        trainer().fit(made, batches(), batches(2))


def test_a_learning_rate_far_too_high_is_named():
    with pytest.raises(UserError, match=r"lr=1e\+30"):
        trainer(epochs=3).fit(learner({"name": "sgd"}, lr=1e30), batches(), batches(2))


def test_each_branch_has_its_own_learning_rate_and_the_head_that_of_the_run():
    made = learner(lr=0.1, branch_lr={"text": 0.002})
    groups = made.make_optimizer().param_groups
    rate_of = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert {rate_of[id(p)] for p in made.net.head.parameters()} == {0.1}
    assert {rate_of[id(p)] for p in made.net.branches["text"].parameters()} == {0.002}
    assert {rate_of[id(p)] for p in made.net.branches["image"].parameters()} == {0.1}
    assert len(rate_of) == len(list(made.parameters()))  # each once, none forgotten


def test_earlier_layers_of_a_branch_may_learn_more_slowly():
    class Deep(Branch):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    net = LateFusion({"text": Deep(), "image": Branch()}, 2, hidden=(), dropout=0.0)
    made = ClassificationTask(net, 2, 0.1, {"text": 0.01}, ADAM, lr_decay={"text": 0.5})
    rate_of = {id(p): group["lr"] for group in made.make_optimizer().param_groups for p in group["params"]}
    text = net.branches["text"]
    assert [rate_of[id(layer.weight)] for layer in text.layers] == pytest.approx([0.0025, 0.005, 0.01])
    assert rate_of[id(text.linear.weight)] == pytest.approx(0.00125)
    assert {rate_of[id(p)] for p in [*net.head.parameters(), *net.branches["image"].parameters()]} == {0.1}
    assert len(rate_of) == len([*net.parameters()])


def test_a_learning_rate_of_zero_freezes_a_branch():
    made = learner(branch_lr={"image": 0.0})
    before = {name: value.clone() for name, value in made.net.state_dict().items()}
    trainer().fit(made, batches(), batches(2))
    changed = {name for name, value in made.net.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("branches.image") for name in changed)
    assert any(name.startswith("branches.text") for name in changed)


def test_options_of_the_optimizer_reach_it():
    made = learner({"name": "sgd", "momentum": 0.9, "weight_decay": 0.5})
    optimizer = made.make_optimizer()
    assert {(group["momentum"], group["weight_decay"]) for group in optimizer.param_groups} == {(0.9, 0.5)}


def rates_over(steps: int, schedule: dict) -> list[float]:
    """The learning rate at each step of one epoch of training."""
    seen = []

    class Seen(pl.Callback):
        def on_train_batch_start(self, trainer, *_):
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    made = learner(lr=0.1, schedule=schedule)
    running = trainer()
    running.callbacks.append(Seen())
    running.fit(made, batches(steps), batches(2))
    return seen


def test_on_a_plateau_of_the_validation_loss_every_learning_rate_falls():
    plateau = {"name": "plateau", "warmup": 0, "factor": 0.5, "patience": 1}
    made = learner(lr=0.1, branch_lr={"text": 0.002}, schedule=plateau)
    [optimizer], [configured] = made.configure_optimizers()
    assert configured["monitor"] == "val_loss"
    for loss in (1.0, 1.0, 1.0):
        configured["scheduler"].step(loss)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.001, 0.05])


def test_without_a_schedule_learning_rates_stay():
    assert learner().configure_optimizers()[1] == []
    assert rates_over(4, {"name": "constant", "warmup": 0}) == pytest.approx([0.1] * 4)


def test_warming_up_begins_low_and_ends_at_the_rate():
    assert rates_over(6, {"name": "constant", "warmup": 4}) == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    plateau = {"name": "plateau", "warmup": 4, "factor": 0.5, "patience": 1}
    assert rates_over(6, plateau) == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])


def test_a_cosine_ends_near_nothing():
    seen = rates_over(10, {"name": "cosine", "warmup": 0})
    expected = [0.05 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    assert seen == pytest.approx(expected)


def test_auto_is_a_cosine_where_the_end_is_known_and_falls_on_plateaus_where_it_is_not():
    auto = {"name": "auto", "warmup": 0, "factor": 0.5, "patience": 1}
    assert rates_over(10, auto) == rates_over(10, {"name": "cosine", "warmup": 0})
    [configured] = schedules.schedulers(auto, torch.optim.SGD([torch.zeros(1)], 0.1), math.inf)
    assert isinstance(configured["scheduler"], torch.optim.lr_scheduler.ReduceLROnPlateau)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"name": "cosin", "warmup": 0}, "schedule=cosin is not known.*did you mean cosine"),
        ({"name": "constant", "warmup": -1}, r"schedule\.warmup=-1"),
    ],
)
def test_an_unknown_schedule_is_said(schedule, said):
    with pytest.raises(UserError, match=said):
        learner(schedule=schedule)


def test_augmentation_is_for_training_alone():
    seen = []

    def augment(image, ids, epoch):
        seen.append((len(ids), epoch))
        return image

    made = learner(augment=augment)
    given = [batch | {"id": ["a"] * 8} for batch in batches(3)]
    running = trainer(epochs=2)
    running.fit(made, DataLoader(given, batch_size=None), batches(2))
    running.predict(made, DataLoader(given, batch_size=None))
    assert seen == [(8, 0)] * 3 + [(8, 1)] * 3


def test_predicting_gives_float_logits():
    logits = trainer().predict(learner(), batches(2))
    assert [(one.shape, one.dtype) for one in logits] == [((8, 2), torch.float32)] * 2
