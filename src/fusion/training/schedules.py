"""How learning rates change while training: warm-up, then constant, a cosine, or smaller on each plateau.

`auto` is a cosine where the number of steps is known, and falls on plateaus where it is not: in a stream.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import lr_scheduler

from fusion.config import values
from fusion.config.errors import UserError

SCHEDULES = ("auto", "constant", "plateau", "cosine")
CONSTANT: dict[str, Any] = {"name": "constant", "warmup": 0}
RULES: values.Rules = {
    "name": values.one_of(*SCHEDULES),
    "warmup": values.whole(0),
    "factor": values.number(lambda x: 0 < x < 1, "above 0 and below 1, such as 0.5"),
    "patience": values.whole(0),
}


def check(schedule: Mapping[str, Any]) -> None:
    """Raises UserError for values of `schedule` that mean nothing."""
    values.check(schedule, RULES, "schedule", complete=True)


def schedulers(schedule: Mapping[str, Any], optimizer: torch.optim.Optimizer, steps: float) -> list[dict[str, Any]]:
    """conf/schedule and the steps of the whole training -> schedulers as Lightning takes them.

    Each multiplies the rate that the optimiser has by its own share, so that they can be used together.
    """
    made: list[dict[str, Any]] = []
    name = schedule["name"]
    if name == "auto":
        name = "cosine" if math.isfinite(steps) else "plateau"
    if schedule["warmup"]:
        warmup = lr_scheduler.LinearLR(optimizer, 1 / (schedule["warmup"] + 1), total_iters=schedule["warmup"])
        made.append({"scheduler": warmup, "interval": "step"})
    if name == "cosine":
        if not math.isfinite(steps):
            raise UserError(
                "schedule=cosine must know how long an epoch is, which a stream does not tell; use plateau."
            )
        made.append({"scheduler": lr_scheduler.CosineAnnealingLR(optimizer, max(1, int(steps))), "interval": "step"})
    if name == "plateau":
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=schedule["factor"], patience=schedule["patience"])
        made.append({"scheduler": plateau, "monitor": "val_loss"})
    return made
