"""A sweep while it runs: on a terminal a live line of its job, and wherever it writes to one line as a job ends.

Jobs may run in other processes, so all they know of each other are files in the folder of the sweep:

    .progress/plan.json    how many jobs there are, when the sweep began, which options vary
    .progress/<job>.json   a job that has ended: whether it trained, and the validation accuracy it reached
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from rich.cells import cell_len, set_cell_size

from fusion.config.paths import CONF_DIR
from fusion.console import printable
from fusion.files import write_text
from fusion.results.schema import part
from fusion.training.sweeps import ERASE, erase, is_terminal, sweep_folder

PROGRESS = ".progress"  # folder of a sweep while it runs
PLAN = "plan.json"


@dataclass(frozen=True)
class Plan:
    """What is known of a sweep before its first job."""

    jobs: int | None  # None where another sweeper decides it as it goes
    began: float  # seconds since 1970
    varying: tuple[str, ...] | None = None  # options that differ between jobs; None where that is not known


@dataclass(frozen=True)
class Ended:
    """A job that has ended."""

    job: int  # counted from 0
    trained: bool  # else it was reused, or failed before it had a run folder
    accuracy: float | None  # on validation; None where nothing was reached
    at: float  # seconds since 1970


@dataclass(frozen=True)
class SweepJob:
    """A job of a sweep."""

    folder: Path  # of the sweep
    number: int  # counted from 0
    overrides: tuple[str, ...]
    is_alone: bool  # no other job runs at the same time: there is one line to draw
    began: float = field(default_factory=time.time)

    def show(self, state: str) -> None:
        """Draw the live line over what was there, where there is a terminal to draw on."""
        if not (self.is_alone and is_terminal()):
            return
        plan, ended = read_progress(self.folder)
        text, width = self._line(plan, ended, state, time.time()), _width() - 1
        cut = text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
        print(f"{ERASE}{cut}", end="", file=sys.stderr, flush=True)

    def finish(self, run: Path | None) -> None:
        """Note that the job ended, with the folder of a run that is complete or None, and print the line of it."""
        accuracy, reused = None, False
        if run is not None:
            accuracy, changed = _read_outcome(run)
            reused = changed < self.began
        from fusion.results.sweep_outcome import FAILED  # brings pyarrow, which --help must not wait for

        began_none = (self.folder / FAILED / f"{self.number}.txt").is_file()
        trained = not reused and not began_none
        now = time.time()
        mark = {"job": self.number, "trained": trained, "accuracy": accuracy, "at": now}
        write_text(self.folder / PROGRESS / f"{self.number}.json", json.dumps(mark))
        state = "failed" if run is None else f"reused {run}" if reused else "completed"
        state += f": validation {accuracy:.3f}" if accuracy is not None else ""
        plan, ended = read_progress(self.folder)
        erase()
        print(self._line(plan, ended, state, now), file=sys.stderr, flush=True)

    def _line(self, plan: Plan, ended: Sequence[Ended], state: str, now: float) -> str:
        words = [w for w in self.overrides if plan.varying is None or w.partition("=")[0].lstrip("+~") in plan.varying]
        return line(self.number, plan.jobs, words, state, best(ended), seconds_left(plan, ended, now))


def current_job() -> SweepJob | None:
    """Return the job that this process is at; None outside of a sweep."""
    if (folder := sweep_folder()) is None:
        return None
    hydra = HydraConfig.get()
    is_alone = str(hydra.launcher.get("_target_", "")).endswith(".BasicLauncher")
    return SweepJob(folder, int(hydra.job.num), tuple(hydra.overrides.task), is_alone)


def plan_sweep(folder: Path, words: Iterable[str]) -> None:
    """Leave in the folder of a sweep how many jobs its command line makes, as Hydra's own sweeper counts them."""
    jobs = _jobs(words)
    if jobs is None:
        return
    values: dict[str, set[str]] = {}
    for word in (word for job in jobs for word in job):
        values.setdefault(word.partition("=")[0].lstrip("+~"), set()).add(word)
    _write_plan(folder, Plan(len(jobs), time.time(), tuple(key for key, found in values.items() if len(found) > 1)))


