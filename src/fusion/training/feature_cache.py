"""What a frozen image branch makes of each picture, computed once and kept: (N, D), or (N, K, D) of K tiles.

CACHE/features/<16 hex>.safetensors holds the features of one side of the data in one style variant, with the ids and
labels of its rows and a hash of all of it. Its name says what it depends on: the branch and its weights, the view and
the styles, the rows. It is written under another name and renamed, so that two sweeps at once do no harm: both would
write the same.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from fusion.datamodule import Features, Row
from fusion.files import replacing

log = logging.getLogger(__name__)

LAYOUT = 1  # raised when the same name would hold something else
AT_ONCE = 16 * 224**2  # pixels on a CPU, one picture at least: more takes memory (10 GB of 64 at 600) and saves no time

Draw = Callable[[str, int | None], tuple[list[Row], Iterable[torch.Tensor]]]  # side, variant -> rows, their pictures


def applies(config: dict[str, Any]) -> bool:
    """Whether each picture is read by the same weights every time: a frozen branch, nothing done to its pictures."""
    backbone = config["backbone"]
    return (
        backbone["name"] != "none"
        and _never_learns(backbone.get("freeze"))
        and bool(backbone.get("variants"))
        and (config.get("augment") or {}).get("name", "none") == "none"
        and not config["data"].get("streaming")
    )


def _never_learns(freeze: Any) -> bool:
    stages = freeze if isinstance(freeze, dict) else {1: freeze}
    return "1" in map(str, stages) and all(layers in ("all", "all but 0") for layers in stages.values())


def weights_hash(branch: nn.Module) -> str:
    """Every parameter and statistic of a branch -> 16 hex digits."""
    sha = hashlib.sha256()
    for name, value in [*branch.state_dict().items(), *branch.named_buffers()]:
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(value.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def keep(
    branch: nn.Module, draw: Draw, sides: dict[str, Sequence[int | None]], facts: Sequence[Any], cache: Path,
    device: torch.device, half: torch.dtype | None = None,
) -> tuple[Features, dict[str, Any]]:  # fmt: skip
    """The features of every side in its variants, from the cache or computed; and what the record says of them.

    facts: whatever else changes a picture or how it is read. sides: train -> [0, 1, ...], val -> [None], ...
    half: the kind of 16 bits to compute with, if not 32 bits are.
    """
    clock, found, computed = time.monotonic(), Features(), 0
    made_by = weights_hash(branch)
    for side, variants in sides.items():
        for variant in variants:
            rows, pictures = draw(side, variant)
            name = json.dumps([LAYOUT, made_by, list(facts), str(half), variant, hashed(rows)], default=str)
            path = cache / "features" / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.safetensors"
            values = _read(path, rows)
            if values is None:
                values = _compute(branch, pictures, device, half)
                _write(path, rows, values)
                computed += len(rows)
            found.add(variant, rows, values)
    seconds = round(time.monotonic() - clock, 1)
    total = sum(len(values) for values in found.held.values())
    log.info("features of %d pictures, %d of them computed now, in %.0f s", total, computed, seconds)
    return found, {"weights": made_by, "pictures": total, "computed": computed, "seconds": seconds}


def hashed(rows: Sequence[Row]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def at_once(pictures: torch.Tensor, device: torch.device) -> Sequence[torch.Tensor]:
    """(N, H, W, 3) -> the same in parts that a network may read one after the other."""
    most = max(1, AT_ONCE // (pictures.shape[1] * pictures.shape[2])) if device.type == "cpu" else len(pictures)
    return pictures.split(most)


@torch.inference_mode()
def _compute(
    branch: nn.Module, pictures: Iterable[torch.Tensor], device: torch.device, half: torch.dtype | None
) -> torch.Tensor:
    """Batches of (B, H, W, 3) or (B, K, H, W, 3) -> (N, D) or (N, K, D); the branch is left as it was."""
    modes = {module: module.training for module in branch.modules()}
    branch.to(device).eval()
    kept = []
    for batch in pictures:
        flat = batch.to(device).flatten(0, -4)  # (B * K, H, W, 3)
        with torch.autocast(device.type, half, enabled=half is not None):
            found = torch.cat([branch(part).float().cpu() for part in at_once(flat, device)])  # (B * K, D)
        kept.append(found.unflatten(0, batch.shape[:-3]))
    branch.cpu()
    for module, mode in modes.items():
        module.training = mode
    return torch.cat(kept)


def _write(path: Path, rows: Sequence[Row], values: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    said = json.dumps(rows)
    with replacing(path) as part:
        save_file({"features": values.contiguous()}, part, metadata={"rows": said, "sha256": _sum(said, values)})


def _sum(said: str, values: torch.Tensor) -> str:
    sha = hashlib.sha256(said.encode())
    sha.update(np.ascontiguousarray(values.numpy()).data)
    return sha.hexdigest()


def _read(path: Path, rows: Sequence[Row]) -> torch.Tensor | None:
    """What was kept, if it is whole and of these very rows."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            said, values = file.metadata(), file.get_tensor("features")
        if said["sha256"] != _sum(said["rows"], values) or said["rows"] != json.dumps(rows):
            raise ValueError("its hash is another")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged (%s); its features are computed anew", path, error)
        return None
    return values
