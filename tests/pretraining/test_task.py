"""The schedule of the learning rate, and what learns at which rate."""

import copy
from typing import Any

import pytest
import pytorch_lightning as pl
import timm
import torch
from torch import nn

from fusion.branches.image import TimmBackbone
from fusion.branches.weights import WeightSource
from fusion.config.errors import UserError
from fusion.model.late_fusion import LateFusion
from fusion.pretraining.character_heads import Occurring, Standing
from fusion.pretraining.character_targets import CHARACTERS
from fusion.pretraining.task import HEAD_LR_SCALE, PretrainingTask, warmup_stable_decay


def task(classes: int = 2, stride: int | None = None) -> PretrainingTask:
    net: Any = LateFusion({"image": TimmBackbone("test_resnet", 32, WeightSource("random"))}, classes, (), 0.0)
    width = timm.create_model("test_resnet").num_features
    names = [str(number) for number in range(classes)]
    head = Occurring(width) if stride is None else Standing(net.branches["image"].net, stride)
    return PretrainingTask(
        net, head, names, lambda step: 1.0,
        lr=0.01, weight_decay=0.02, label_smoothing=0.1, seed=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "share"),
    [(0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0), (80, 1.0), (90, 0.5), (99, 0.05), (100, 0.0), (120, 0.0)],
)
def test_the_rate_rises_stays_and_falls(step: int, share: float) -> None:
    assert warmup_stable_decay(step, steps=100, warmup=10, cooldown=0.2) == pytest.approx(share)


def test_a_run_without_warmup_and_cooldown_keeps_its_rate() -> None:
    assert {warmup_stable_decay(step, steps=5, warmup=0, cooldown=0.0) for step in range(5)} == {1.0}


def test_heads_learn_slower_and_biases_do_not_decay() -> None:
    whole = task()
    optimizer = whole.make_optimizer(0.01, 0.02)
    group_of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    assert len(group_of) == len([*whole.parameters()]), "every parameter is in one group"
    for name, parameter in whole.named_parameters():
        group = group_of[id(parameter)]
        assert group["lr"] == 0.01 * (1.0 if name.startswith("net.branches") else HEAD_LR_SCALE), name
        assert group["weight_decay"] == (0.02 if parameter.ndim > 1 else 0.0), name


def test_one_label_and_hundreds_of_characters_are_learnt() -> None:
    whole, branch = task(), task().net.branches["image"].eval()
    side = branch.net.forward_features(torch.zeros(1, 3, 32, 32)).shape[2]  # type: ignore[union-attr, operator]
    batch = {
        "image": torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8), "label": torch.tensor([0, 1, 0, 1]),
        "characters": torch.zeros(4, side, side, CHARACTERS),
    }  # fmt: skip
    whole.training_step(batch, 0).backward()
    assert all(parameter.grad is not None for parameter in whole.parameters())
    assert whole(batch["image"]).shape == (4, 2)


def test_each_cell_of_a_finer_map_is_asked_for_its_character() -> None:
    whole = task(stride=8)
    batch = {
        "image": torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8), "label": torch.tensor([0, 1, 0, 1]),
        "characters": torch.randint(0, CHARACTERS + 1, (4, 4, 4), dtype=torch.uint8),
    }  # fmt: skip
    _, first, _ = whole.losses(batch)
    for _ in range(30):
        whole.zero_grad()
        _, loss, _ = whole.losses(batch)
        loss.backward()
        with torch.no_grad():
            for parameter in whole.parameters():
                if parameter.grad is not None:
                    parameter -= 0.1 * parameter.grad
    assert loss < 0.7 * first, "what stands in the cells can be learnt by heart"
    assert whole.character_head.maps is None, "nothing is kept between steps"


def test_no_character_and_nothing_but_characters_have_a_loss() -> None:
    head, maps = Standing(timm.create_model("test_resnet"), 4), torch.zeros(1, 3, 2, 2)
    for characters in (torch.zeros(1, 2, 2), torch.ones(1, 2, 2)):
        head.maps = torch.ones(1, head.in_features, 2, 2)
        assert 0 < head.loss(maps, characters).item() < 20


def test_a_stride_that_a_network_has_no_map_of_is_refused() -> None:
    with pytest.raises(UserError, match=r"character_stride=5 is no map .* strides 2, 4, 8, 16, 32"):
        task(stride=5)
    with pytest.raises(UserError, match="strides none"):
        Standing(nn.Linear(2, 2), 8)


def test_the_state_of_another_network_is_refused() -> None:
    state = {"state_dict": task(3).state_dict(), "lr": 0.5}
    with pytest.raises(UserError, match=r"another network \(net\.head\.0"):
        task(2).on_load_checkpoint(state)
    own = task(3)
    own.on_load_checkpoint(state)
    assert own.lr == 0.01, "the rate of the configuration, unless it is to be kept"
    own.keep_lr = True
    own.on_load_checkpoint(state)
    assert own.lr == 0.5


def test_a_copy_of_the_task_knows_no_trainer() -> None:
    whole = task()
    whole.trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    assert copy.deepcopy(whole)._trainer is None, "the average of the weights is such a copy"
