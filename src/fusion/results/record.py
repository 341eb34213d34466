"""A run folder: run.json, predictions.parquet, metrics.csv, and the names of what else lies in it.

    runs/<name>/<YYYYmmdd-HHMMSS>-<6 hex>/
        run.json             what was asked, what was really used, on which data and versions, and the results
        predictions.parquet  id, split, group, label, predicted, logits, lines
        metrics.csv          one line an epoch
        run.log
        model/               model.safetensors, meta.json, tokenizer.json
        plots/               curves.png, confusion.png

Every path inside run.json is relative, so a moved folder still works.
"""

import csv
import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fusion.config.errors import UserError
from fusion.config.options import to_dict
from fusion.config.schema import Config
from fusion.files import replacing, stamp, write_text
from fusion.results import environment, migrate
from fusion.results.schema import first_violation

REUSED = "reused"  # folder of a sweep: for each run it did not repeat a file that says where that run lies
REUSED_BEFORE = "taken"  # what older sweeps call it
# Options that change no figure; of `modalities` nothing is left once a configuration is loaded
IGNORED_IN_FINGERPRINT = ("runs", "name", "rerun", "num_workers", "dry_run", "table", "logger", "modalities")
# Options that do nothing without an image branch, and those that do nothing without a text branch
OF_PICTURES = ("backbone", "render", "input_shape", "source_size", "augment", "picture_share")
OF_TEXTS = ("text", "vary")
SCHEMA = 2  # of run.json; a reader refuses a newer one, and `migrate` reads an older one


def new_folder(parent: Path, prefix: str = "") -> Path:
    """Return a fresh, writable folder PREFIX<stamp> in the parent; two of one second get different names.

    Raises UserError when nothing can be written there, which is better known before training than after.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / f"{prefix}{stamp()}"
            try:
                folder.mkdir(exist_ok=False)
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise _unwritable(parent, error) from error


def new_run_folder(parent: Path) -> Path:
    """Return a fresh folder in the parent that already reads as a run, one that has just begun.

    Raises UserError when nothing can be written there.
    """
    folder = new_folder(parent)
    try:
        write_text(folder / "run.json", "{}\n")
    except OSError as error:
        raise _unwritable(parent, error) from error
    return folder


def _unwritable(parent: Path, error: OSError) -> UserError:
    reason = error.strerror or type(error).__name__
    return UserError(f"No run can be written to {parent} ({reason}); choose another folder with runs=DIR.")


@dataclass(frozen=True)
class Resolved:
    """What a run really uses: as asked until it is known better, None where nothing is known yet."""

    text: str | None = None  # name of the text branch that is trained, such as nano after a fallback
    text_options: dict[str, Any] = field(default_factory=dict)  # all options of that branch
    lr: float | None = None  # as asked, or as the search found it
    weights: dict[str, str] = field(default_factory=dict)  # branch -> hub, file, code, package, random, fitted
    # branch -> checksum of the file, or name of the published weights
    weights_id: dict[str, str] = field(default_factory=dict)
    device: str | None = None
    precision: str | None = None


class Record:
    """run.json while the run goes on: begun, updated, then finished exactly once with a status.

    `config` in it is what was asked and never changes; `resolved` is what the run really used.
    """

    def __init__(self, folder: Path | None, config: Config, overrides: Sequence[str]):
        self.folder = folder  # None: nothing is written, as in a dry run
        lr = None if config.lr == "search" else config.lr
        self.resolved = Resolved(text=config.text.name, text_options=to_dict(config.text), lr=lr)
        self._clock = time.monotonic()
        environment.reset_peak_memory()
        self.content: dict[str, Any] = {
            "schema": SCHEMA,
            "status": "running",
            "name": config.name,
            "seed": config.seed,
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "host": platform.node(),
            "command": sys.argv,
            "overrides": list(overrides),
            "fingerprint": fingerprint(config),
            "config": config.to_dict(),
            "resolved": asdict(self.resolved),
            "git": environment.git_state(),
            "versions": environment.versions(),
            "metrics": {},
            "timings": {},
            "error": None,
        }
        self.write()

    def update(self, **facts: Any) -> None:
        """Set or replace facts at the top level of run.json."""
        self.content.update(facts)
        self.write()

    def resolve(self, **changes: Any) -> None:
        """Set fields of `resolved`: what the run really uses."""
        self.resolved = replace(self.resolved, **changes)
        self.update(resolved=asdict(self.resolved))

    def finish(self, status: str, error: str | None = None) -> None:
        """Close the record. status: completed, failed or interrupted."""
        self.content["timings"]["total_seconds"] = round(time.monotonic() - self._clock, 3)
        self.update(status=status, error=error, peak_memory_mb=environment.peak_memory_mb())

    def write(self) -> None:
        """Write run.json as it now is."""
        if self.folder is not None:
            write_text(self.folder / "run.json", json.dumps(_plain(self.content), indent=1) + "\n")


def fingerprint(config: Config) -> str:
    """Return what was asked for as 16 hex digits.

    Options that change no figure do not count, nor do those of a branch that the run does not have.
    """
    idle = (OF_PICTURES if not config.has_image else ()) + (OF_TEXTS if not config.has_text else ())
    ignored = {*IGNORED_IN_FINGERPRINT, *idle}
    counted = {key: value for key, value in config.to_dict().items() if key not in ignored}
    text = json.dumps([environment.installed_version("fusion"), counted], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_metrics(folder: Path, epochs: Sequence[dict[str, float]]) -> None:
    """Write one dict an epoch as metrics.csv, columns in order of first appearance."""
    columns = list(dict.fromkeys(name for epoch in epochs for name in epoch))
    rows = [",".join(columns)] + [",".join(str(epoch.get(name, "")) for name in columns) for epoch in epochs]
    write_text(folder / "metrics.csv", "\n".join(rows) + "\n")


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """metrics.csv -> one dict an epoch, without the columns an epoch has no value in."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def write_predictions(folder: Path, columns: dict[str, Any]) -> None:
    """Write id, split, group, label, source, lines, predicted and logits as predictions.parquet."""
    with replacing(folder / "predictions.parquet") as part:
        pq.write_table(pa.table(columns), part, compression="zstd")


