"""A run folder: run.json, predictions.parquet, metrics.csv, and the names of what else lies in it.

    runs/<name>/<YYYYmmdd-HHMMSS>-<6 hex>/
        run.json             what was asked, on what, with which versions, and what came of it
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
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fusion.config.errors import UserError
from fusion.config.paths import CHECKOUT
from fusion.files import replacing, write_text
from fusion.results.schema import RUN, first_violation

REUSED = "taken"  # folder of a sweep: for each run it did not repeat a file that says where that lies
IGNORED_IN_FINGERPRINT = ("runs", "name", "again", "num_workers", "dry_run", "table")  # options that change no figure
SCHEMA = 1  # of run.json; a reader refuses a newer one
VERSIONED = ("fusion", "torch", "torchvision", "timm", "transformers", "pytorch-lightning", "hydra-core", "pygments",
             "pillow", "numpy")  # fmt: skip


def new_run_folder(parent: Path) -> Path:
    """Parent -> a fresh, writable run folder in it; two runs of one second get two folders.

    Raises UserError when nothing can be written there: found before training, not after.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
            try:
                folder.mkdir(exist_ok=False)
                break
            except FileExistsError:
                continue
        write_text(folder / "run.json", "{}\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"No run can be written to {parent} ({reason}); choose another folder with runs=DIR."
        ) from error
    return folder


class Record:
    """run.json while the run goes on: started, then finished exactly once with a status."""

    def __init__(self, folder: Path, config: dict[str, Any], overrides: Sequence[str]):
        self.folder = folder
        self._clock = time.monotonic()
        _forget_peak_memory()
        self.content: dict[str, Any] = {
            "schema": SCHEMA,
            "status": "running",
            "name": config["name"],
            "seed": config["seed"],
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "host": platform.node(),
            "command": sys.argv,
            "overrides": list(overrides),
            "fingerprint": fingerprint(config),
            "config": config,
            "git": _git(),
            "versions": {name: _version(name) for name in VERSIONED} | {"python": platform.python_version()},
            "metrics": {},
            "timings": {},
            "error": None,
        }
        self.write()

    def note(self, **facts: Any) -> None:
        self.content.update(facts)
        self.write()

    def finish(self, status: str, error: str | None = None) -> None:
        """status: completed, failed or interrupted."""
        self.content["timings"]["total_seconds"] = round(time.monotonic() - self._clock, 3)
        self.note(status=status, error=error, peak_memory_mb=_peak_memory_mb())

    def write(self) -> None:
        write_text(self.folder / "run.json", json.dumps(_plain(self.content), indent=1) + "\n")


def fingerprint(config: dict[str, Any]) -> str:
    """What was asked for, as 16 hex digits; where it is kept and what merely speeds it up do not count."""
    counted = {key: value for key, value in config.items() if key not in IGNORED_IN_FINGERPRINT}
    text = json.dumps([_version("fusion"), counted], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_metrics(folder: Path, epochs: Sequence[dict[str, float]]) -> None:
    """One dict an epoch -> metrics.csv, columns in order of first appearance."""
    columns = list(dict.fromkeys(name for epoch in epochs for name in epoch))
    rows = [",".join(columns)] + [",".join(str(epoch.get(name, "")) for name in columns) for epoch in epochs]
    write_text(folder / "metrics.csv", "\n".join(rows) + "\n")


def read_metrics(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def write_predictions(folder: Path, columns: dict[str, Any]) -> None:
    """id, split, group, label, source, lines, predicted, logits -> predictions.parquet."""
    with replacing(folder / "predictions.parquet") as part:
        pq.write_table(pa.table(columns), part, compression="zstd")


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """What survey finds, without its notes."""
    return survey(paths)[0]


def survey(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The folders that read_runs finds, and its notes."""
    runs, notes = read_runs(paths)
    return list(runs), notes


def read_runs(paths: Iterable[Path]) -> tuple[dict[Path, dict[str, Any]], list[str]]:
    """Run folders, sweeps or trees of them -> their runs by folder, oldest first, those a sweep took too; notes.

    The notes say what was left out: folders that cannot be read, and runs that were taken and are not there.
    Raises UserError for a path that does not exist.
    """
    found: dict[Path, None] = {}
    lost: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            raise UserError(f"{path} is not a folder; give run folders or folders of them, such as runs.")
        records = [path / "run.json"] if (path / "run.json").is_file() else sorted(path.rglob("run.json"))
        found.update(dict.fromkeys(record.parent for record in records))
        for taken in sorted(path.rglob(f"{REUSED}/*.txt")):
            try:
                folder = Path(os.path.normpath(taken.parents[1] / taken.read_text(encoding="utf-8").strip()))
                there = (folder / "run.json").is_file()
            except (OSError, ValueError):  # ValueError: not UTF-8
                folder, there = taken, False
            (found if there else lost)[folder] = None
    runs: dict[Path, dict[str, Any]] = {}
    unread = []
    for folder in sorted(found, key=lambda folder: (folder.name, str(folder))):
        try:
            runs[folder] = read_run(folder)
        except UserError as error:
            unread.append(str(error).removesuffix("."))
    taken_from = "that a sweep took from elsewhere"
    notes = [
        _note(unread, "folder left out", "folders left out"),
        _note(list(map(str, lost)), f"run {taken_from} is not there", f"runs {taken_from} are not there"),
    ]
    return runs, [note for note in notes if note]


def _note(said: Sequence[str], one: str, several: str) -> str:
    """'2 folders left out: ...; ...', of many the first three; '' of none."""
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return f"{len(said)} {one if len(said) == 1 else several}: {'; '.join(said[:3])}{more}" if said else ""


def read_run(folder: Path) -> dict[str, Any]:
    """run.json -> dict, in which all that tables read is of the right kind; {} of a run that has just begun.

    Raises UserError for what is no run or was written by a newer fusion.
    """
    path = folder / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None, parse_int=_whole)
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
    if said := first_violation(content, RUN):
        raise UserError(f"{folder} is not a run folder: {path.name} says {said}, which no run writes.")
    return content


def _whole(digits: str) -> int | float:
    """More digits than a float holds, which no run writes, become infinite: no table could show them."""
    return int(digits) if len(digits) < 300 else float(digits)


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """The checkout fusion runs from: commit and whether it was changed. None outside one."""
    if not (CHECKOUT / ".git").exists():
        return None
    try:
        show = ["git", "-C", str(CHECKOUT), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
        lines = subprocess.run(show, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), None)
    return {"commit": commit, "changed": any(not line.startswith("#") for line in lines)}


def _forget_peak_memory() -> None:
    """Where Linux lets us: in a sweep each run then has a peak of its own, not that of the largest before it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
