"""Whether a run was made before: the same resolved configuration, the same data, and the weights it would have now."""

import logging
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from fusion.branches.weights import can_be_had, find_image_weights, find_text_weights, published
from fusion.config.errors import UserError
from fusion.files import write_text
from fusion.results.record import REUSED, fingerprint, read_runs
from fusion.snippets.snippet import split_hash

log = logging.getLogger(__name__)


def completed(
    config: dict[str, Any], places: Iterable[Path], load: Callable[[dict[str, Any]], pa.Table]
) -> Path | None:
    """The newest completed run of this very configuration in the folders, or None. load: it -> its table."""
    if config["data"].get("streaming"):
        return None  # whether a stream still holds the same is not known before it is read
    wanted = fingerprint(config)
    runs, notes = read_runs([place for place in places if place.is_dir()])
    for note in notes:
        _warn_once(note)
    alike = [
        (folder, run)
        for folder, run in runs.items()
        if run.get("status") == "completed" and run.get("fingerprint") == wanted and _starts_alike(config, run)
    ]
    if not alike:
        return None
    now = split_hash(load(config))
    return next((folder for folder, run in reversed(alike) if run.get("data_hash", run["split_hash"]) == now), None)


@cache
def _warn_once(said: str) -> None:
    log.warning("warning: looking for what was run before: %s", said)


def _starts_alike(config: dict[str, Any], run: dict[str, Any]) -> bool:
    """False for a run that would now start from other weights than it had."""
    which = run.get("weights_from") or {}
    branches = {"image": config["backbone"], "text": config["text"]}
    had = {name: kind for name, kind in (run.get("weights") or {}).items() if name in branches}
    fetch = not config["dry_run"]
    return not any(_others(name, branches[name], kind, which.get(name), fetch) for name, kind in had.items())


def _others(name: str, branch: dict[str, Any], kind: str, which: str | None, fetch: bool) -> bool:
    """A file that changed, or is not known not to have; published weights where it made do with random ones, or with
    another text branch; other published ones than it had."""
    find = find_image_weights if name == "image" else find_text_weights
    try:
        match kind:
            case "file" | "code":
                return find(branch["model"], branch["weights"]).which != which
            case "random" if branch.get("weights") == "auto":
                if not fetch:
                    return can_be_had(published(branch["model"])[0] if name == "image" else branch["model"])
                find(branch["model"], "pretrained")
                return True
            case "hub" if name == "image" and which is not None:
                return published(branch["model"])[1] != which
    except UserError:
        return kind != "random"
    return False


def take(done: Path, folder: Path) -> None:
    """Makes a completed run from elsewhere a row of a sweep's folder: a small file in it says where the run lies."""
    if folder.resolve() in done.resolve().parents:
        return
    (folder / REUSED).mkdir(parents=True, exist_ok=True)
    write_text(folder / REUSED / f"{done.name}.txt", os.path.relpath(done.resolve(), folder.resolve()) + "\n")
