"""What a frozen image branch makes of each picture, computed once and kept: (N, D), or (N, K, D) of K tiles.

CACHE/features/<16 hex>.safetensors holds the features of one split of the data in one style, with the ids and
labels of its rows and a hash of all of it. Its name says what it depends on: the branch and its weights, the view and
the styles, the rows. It is written under another name and renamed, so that two sweeps at once do no harm: both would
write the same.
"""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from fusion.collate import DAMAGED, FeatureStore, RowKey, Style
from fusion.config.paths import cache_dir
from fusion.config.schema import Config
from fusion.datamodule import SnippetDataModule
from fusion.files import replacing
from fusion.model.checkpoint import Model
from fusion.results.record import Record
from fusion.training.memory import FLOAT, free_memory
from fusion.training.setup import AMP_DTYPE, resolve_device, resolve_precision

log = logging.getLogger(__name__)

LAYOUT = 1  # raised when the same name would hold something else
MAX_SHARE = 0.5  # of the free memory, and of the free disk, that features may take
# On a CPU, one picture at least: more takes memory (10 GB for 64 pictures of 600 pixels) and saves no time.
PIXELS_AT_ONCE = 16 * 224**2

Draw = Callable[[str, Style], tuple[list[RowKey], Iterable[torch.Tensor]]]  # split, style -> rows, their pictures


def keeps_features(config: Config) -> bool:
    """Return whether each picture is read by the same weights every time: by a frozen branch, unchanged."""
    frozen = config.has_image and config.backbone.freeze.never_learns
    return frozen and bool(config.backbone.num_styles) and config.augment.name == "none" and not config.is_streamed


def styles_to_keep(config: Config) -> int | None:
    """Return how many styles training repeats, epoch by epoch; None where each epoch draws its own."""
    if not keeps_features(config) and not config.fusion.read:
        return None
    return min(config.backbone.num_styles or 1, config.epochs)


def evaluated_styles(config: Config, datamodule: SnippetDataModule) -> dict[str, list[Style]]:
    """Return the styles in which validation and test are drawn."""
    styles: list[Style] = [None, DAMAGED] if DAMAGED in datamodule.renderers else [None]
    return {split: styles for split in ("val", "test") if len(datamodule.splits[split])}


def use_cached_features(config: Config, model: Model, datamodule: SnippetDataModule, record: Record) -> None:
    """Give the data module the features of all of its pictures, if the branch is frozen and they are not too many."""
    if datamodule.num_styles is None or datamodule.renderer is None or not keeps_features(config):
        return
    branch, cache = model.net.branches["image"], cache_dir()
    styles: dict[str, Sequence[Style]] = {"train": [*range(datamodule.num_styles)]}
    styles = {split: of for split, of in styles.items() if len(datamodule.splits[split])}
    styles |= evaluated_styles(config, datamodule)
    pictures = _count_pictures(datamodule, styles)
    size = pictures * int(branch.dim) * FLOAT  # type: ignore[arg-type]
    cache.mkdir(parents=True, exist_ok=True)
    if size > MAX_SHARE * min(free_memory(torch.device("cpu")), shutil.disk_usage(cache).free):
        log.warning(
            "warning: the features of %d pictures would take %.1f GB, too much to keep: they are computed anew in "
            "every epoch; pass backbone.pooling=gap or a smaller backbone.num_styles.", pictures, size / 1e9,
        )  # fmt: skip
        return
    spec, versions = model.meta["branches"]["image"], [torch.__version__, timm.__version__]
    drawn = sorted({datamodule.drawn_by(style).fingerprint for of_split in styles.values() for style in of_split})
    facts = [spec, versions, *drawn, states_of_own_pictures(datamodule)]
    device, dtype = resolve_device(config), AMP_DTYPE.get(resolve_precision(config))
    with torch.random.fork_rng(devices=[]):  # a loader takes a random number: dropout is the same, kept or computed
        features, summary = load_or_compute(branch, datamodule.draw, styles, facts, cache, device, dtype)
    datamodule.use(features=features)
    record.update(features=summary | {"num_styles": datamodule.num_styles})
    record.content["timings"]["features_seconds"] = summary["seconds"]


def _count_pictures(datamodule: SnippetDataModule, styles: dict[str, Sequence[Style]]) -> int:
    """Return how many pictures all splits have in all of their styles; tiles count each."""
    tiles = {"train": 1, "val": 1, "test": 1}
    if datamodule.renderer is not None and datamodule.renderer.render.view == "tiles":
        tiles |= dict.fromkeys(("val", "test"), datamodule.renderer.render.tile_count)
    return sum(len(datamodule.drawn[split]) * len(numbers) * tiles[split] for split, numbers in styles.items())


