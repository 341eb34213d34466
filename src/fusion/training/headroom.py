"""Memory that a training will hardly have, or did not have: said in batch sizes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from fusion.config.errors import UserError
from fusion.training import frozen
from fusion.training.memory import Memory, build_on_meta, free_memory, memory
from fusion.training.setup import resolve_device

log = logging.getLogger(__name__)


@contextmanager
def explain_out_of_memory(config: dict[str, Any], classes: int, known: bool = False) -> Iterator[None]:
    """Warns before a training that will hardly fit into memory; when it did not, names the batch size that does.

    known: the features of the pictures are, so that only the head is trained and nothing needs to be said beforehand.
    Beforehand, because where memory is lent without being there, as Linux does, a process is killed, not told.
    """
    device = resolve_device(config)
    space, needed = free_memory(device), None if known else _needed(config, classes, half=device.type == "cuda")
    size = config["batch_size"]
    if needed is not None and needed.at(size) > space:
        fits = needed.largest(size // 2, space)
        log.warning(
            "warning: batch_size=%d takes about %.1f GB, and %.1f GB are free; %s",
            size, needed.at(size) / 1e9, space / 1e9, f"batch_size={fits} would fit" if fits else "lower input_shape",
        )  # fmt: skip
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        first = str(error).strip().splitlines()[0]
        raise UserError(f"Out of memory ({first}); {_advice(size, needed, space)}.") from error


def is_out_of_memory(error: Exception) -> bool:
    """Of a GPU, of torch's own allocator on a CPU, or of Python."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _advice(size: int, needed: Memory | None, space: int) -> str:
    if size == 1:
        return "batch_size is 1 already, so lower input_shape or take a smaller backbone"
    if needed is None:
        return f"batch_size={size // 2} takes about half as much"
    fits = needed.largest(size // 2, space)  # batch_size itself did not, whatever the estimate says
    if fits is None:
        return "not even batch_size=1 would fit, so lower input_shape or take a smaller backbone"
    return f"batch_size={fits} would fit, which takes about {needed.at(fits) / 1e9:.1f} of {space / 1e9:.1f} GB"


def _needed(config: dict[str, Any], classes: int, half: bool) -> Memory | None:
    """None for a network that cannot be followed without values."""
    try:
        drawn = build_on_meta(config, classes)
        frozen.apply_first_freeze(config, drawn)
        return memory(drawn, config, half)
    except (NotImplementedError, RuntimeError, UserError) as error:
        log.debug("memory is not known beforehand: %s", error)
        return None
