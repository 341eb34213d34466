"""The memory that training takes: found on the meta device beforehand, and explained in batch sizes when it ran out.

On the meta device a network has shapes and no values: no weights, no pictures, nothing computed.
"""

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fusion.branches import create_image, restore, text_spec
from fusion.config.branches import HuggingFace, TextOptions, Transformer
from fusion.config.errors import UserError, first_line
from fusion.config.options import to_dict
from fusion.config.schema import Config
from fusion.model.late_fusion import READ, LateFusion
from fusion.training.setup import make_freeze_schedule, resolve_device

log = logging.getLogger(__name__)

FLOAT = 4  # bytes
SPARE = 1.25  # gradients on their way, workspaces, what the allocator rounds up
TOKEN_LAYER = 68  # bytes a token, hidden unit and transformer layer (Korthikanti et al. 2022: 34 in half precision)


def build_on_meta(config: Config, classes: int) -> LateFusion:
    """Return the network of a configuration without weights, frozen as in its first epoch.

    Raises UserError for a shape that the backbone cannot take.
    """
    parts: dict[str, nn.Module] = {}
    with torch.device("meta"):
        if config.has_text:
            parts["text"] = restore(text_spec(config.text, classes=classes))
        if config.has_image:
            parts["image"] = create_image(replace(config.backbone, weights="random"), config.input_shape).module
        net = LateFusion(parts, classes, **to_dict(config.fusion))
    make_freeze_schedule(config, net).apply(1)
    return net


@dataclass(frozen=True)
class Memory:
    """What a training step takes at its peak, in bytes."""

    fixed: int  # weights, gradients, Adam's two moments
    per_sample: float  # its picture and what the backward pass needs of it

    def at(self, batch_size: int) -> int:
        """Return the bytes that a step of so many samples takes."""
        return round(self.fixed + self.per_sample * batch_size)

    def largest(self, batch_size: int, space: int) -> int | None:
        """Return batch_size, or its largest half, quarter, ... that fits into `space` bytes; None if 1 does not."""
        while batch_size and self.at(batch_size) > space:
            batch_size //= 2
        return batch_size or None


def estimate_memory(net: LateFusion, config: Config, half: bool = False) -> Memory:
    """Return the memory that training takes. net: on the meta device; half: activations of 16 bits."""
    trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in [*net.parameters(), *net.buffers()]) - trainable
    per_sample = (_saved_bytes(net, config, 4) - _saved_bytes(net, config, 2)) / 2 * SPARE
    if "image" in net.branches:
        per_sample = max(per_sample, _widest(net.branches["image"], config.input_shape))
    return Memory(FLOAT * (4 * trainable + frozen), per_sample * (0.5 if half else 1.0))


def _widest(branch: nn.Module, side: int) -> float:
    """Return the most bytes a picture that one module reads and writes; a pass takes them even if it saves nothing."""
    most = 0

    def measure(_: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal most
        tensors = [tensor for tensor in (*inputs, output) if isinstance(tensor, torch.Tensor)]
        most = max(most, sum(tensor.numel() * tensor.element_size() for tensor in tensors))

    hooks = [module.register_forward_hook(measure) for module in branch.modules() if not [*module.children()]]
    with torch.no_grad():
        branch(torch.empty(2, side, side, 3, dtype=torch.uint8, device="meta"))
    for hook in hooks:
        hook.remove()
    return most / 2


def _saved_bytes(net: LateFusion, config: Config, samples: int) -> int:
    """Return the bytes that autograd saves of one forward pass, and those of the pictures themselves."""
    known = {tensor.untyped_storage()._cdata for tensor in [*net.parameters(), *net.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage()._cdata not in known:
            saved[tensor.untyped_storage()._cdata] = tensor  # kept alive, so that no other takes its address
        return tensor

    total = 0
    features = {}
    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        for name, branch in net.branches.items():
            if name == "image":
                side = config.input_shape
                features[name] = branch(torch.empty(samples, side, side, 3, dtype=torch.uint8, device="meta"))
                total += samples * side * side * 3 * (1 + FLOAT)
            else:  # how text is masked depends on its values, which meta tensors lack
                features[name] = torch.empty(samples, int(branch.dim), device="meta")  # type: ignore[arg-type]
                total += samples * _text_bytes(config.text)
        if READ in net.modalities:
            features[READ] = torch.empty(samples, net.widths[READ], device="meta")
            total += samples * _text_bytes(config.text)
        net.fuse(features, torch.ones(samples, len(net.modalities), dtype=torch.bool, device="meta"))
    return total + sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


def _text_bytes(text: TextOptions) -> int:
    """Return the bytes of one text, by the rule of thumb for transformers; a bag of n-grams saves next to nothing."""
    if isinstance(text, Transformer):
        return text.blocks * text.dim * text.max_tokens * TOKEN_LAYER
    if isinstance(text, HuggingFace):
        layers, width = (text.architecture[name] for name in ("num_hidden_layers", "hidden_size"))
        return int(layers * width * text.max_tokens * TOKEN_LAYER)
    return 0


def free_memory(device: torch.device) -> int:
    """Return the bytes that this process can still take: of the device, the machine, a container or ulimit -v."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    limits = [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        limits = [int(fields["MemAvailable"].split()[0]) << 10]
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        most, now = Path("/sys/fs/cgroup") / limit, Path("/sys/fs/cgroup") / used
        if most.is_file() and now.is_file() and most.read_text().strip() != "max":
            limits.append(int(most.read_text()) - int(now.read_text()))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY and Path("/proc/self/statm").is_file():
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits.append(soft - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(limits))


@contextmanager
def explain_out_of_memory(config: Config, classes: int, head_only: bool = False) -> Iterator[None]:
    """Warn before a training that will hardly fit into memory; when it did not, name the batch size that does.

    head_only: the features of the pictures are known, so nothing needs to be said beforehand. Beforehand, because
    where memory is lent without being there, as Linux does, a process is killed without an error.
    """
    device = resolve_device(config)
    space, needed = free_memory(device), None if head_only else _needed(config, classes, half=device.type == "cuda")
    size = config.batch_size
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
        raise UserError(f"Out of memory ({first_line(error)}); {_advice(size, needed, space)}.") from error


def is_out_of_memory(error: Exception) -> bool:
    """Return whether a GPU, torch's own allocator on a CPU, or Python ran out of memory."""
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


def _needed(config: Config, classes: int, half: bool) -> Memory | None:
    """Return the memory needed, None for a network that cannot be run on the meta device."""
    try:
        return estimate_memory(build_on_meta(config, classes), config, half)
    except (NotImplementedError, RuntimeError, UserError) as error:
        log.debug("memory is not known beforehand: %s", error)
        return None
