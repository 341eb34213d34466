"""A configuration -> Lightning's Trainer for so many steps, resumable at any of them, in one process or several."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.distributed
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.io import TorchCheckpointIO

from fusion.config.errors import UserError, first_line
from fusion.config.schema import Config
from fusion.files import replacing
from fusion.pretraining.callbacks import OwnSignalHandler, SaveState, WarmedUpEMA
from fusion.pretraining.task import PretrainingTask
from fusion.training.fit import make_trainer

STATE = "last.ckpt"  # of a run folder: all that a run is resumed from
TRUE_PRECISIONS = ("16-true", "bf16-true", "64-true", "64")  # weights themselves in other numbers than 32 bits


def rank_and_world_size() -> tuple[int, int]:
    """Return this process's number and how many take part, as torchrun says; (0, 1) without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def closing_process_group() -> Iterator[None]:
    """Close what Lightning opens under torchrun: a next run needs it anew, and an open one keeps this process alive."""
    try:
        yield
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def make_pretrainer(
    config: Config, folder: Path, callbacks: Iterable[pl.Callback], logger: Logger | None = None
) -> pl.Trainer:
    """Return the trainer of config.endless; states go to the folder, which the first process alone writes to.

    logger: that of the first process; the others have none.
    """
    options = config.endless
    assert options is not None
    save_state = SaveState(folder / STATE, options.save_every, options.eval_every)  # called after all the others
    return make_trainer(
        config,
        folder,
        [OwnSignalHandler(), WarmedUpEMA(), *callbacks, save_state],
        show_progress=rank_and_world_size()[0] == 0,
        logger=logger,
        max_steps=options.steps,
        max_epochs=-1,
        val_check_interval=options.eval_every,
        check_val_every_n_epoch=None,  # counted over the whole run
        plugins=[StateIO()],
        use_distributed_sampler=False,  # the stream gives each process its own share
        **_processes(),
    )


def _processes() -> dict[str, Any]:
    _, world_size = rank_and_world_size()
    if world_size == 1:
        return {"devices": 1}
    here = int(os.environ.get("LOCAL_WORLD_SIZE", world_size))
    return {"devices": here, "num_nodes": world_size // here, "strategy": "ddp"}


class StateIO(TorchCheckpointIO):
    """Writes a state whole or not at all, and reads it without executing anything in it.

    Lightning writes to the folder of temporary files and moves from there, which is a copy where that lies on another
    disk: a run killed in the middle of it has no state at all.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with replacing(Path(path)) as part:
            torch.save(checkpoint, part)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Raise UserError for a file that holds no state."""
        try:
            state: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
            if not isinstance(state, dict) or "pytorch-lightning_version" not in state:
                raise ValueError("no checkpoint of Lightning's")
        except Exception as error:  # of whatever kind torch's reader raises for a file that does not fit
            reason = first_line(error)
            raise UserError(f"{path} is no state that a run can be resumed from ({reason}); start it anew.") from error
        return state


@torch.no_grad()
def predict(task: PretrainingTask, trainer: pl.Trainer, images: Iterable[np.ndarray]) -> np.ndarray:
    """Batches of pictures (B, H, W, 3) -> logits (N, C), with the precision of training, in this process alone."""
    device = trainer.strategy.root_device
    task.eval().to(device)
    with trainer.precision_plugin.forward_context():
        return np.concatenate([task(torch.from_numpy(image).to(device)).cpu().numpy() for image in images])
