"""A network's shapes and memory, found on the meta device: no weights, no pictures, nothing computed."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fusion.branches import create_image, restore, text_spec
from fusion.model.late_fusion import LateFusion

FLOAT = 4  # bytes
SPARE = 1.25  # gradients on their way, workspaces, what the allocator rounds up
TOKEN_LAYER = 68  # bytes a token, hidden unit and transformer layer (Korthikanti et al. 2022: 34 in half precision)


def build_on_meta(config: dict[str, Any], classes: int) -> LateFusion:
    """A configuration -> its network without weights. Raises UserError for a shape the backbone cannot take."""
    parts: dict[str, nn.Module] = {}
    with torch.device("meta"):
        if config["text"]["name"] != "none":
            parts["text"] = restore(text_spec(config["text"], classes=classes))
        if config["backbone"]["name"] != "none":
            parts["image"] = create_image(config["backbone"] | {"weights": "random"}, config["input_shape"]).module
        fusion = {key: value for key, value in config["fusion"].items() if key != "name"}
        return LateFusion(parts, classes, **fusion)


@dataclass(frozen=True)
class Memory:
    """What a training step takes at its peak, in bytes."""

    fixed: int  # weights, gradients, Adam's two moments
    each: float  # a sample: its picture and what the backward pass needs of it

    def at(self, batch_size: int) -> int:
        return round(self.fixed + self.each * batch_size)

    def largest(self, batch_size: int, space: int) -> int | None:
        """batch_size, or the largest half, quarter, ... of it that fits into `space` bytes; None if not even 1 does."""
        while batch_size and self.at(batch_size) > space:
            batch_size //= 2
        return batch_size or None


def memory(net: LateFusion, config: dict[str, Any], half: bool = False) -> Memory:
    """An outline -> the memory its training takes. half: activations of 16 bits, as mixed precision has them."""
    learnt = sum(p.numel() for p in net.parameters() if p.requires_grad)
    still = sum(p.numel() for p in [*net.parameters(), *net.buffers()]) - learnt
    each = (_kept(net, config, 4) - _kept(net, config, 2)) / 2 * SPARE
    if "image" in net.branches:
        each = max(each, _widest(net.branches["image"], config["input_shape"]))
    return Memory(FLOAT * (4 * learnt + still), each * (0.5 if half else 1.0))


def _widest(branch: nn.Module, side: int) -> float:
    """Bytes a picture: the most that one module reads and writes, which a pass takes even if nothing is kept of it."""
    found = [0]

    def look(_: nn.Module, given: Any, made: Any) -> None:
        tensors = [one for one in (*given, made) if isinstance(one, torch.Tensor)]
        found[0] = max(found[0], sum(one.numel() * one.element_size() for one in tensors))

    hooks = [module.register_forward_hook(look) for module in branch.modules() if not [*module.children()]]
    with torch.no_grad():
        branch(torch.empty(2, side, side, 3, dtype=torch.uint8, device="meta"))
    for hook in hooks:
        hook.remove()
    return found[0] / 2


def _kept(net: LateFusion, config: dict[str, Any], samples: int) -> int:
    """Bytes that autograd keeps of one forward pass, and the picture itself."""
    known = {tensor.untyped_storage()._cdata for tensor in [*net.parameters(), *net.buffers()]}
    found: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage()._cdata not in known:
            found[tensor.untyped_storage()._cdata] = tensor  # held, so that no other takes its place
        return tensor

    total = 0
    features = []
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for name, branch in net.branches.items():
            if name == "image":
                side = config["input_shape"]
                features.append(branch(torch.empty(samples, side, side, 3, dtype=torch.uint8, device="meta")))
                total += samples * side * side * 3 * (1 + FLOAT)
            else:  # how text is masked depends on its values, which meta tensors lack
                features.append(torch.empty(samples, int(branch.dim), device="meta"))  # type: ignore[arg-type]
                total += samples * _text_bytes(config["text"])
        net.head(torch.cat(features, dim=1))
    return total + sum(tensor.untyped_storage().nbytes() for tensor in found.values())


def _text_bytes(text: dict[str, Any]) -> int:
    """Of one text, by the rule of thumb for transformers; a bag of n-grams keeps next to nothing."""
    if text["name"] in ("nano", "ngram"):
        return 0
    inside = text.get("architecture") or {}
    layers, width = text.get("blocks") or inside["num_hidden_layers"], text.get("dim") or inside["hidden_size"]
    return int(layers * width * text["max_tokens"] * TOKEN_LAYER)


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still take on the device, those of the machine, a container or ulimit -v."""
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