def write_answers(folder: Path, table: pa.Table) -> None:
    """Write what each modality said in each situation as answers.parquet."""
    with replacing(folder / "answers.parquet") as part:
        pq.write_table(table, part, compression="zstd")


def read_runs(places: Iterable[Path]) -> tuple[dict[Path, dict[str, Any]], list[str]]:
    """Run folders, sweeps or trees of them -> their runs by folder, oldest first; notes of what was left out.

    A run that a sweep reused from elsewhere belongs to the sweep. Left out are folders that cannot be read, and reused
    runs that are no longer there. Raises UserError for a path that is not a folder.
    """
    folders: set[Path] = set()
    missing: dict[Path, None] = {}
    for place in places:
        if not place.is_dir():
            raise UserError(f"{place} is not a folder; give run folders or folders of them, such as runs.")
        records = [place / "run.json"] if (place / "run.json").is_file() else place.rglob("run.json")
        folders |= {path.parent for path in records}
        for pointer in find_reused(place):
            reused, is_there = _follow(pointer)
            if is_there:
                folders.add(reused)
            else:
                missing[reused] = None
    runs: dict[Path, dict[str, Any]] = {}
    unreadable = []
    for folder in sorted(folders, key=lambda folder: (folder.name, str(folder))):
        try:
            runs[folder] = read_run(folder)
        except UserError as error:
            unreadable.append(str(error).removesuffix("."))
    reused_but = "that a sweep reused from elsewhere"
    notes = [
        _note(unreadable, "folder left out", "folders left out"),
        _note([*map(str, missing)], f"run {reused_but} is not there", f"runs {reused_but} are not there"),
    ]
    return runs, [note for note in notes if note]


def find_reused(sweep: Path) -> list[Path]:
    """Return the files of a sweep, or of a tree of them, each of which names the folder of one reused run."""
    return sorted(path for name in (REUSED, REUSED_BEFORE) for path in sweep.rglob(f"{name}/*.txt"))


def _follow(pointer: Path) -> tuple[Path, bool]:
    """Return the run folder that a file of `find_reused` names, and whether it is there; the file if it names none."""
    try:
        folder = Path(os.path.normpath(pointer.parents[1] / pointer.read_text(encoding="utf-8").strip()))
        return folder, (folder / "run.json").is_file()
    except (OSError, ValueError):  # ValueError: not UTF-8, or a zero byte
        return pointer, False


def _note(items: Sequence[str], singular: str, plural: str) -> str:
    """Return '2 folders left out: ...; ...', the first three of many; '' of none."""
    more = f"; and {len(items) - 3} more" if len(items) > 3 else ""
    return f"{len(items)} {singular if len(items) == 1 else plural}: {'; '.join(items[:3])}{more}" if items else ""


def read_run(folder: Path) -> dict[str, Any]:
    """Return run.json, in today's schema and with types that every table can read; {} of a run that has just begun.

    Raises UserError for what is no run or was written by a newer fusion.
    """
    path = folder / "run.json"
    try:
        text = path.read_text(encoding="utf-8")
        content = migrate.upgrade(json.loads(text, parse_constant=lambda _: None, parse_int=_to_number))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{folder} is not a run folder: {path.name} cannot be read ({type(error).__name__})."
        ) from error
    if isinstance(content, dict) and content.get("schema", SCHEMA) not in range(SCHEMA + 1):
        raise UserError(
            f"{path} was written by a newer fusion (schema {content['schema']}); upgrade fusion to read it."
        )
    if not isinstance(content, dict) or (content and not {"status", "config"} <= content.keys()):
        raise UserError(f"{folder} is not a run folder: {path.name} holds no record.")
    if violation := first_violation(content):
        raise UserError(f"{folder} is not a run folder: {path.name} says {violation}, which no run writes.")
    run: dict[str, Any] = content
    return run


def status(run: dict[str, Any]) -> str:
    """Return completed, failed, interrupted or running; killed? where the process of a running one is gone; else ?."""
    written, pid = run.get("status", "?"), run.get("pid")
    if written != "running" or not pid or run.get("host") != platform.node():
        return str(written)
    try:
        os.kill(pid, 0)  # asks whether it is there
    except (ProcessLookupError, OverflowError):
        return "killed?"
    except PermissionError:  # there, and another user's
        pass
    return "running"


def outcome(run: dict[str, Any]) -> str:
    """Return the status of a run and, where it has one, its error."""
    return f"{status(run)}: {run['error']}" if run.get("error") else status(run)


def _to_number(digits: str) -> int | float:
    """Return an integer; one of more digits than a float holds, which no run writes, as infinity."""
    return int(digits) if len(digits) < 300 else float(digits)


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
