"""A network of two small branches, batches that it can learn from, and a trainer without any output."""

import logging

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fusion.config.options import parse
from fusion.config.training import Optimizer
from fusion.model.late_fusion import LateFusion
from fusion.training.task import ClassificationTask


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.dim = 4
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return self.linear(x)  # (B, 4)


def make_task(optimizer="adam", lr=0.01, branch_lr=(), **options) -> ClassificationTask:
    torch.manual_seed(0)
    net = LateFusion({"text": Branch(), "image": Branch()}, 2, hidden=(8,), dropout=0.0)
    given = optimizer if isinstance(optimizer, dict) else {"name": optimizer}
    return ClassificationTask(net, 2, lr, dict(branch_lr), parse(Optimizer, given), **options)


def batches(count=4, value=1.0) -> DataLoader:
    torch.manual_seed(1)
    listed = []
    for _ in range(count):
        label = torch.arange(8) % 2
        features = torch.randn(8, 3) + 3 * value * label[:, None]
        there = torch.ones(8, dtype=torch.bool)
        listed.append({"text": features, "image": features, "label": label, "present": {"text": there, "image": there}})
    return DataLoader(listed, batch_size=None)


def trainer(epochs=1) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
