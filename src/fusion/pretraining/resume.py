"""pretraining.resume: the folder of a stopped run -> its record, if this configuration is one to go on with."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fusion.config.errors import UserError
from fusion.config.options import show
from fusion.config.schema import Config
from fusion.pretraining.trainer import STATE
from fusion.results.record import Record, read_run

# What may not change, other than sizes of pictures, rate and length
FIXED = ("backbone.model", "backbone.weights", "backbone.channels", "backbone.pooling", "batch_size", "seed", "data.")
FREE = ("data.path", "data.workers")  # the same data may lie elsewhere: its hash tells what it holds


def find_stopped(config: Config) -> dict[str, Any] | None:
    """Return run.json of the run to go on with, None for a new run. Raises UserError where it is of another kind."""
    section, folder = ("reader" if config.reader else "pretraining"), config.endless.resume if config.endless else None
    if not folder:
        return None
    if not (Path(folder) / STATE).is_file():
        raise UserError(f"{section}.resume={folder} has no {STATE}; give the folder of a run that was stopped.")
    run = read_run(Path(folder))
    given = dict(_flat(config.to_dict()))
    for key, value in _flat(run.get("config") or {}):
        if key.startswith(FIXED) and key not in FREE and given.get(key) != value:
            raise UserError(
                f"{section}.resume={folder} is a run with {key}={show(value)}, which cannot go on with "
                f"{key}={show(given.get(key))}; pass {key}={show(value)}, or leave out {section}.resume."
            )
    return run


def keep_origin(record: Record, run: Mapping[str, Any] | None) -> None:
    """Leave in the record what a resumed run began with: its weights and its data."""
    if run is None:
        return
    record.resolve(**{name: run["resolved"][name] for name in ("weights", "weights_id") if name in run["resolved"]})
    if "split_hash" in run:
        record.update(split_hash=run["split_hash"])


def check_data(record: Record, split: str) -> None:
    """Raise UserError if the data are not those that the run began with."""
    before = record.content.get("split_hash", split)
    if before != split:
        raise UserError(
            f"This run learnt from data of split {before}, not {split}; give it the same data, or start anew."
        )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested dicts -> dotted keys and their values, tuples as the lists that JSON makes of them."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
