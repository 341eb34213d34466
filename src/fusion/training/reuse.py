"""Find a completed run to reuse: the same configuration, the same data, and the weights it would have now."""

import logging
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from fusion.branches.weights import can_be_had, find_image_weights, find_text_weights, published
from fusion.config.errors import UserError
from fusion.config.schema import Config
from fusion.files import write_text
from fusion.results.record import REUSED, fingerprint, read_runs
from fusion.snippets.snippet import split_hash
from fusion.training.data import load_table

log = logging.getLogger(__name__)


def find_completed(config: Config, places: Iterable[Path]) -> Path | None:
    """Return the newest completed run of this very configuration in the folders, or None."""
    if config.is_streamed:
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
    now = split_hash(load_table(config))
    return next((folder for folder, run in reversed(alike) if run.get("data_hash", run["split_hash"]) == now), None)


@cache
def _warn_once(note: str) -> None:
    log.warning("warning: looking for what was run before: %s", note)


def _starts_alike(config: Config, run: dict[str, Any]) -> bool:
    """Return False for a run that would now start from other weights than it had."""
    resolved = run.get("resolved") or {}
    ids, branches = resolved.get("weights_id") or {}, {"image": config.backbone, "text": config.text}
    had = {name: kind for name, kind in (resolved.get("weights") or {}).items() if name in branches}
    fetch = not config.dry_run
    return not any(_changed(name, branches[name], kind, ids.get(name), fetch) for name, kind in had.items())


def _changed(name: str, branch: Any, kind: str, weights_id: str | None, fetch: bool) -> bool:
    """Return whether a branch would now have other weights.

    A file that changed, or is not known not to have; published weights where it made do with random ones, or with
    another text branch; other published ones than it had.
    """
    find = find_image_weights if name == "image" else find_text_weights
    try:
        match kind:
            case "file" | "code":
                return find(branch.model, branch.weights).weights_id != weights_id
            case "random" if getattr(branch, "weights", None) == "auto":
                if not fetch:
                    return can_be_had(published(branch.model)[0] if name == "image" else branch.model)
                find(branch.model, "pretrained")
                return True
            case "hub" if name == "image" and weights_id is not None:
                return published(branch.model)[1] != weights_id
    except UserError:
        return kind != "random"
    return False


def link(done: Path, folder: Path) -> None:
    """Make a completed run from elsewhere a row of a sweep's folder: a small file in it says where the run lies."""
    if folder.resolve() in done.resolve().parents:
        return
    (folder / REUSED).mkdir(parents=True, exist_ok=True)
    write_text(folder / REUSED / f"{done.name}.txt", os.path.relpath(done.resolve(), folder.resolve()) + "\n")
