"""What is written after each epoch, which epoch is saved, and what learns from which epoch on."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from tests.training.tasks import Branch, batches, trainer
from torch import nn
from torch.utils.data import DataLoader

from fusion.config.branches import Backbone, Nano, parse_freeze
from fusion.config.errors import UserError
from fusion.config.groups import read_group
from fusion.config.options import parse
from fusion.config.training import Adam
from fusion.model.late_fusion import LateFusion
from fusion.results.record import read_metrics
from fusion.training.callbacks import FreezeSchedule, MetricsLogger, SaveBest
from fusion.training.task import ClassificationTask

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


class Text(Branch):
    def forward(self, x):
        return self.linear(x["features"])  # (B, 4)


def text_batches(count: int, tokens: int) -> DataLoader:
    """Return batches whose texts have so many tokens each."""
    mask = torch.ones(8, tokens, dtype=torch.bool)
    listed = [batch | {"text": {"features": batch["text"], "attention_mask": mask}} for batch in batches(count)]
    return DataLoader(listed, batch_size=None)


def train(metrics: MetricsLogger, clip: float | None = None) -> None:
    torch.manual_seed(0)
    net = LateFusion({"text": Text(), "image": Branch()}, 2, hidden=(), dropout=0.0)
    running = trainer(epochs=2)
    running.gradient_clip_val = clip
    running.callbacks.append(metrics)
    running.fit(ClassificationTask(net, 2, 0.05, {}, Adam(name="adam")), text_batches(3, 5), text_batches(2, 5))


def test_each_epoch_is_a_line_of_metrics_and_of_the_log(tmp_path, caplog):
    metrics = MetricsLogger(tmp_path)
    with caplog.at_level(logging.INFO, logger="fusion"):
        train(metrics)
    first, second = read_metrics(tmp_path)
    assert [first, second] == metrics.epochs
    assert [first["epoch"], second["epoch"]] == [1, 2] and first["lr"] == 0.05 and first["seconds"] >= 0
    wanted = {
        f"{split}_{name}" for split in ("train", "val") for name in ("loss", "accuracy", "f1_macro", "f1_weighted")
    }
    assert wanted | {"epoch", "lr", "seconds", "tokens_per_second"} == first.keys() == second.keys()
    assert second["train_loss"] < first["train_loss"]
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch ")]
    assert lines[1].startswith(f"epoch 2 of 2: training loss {second['train_loss']:.3f}, accuracy ")
    assert f"validation loss {second['val_loss']:.3f}, accuracy {second['val_accuracy']:.3f}; " in lines[1]


def test_tokens_are_counted_over_the_time_of_training_alone(tmp_path, monkeypatch):
    clock: Iterator[int] = iter(range(0, 1000, 2))
    monkeypatch.setattr("fusion.training.callbacks.time", SimpleNamespace(monotonic=lambda: next(clock)))
    metrics = MetricsLogger(tmp_path)
    train(metrics)
    assert metrics.epochs[0]["tokens_per_second"] == 3 * 8 * 5 / 6, "three batches, each two seconds after the other"
    assert metrics.epochs[0]["seconds"] == 8, "with the call at the end of the epoch"


@pytest.mark.parametrize("clip", [None, 1.0])
def test_the_norm_of_gradients_is_kept_where_they_are_clipped(tmp_path, clip):
    metrics = MetricsLogger(tmp_path)
    train(metrics, clip)
    norms = [epoch["gradient_norm"] for epoch in metrics.epochs if "gradient_norm" in epoch]
    assert len(norms) == (0 if clip is None else 2) and all(norm > 0 for norm in norms)


def test_the_best_epoch_by_macro_f1_is_saved_and_of_equals_the_first():
    saved: list[int] = []
    reached = [(0.2, 0.9), (0.5, 2.0), (0.5, 0.1), (0.4, 0.1), (0.6, 3.0)]
    epochs = iter(range(len(reached)))
    best = SaveBest(lambda: saved.append(epoch))
    for f1, loss in reached:
        epoch = next(epochs)
        metrics = {"val_f1_macro": torch.tensor(f1), "val_loss": torch.tensor(loss)}
        best.on_validation_end(SimpleNamespace(callback_metrics=metrics), None)
    assert saved == [0, 1, 4] and best.best == pytest.approx(0.6)


class Deep(nn.Module):
    """Three layers, each with a normalisation, as `layers` counts them; and an embedding before."""

    def __init__(self):
        super().__init__()
        self.dim = 4
        self.embedding = nn.Linear(3, 4)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in range(3))


def schedule(image_freeze, batchnorm: str = "adapt") -> tuple[FreezeSchedule, nn.ModuleDict]:
    branches = nn.ModuleDict({"text": Branch(), "image": Deep()})
    image = {"name": "timm", "freeze": parse_freeze(image_freeze).to_option(), "batchnorm": batchnorm}
    options = {"text": parse(Nano, read_group("text", "nano")), "image": parse(Backbone, image)}
    return FreezeSchedule(branches, options), branches


def learning(branch: nn.Module) -> list[bool]:
    """Return which of the embedding and the three layers learn."""
    return [part.requires_grad for part in (branch.embedding.weight, *(layer[0].weight for layer in branch.layers))]


def test_layers_thaw_at_their_epochs_and_stay_thawed():
    freezing, branches = schedule({1: "all", 3: "all but 1", 5: "none"})
    seen = []
    for epoch in range(1, 7):
        freezing.apply(epoch)
        seen.append(sum(learning(branches["image"])))
        assert branches["text"].linear.weight.requires_grad, "of the other branch nothing was said"
    assert seen == [0, 0, 1, 1, 4, 4]
    assert learning(branches["image"]) == [True] * 4


def test_the_last_layers_are_those_that_learn():
    freezing, branches = schedule("all but 2")
    freezing.apply(1)
    assert learning(branches["image"]) == [False, False, True, True]
    assert [layer[1].training for layer in branches["image"].layers] == [False, True, True]


def test_frozen_normalisations_keep_their_statistics_while_their_layers_learn():
    freezing, branches = schedule("none", batchnorm="frozen")
    freezing.apply(1)
    assert learning(branches["image"]) == [True] * 4
    assert not any(layer[1].training for layer in branches["image"].layers)


@pytest.mark.parametrize(("freeze", "lines"), [
    ("none", []),
    ("all but 1", ["epoch 1: 1 of the 4 layers of the image branch learn"]),
    ({1: "all", 3: "all but 1"}, ["epoch 1: 0 of the 4 layers of the image branch learn",
                                  "epoch 3: 1 of the 4 layers of the image branch learn"]),
])  # fmt: skip
def test_a_stage_is_logged_when_it_begins(freeze, lines, caplog):
    freezing, _ = schedule(freeze)
    with caplog.at_level(logging.INFO, logger="fusion"):
        for epoch in range(4):
            freezing.on_train_epoch_start(SimpleNamespace(current_epoch=epoch), None)
    assert [record.getMessage() for record in caplog.records] == lines


def test_more_layers_than_the_branch_has_are_an_error_that_names_the_option():
    with pytest.raises(UserError, match=r"^backbone\.freeze=all but 5: there are 4 layers"):
        schedule("all but 5")