def states_of_own_pictures(datamodule: SnippetDataModule) -> list[Any]:
    """Return size and time of the user's own pictures: another file of the same name has other features."""
    own = {path for rows in datamodule.splits.values() for _id, _label, path in rows.row_keys() if path}
    states = ((path, Path(path).stat()) for path in sorted(own))
    return [(path, state.st_size, state.st_mtime_ns) for path, state in states]


def weights_hash(branch: nn.Module) -> str:
    """Parameters and statistics of a branch -> 16 hex digits."""
    sha = hashlib.sha256()
    for name, value in [*branch.state_dict().items(), *branch.named_buffers()]:
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(value.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def load_or_compute(
    branch: nn.Module,
    draw: Draw,
    styles: dict[str, Sequence[Style]],
    facts: Sequence[Any],
    cache: Path,
    device: torch.device,
    dtype: torch.dtype | None = None,
) -> tuple[FeatureStore, dict[str, Any]]:
    """Return the features of every split in its styles, from the cache or computed, and what the record says of them.

    styles: train -> [0, 1, ...], val -> [None], ... facts: whatever else changes a picture or how it is read.
    dtype: of 16 bits to compute with, None for 32.
    """
    clock, features, computed = time.monotonic(), FeatureStore(), 0
    weights = weights_hash(branch)
    for split, numbers in styles.items():
        for number in numbers:
            rows, pictures = draw(split, number)
            name = json.dumps([LAYOUT, weights, list(facts), str(dtype), number, rows_hash(rows)], default=str)
            path = cache / "features" / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.safetensors"
            values = _read(path, rows)
            if values is None:
                values = _compute(branch, pictures, device, dtype)
                _write(path, rows, values)
                computed += len(rows)
            features.add(number, rows, values)
    seconds = round(time.monotonic() - clock, 1)
    total = sum(len(values) for values in features.features.values())
    log.info("features of %d pictures, %d of them computed now, in %.0f s", total, computed, seconds)
    return features, {"weights": weights, "pictures": total, "computed": computed, "seconds": seconds}


def rows_hash(rows: Sequence[RowKey]) -> str:
    """Ids, labels and own pictures of rows -> sha256."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def in_parts(pictures: torch.Tensor, device: torch.device) -> Sequence[torch.Tensor]:
    """Return (N, H, W, 3) in parts that a network can read one after the other."""
    most = max(1, PIXELS_AT_ONCE // (pictures.shape[1] * pictures.shape[2])) if device.type == "cpu" else len(pictures)
    return pictures.split(most)


@torch.inference_mode()
def _compute(
    branch: nn.Module, pictures: Iterable[torch.Tensor], device: torch.device, dtype: torch.dtype | None
) -> torch.Tensor:
    """Batches of (B, H, W, 3) or (B, K, H, W, 3) -> (N, D) or (N, K, D); the branch is left as it was."""
    modes = {module: module.training for module in branch.modules()}
    branch.to(device).eval()
    computed = []
    for batch in pictures:
        flat = batch.to(device).flatten(0, -4)  # (B * K, H, W, 3)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            features = torch.cat([branch(part).float().cpu() for part in in_parts(flat, device)])  # (B * K, D)
        computed.append(features.unflatten(0, batch.shape[:-3]))
    branch.cpu()
    for module, mode in modes.items():
        module.training = mode
    return torch.cat(computed)


def _write(path: Path, rows: Sequence[RowKey], values: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    described = json.dumps(rows)
    facts = {"rows": described, "sha256": _checksum(described, values)}
    with replacing(path) as part:
        save_file({"features": values.contiguous()}, part, metadata=facts)


def _checksum(described: str, values: torch.Tensor) -> str:
    sha = hashlib.sha256(described.encode())
    sha.update(np.ascontiguousarray(values.numpy()).data)
    return sha.hexdigest()


def _read(path: Path, rows: Sequence[RowKey]) -> torch.Tensor | None:
    """Return the features in a file, None where it is not whole or not of these very rows."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            facts, values = file.metadata(), file.get_tensor("features")
        if facts["sha256"] != _checksum(facts["rows"], values) or facts["rows"] != json.dumps(rows):
            raise ValueError("its hash is another")
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged (%s); its features are computed anew", path, error)
        return None
    return values
