"""The average of the weights."""

from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from fusion.pretraining.callbacks import EMA_DECAY, WarmedUpEMA


class Net(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_the_average_follows_faster_at_first_and_counts_the_beginning() -> None:
    net, average, trainer = Net(), WarmedUpEMA(), SimpleNamespace(global_step=0)
    given: Any = trainer
    average.setup(given, net, "fit")
    expected = {name: value.clone() for name, value in net.state_dict().items()}
    for step in range(1, 30):
        net.layers(torch.randn(8, 3))  # moves the statistics of batch normalisation
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter))
        trainer.global_step = step
        average.on_train_batch_end(given, net, None, None, step - 1)
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            expected[name] = (
                torch.lerp(expected[name], value, 1 - decay) if value.is_floating_point() else value.clone()
            )
    assert average._average_model is not None
    reached = average._average_model.module.state_dict()
    assert all(torch.equal(reached[name], value) for name, value in expected.items())
    assert reached["layers.1.num_batches_tracked"] == 29, "a counter is copied"


def test_it_is_handed_over_also_where_nothing_was_trained() -> None:
    net, average, given = Net(), WarmedUpEMA(), SimpleNamespace(global_step=0)
    trainer: Any = given
    average.setup(trainer, net, "fit")
    before = net.layers[0].weight.detach().clone()  # type: ignore[union-attr, operator]
    with torch.no_grad():
        net.layers[0].weight.zero_()  # type: ignore[union-attr, operator]
    average.on_fit_end(trainer, net)
    assert torch.equal(net.layers[0].weight, before)  # type: ignore[arg-type]