def _jobs(words: Iterable[str]) -> list[list[str]] | None:
    """Command line -> the overrides of each job; None with another sweeper, or where Hydra will say what is wrong."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    typed = [word for word in words if not word.startswith("-")]
    try:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            config = hydra.compose_config("train", typed, run_mode=RunMode.MULTIRUN).hydra
            if not str(config.sweeper.get("_target_", "")).endswith(".BasicSweeper"):
                return None
            axes = [*(f"{key}={value}" for key, value in (config.sweeper.params or {}).items()), *config.overrides.task]
            parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
            jobs: list[list[str]] = BasicSweeper.split_arguments(parser.parse_overrides(axes), None)[0]
    except Exception:  # Hydra comes to the same, and its error is told in one sentence
        return None
    return jobs


def _write_plan(folder: Path, plan: Plan) -> None:
    (folder / PROGRESS).mkdir(parents=True, exist_ok=True)
    content = {"jobs": plan.jobs, "began": plan.began, "varying": plan.varying}
    write_text(folder / PROGRESS / PLAN, json.dumps(content))


def read_progress(folder: Path) -> tuple[Plan, list[Ended]]:
    """Return the plan of a sweep and the jobs that have ended; the first job begins a plan where none was left."""
    if not (folder / PROGRESS / PLAN).is_file():
        _write_plan(folder, Plan(None, time.time()))
    plan = json.loads((folder / PROGRESS / PLAN).read_text(encoding="utf-8"))
    ended = [Ended(**json.loads(path.read_text(encoding="utf-8"))) for path in (folder / PROGRESS).glob("[0-9]*.json")]
    varying = None if plan["varying"] is None else tuple(plan["varying"])
    return Plan(plan["jobs"], plan["began"], varying), ended


def forget(folder: Path) -> None:
    """Remove what a sweep no longer needs once it has ended, and its folder if nothing was ever put there."""
    shutil.rmtree(folder / PROGRESS, ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def best(ended: Sequence[Ended]) -> tuple[float, int] | None:
    """Return the highest validation accuracy and the number of its job, the first of several; None without any."""
    reached = [(job.accuracy, -job.job) for job in ended if job.accuracy is not None]
    if not reached:
        return None
    accuracy, number = max(reached)
    return accuracy, -number


def seconds_left(plan: Plan, ended: Sequence[Ended], now: float) -> float | None:
    """Return about how long the other jobs take: wall time a job so far, whatever runs side by side, times those left.

    Jobs that were reused or failed at once take no time, so they do not count as experience. None without any.
    """
    trained = [job.at for job in ended if job.trained]
    if plan.jobs is None or not trained or len(ended) >= plan.jobs:
        return None
    each = (max(trained) - plan.began) / len(trained)
    return max(0.0, each * (plan.jobs - len(ended)) - (now - max(trained)))


def line(
    number: int, jobs: int | None, words: Sequence[str], state: str, reached: tuple[float, int] | None,
    left: float | None,
) -> str:  # fmt: skip
    """Return the line of a job, counted from 0: which it is, what varies, its state, the best so far, the time left."""
    parts = [f"{number + 1} of {jobs}" if jobs is not None else f"job {number + 1}", " ".join(words), state]
    if reached is not None:
        parts.append(f"best so far {reached[0]:.3f} (job {reached[1] + 1})")
    if left is not None:
        parts.append(f"about {duration(left)} left")
    return printable(" · ".join(filter(None, parts)))


def duration(seconds: float) -> str:
    """Return 40 s, 14 min, 3 h or 4 days."""
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds / size < most:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds / 86400)} days"


def _read_outcome(run: Path) -> tuple[float | None, float]:
    """Return the validation accuracy of a run folder, or its mean over folds, and when that was written."""
    from fusion.results.record import read_run

    path = run / "folds.json"
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
    else:
        path, content = run / "run.json", read_run(run)
    accuracy: Any = part(content, "metrics", "val").get("accuracy")
    if isinstance(accuracy, dict):
        accuracy = accuracy.get("mean")
    return accuracy, path.stat().st_mtime


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):  # no real terminal
        return 80
