"""How learning rates change while training: warm-up, then constant, a cosine, or smaller on each plateau.

`auto` is a cosine where the number of steps is known, and falls on plateaus where it is not: in a stream.
"""

import math
from typing import Any

import torch
from torch.optim import lr_scheduler

from fusion.config.errors import UserError
from fusion.config.training import Schedule


def schedulers(schedule: Schedule, optimizer: torch.optim.Optimizer, steps: float) -> list[dict[str, Any]]:
    """Return the schedulers as Lightning takes them; steps: of the whole training, infinite where not known.

    Each multiplies the rate that the optimiser has by its own share, so that they can be used together.
    """
    chosen: list[dict[str, Any]] = []
    name = schedule.name
    if name == "auto":
        name = "cosine" if math.isfinite(steps) else "plateau"
    if schedule.warmup:
        warmup = lr_scheduler.LinearLR(optimizer, 1 / (schedule.warmup + 1), total_iters=schedule.warmup)
        chosen.append({"scheduler": warmup, "interval": "step"})
    if name == "cosine":
        if not math.isfinite(steps):
            raise UserError(
                "schedule=cosine must know how long an epoch is, which a stream does not tell; use plateau."
            )
        chosen.append({"scheduler": lr_scheduler.CosineAnnealingLR(optimizer, max(1, int(steps))), "interval": "step"})
    if name == "plateau":
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=schedule.factor, patience=schedule.patience)
        chosen.append({"scheduler": plateau, "monitor": "val_loss"})
    return chosen
