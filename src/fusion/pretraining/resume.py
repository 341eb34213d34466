"""pretraining.resume: the folder of a stopped run -> its record, if this configuration is one to go on with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusion.config.errors import UserError
from fusion.results.record import Record, read_run

STATE = "state.pt"
# What may not change, other than sizes of pictures, rate and length
SAME = ("backbone.model", "backbone.weights", "backbone.channels", "backbone.pooling", "batch_size", "seed", "data.")
FREE = ("data.path", "data.workers")  # the same data may lie elsewhere: what it holds is told by its hash
KEPT = ("weights", "weights_from", "split_hash")  # of the record: what the run began with


def stopped(config: dict[str, Any]) -> dict[str, Any] | None:
    """-> run.json of the run to go on with, None for a new one. Raises UserError where it is of another kind."""
    resume = config["pretraining"]["resume"]
    if not resume:
        return None
    if not (Path(resume) / STATE).is_file():
        raise UserError(f"pretraining.resume={resume} has no {STATE}; give the folder of a run that was stopped.")
    run = read_run(Path(resume))
    given = dict(_flat(json.loads(json.dumps(config))))
    for key, value in _flat(run.get("config") or {}):
        if key.startswith(SAME) and key not in FREE and given.get(key) != value:
            raise UserError(
                f"pretraining.resume={resume} is a run with {key}={value}, which cannot go on with "
                f"{key}={given.get(key)}; pass {key}={value}, or leave out pretraining.resume."
            )
    return run


def keep(record: Record, before: dict[str, Any] | None) -> None:
    """What a run began with stays in its record."""
    if before is not None:
        record.note(**{key: before[key] for key in KEPT if key in before})


def check_data(record: Record, split: str) -> None:
    """Raises UserError if the data are not those that the run began with."""
    had = record.content.get("split_hash", split)
    if had != split:
        raise UserError(f"This run learnt from data of split {had}, not {split}; give it the same data, or begin anew.")


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested dicts -> dotted keys and their values."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
