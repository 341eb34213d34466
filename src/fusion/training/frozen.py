"""Training on a frozen image branch: what it makes of each picture is computed once, then read from the cache."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch

from fusion.config.paths import cache_dir
from fusion.datamodule import SnippetDataModule
from fusion.model.checkpoint import Model
from fusion.model.late_fusion import LateFusion
from fusion.results.record import Record
from fusion.training import feature_cache as features
from fusion.training.memory import FLOAT, free_memory
from fusion.training.setup import AMP_DTYPE, make_freeze_schedule, resolve_device, resolve_precision

log = logging.getLogger(__name__)

MOST = 0.5  # share of the free memory, and of the free disk, that features may take


def variants(config: dict[str, Any]) -> int | None:
    """How many styles training goes round, epoch by epoch; None where each epoch has its own."""
    if not features.applies(config):
        return None
    return min(config["backbone"]["variants"], config["epochs"])


def apply_first_freeze(config: dict[str, Any], net: LateFusion) -> None:
    """The network as it is in the first epoch: what is frozen neither learns nor changes."""
    make_freeze_schedule(config, net).apply(1)


def keep(config: dict[str, Any], model: Model, pairs: SnippetDataModule, record: Record) -> None:
    """Gives `pairs` the features of all of its pictures, if the branch is frozen and they are not too many."""
    if pairs.variants is None or pairs.renderer is None:
        return
    branch, renderer, cache = model.net.branches["image"], pairs.renderer, cache_dir()
    styles: dict[str, Sequence[int | None]] = {"train": [*range(pairs.variants)], "val": [None], "test": [None]}
    styles = {side: drawn for side, drawn in styles.items() if len(pairs.sides[side])}
    tiles = {"train": 1, "val": 1, "test": 1}
    if renderer.options["view"] == "tiles":
        tiles |= dict.fromkeys(("val", "test"), renderer.options["tile_count"])
    pictures = sum(len(pairs.sides[side]) * len(drawn) * tiles[side] for side, drawn in styles.items())
    size = pictures * int(branch.dim) * FLOAT  # type: ignore[arg-type]
    cache.mkdir(parents=True, exist_ok=True)
    if size > MOST * min(free_memory(torch.device("cpu")), shutil.disk_usage(cache).free):
        log.warning(
            "warning: the features of %d pictures would take %.1f GB, too much to keep: they are computed anew in "
            "every epoch; pass backbone.pooling=gap or a smaller backbone.variants.", pictures, size / 1e9,
        )  # fmt: skip
        return
    spec, versions = model.meta["branches"]["image"], [torch.__version__, timm.__version__]
    facts = [spec, versions, renderer.fingerprint, _states(pairs)]
    device, half = resolve_device(config), AMP_DTYPE.get(resolve_precision(config))
    with torch.random.fork_rng(devices=[]):  # a loader takes a random number: dropout is the same, kept or computed
        pairs.features, said = features.keep(branch, pairs.draw, styles, facts, cache, device, half)
    record.note(features=said | {"variants": pairs.variants})
    record.content["timings"]["features_seconds"] = said["seconds"]


def _states(pairs: SnippetDataModule) -> list[Any]:
    """Size and time of the user's own pictures: another file of the same name has other features."""
    own = {path for rows in pairs.sides.values() for _id, _label, path in rows.named() if path}
    states = ((path, Path(path).stat()) for path in sorted(own))
    return [(path, state.st_size, state.st_mtime_ns) for path, state in states]
