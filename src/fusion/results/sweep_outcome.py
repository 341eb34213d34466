"""The folder of a sweep -> what became of its jobs.

Jobs may run in other processes and on other machines, so all that is known of them are files in that folder:

    <run folder>/run.json       a job that began; its status says how it ended
    reused/<run folder>.txt     a run that was complete before and was not repeated
    failed/<job>.txt            a job that failed before it had a run folder: one sentence
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion.console import printable
from fusion.files import write_text
from fusion.results.record import find_reused, read_runs, status

FAILED = "failed"  # folder of a sweep


@dataclass(frozen=True)
class SweepOutcome:
    """What became of the jobs of a sweep."""

    runs: dict[Path, dict[str, Any]]  # by folder, oldest first, reused ones too
    completed: int  # own runs by their status
    failed: int
    interrupted: int
    killed: int  # no longer running, though run.json says so
    running: int
    reused: int
    failed_jobs: dict[str, str]  # number of a job that left no run folder -> its error
    notes: tuple[str, ...] = ()  # folders that cannot be read, reused runs that are not there

    @property
    def failures(self) -> int:
        """Return how many jobs ended without a completed run."""
        return self.failed + self.interrupted + self.killed + len(self.failed_jobs)


def note_failure(sweep: Path, job: str, sentence: str) -> None:
    """Leave a note of a job that failed before it had a run folder."""
    (sweep / FAILED).mkdir(parents=True, exist_ok=True)
    write_text(sweep / FAILED / f"{job}.txt", printable(sentence) + "\n")


def read_outcome(sweep: Path) -> SweepOutcome:
    """Return what became of the jobs of a sweep, as its folder tells it."""
    runs, notes = read_runs([sweep])
    own = Counter(status(run) for folder, run in runs.items() if folder.is_relative_to(sweep))
    return SweepOutcome(
        runs=runs,
        completed=own["completed"],
        failed=own["failed"],
        interrupted=own["interrupted"],
        killed=own["killed?"] + own["?"],  # ?: it had a folder and no more
        running=own["running"],
        reused=len(find_reused(sweep)),
        failed_jobs=_read_failures(sweep / FAILED),
        notes=tuple(notes),
    )


def failed_job_notes(places: Iterable[Path]) -> tuple[str, ...]:
    """Sweeps or trees of them -> a sentence for the jobs of one sweep that left no run folder for the same reason."""
    notes: dict[str, None] = {}  # each once, wherever it was found
    for place in places:
        for folder in sorted(path for path in place.rglob(FAILED) if path.is_dir()):
            jobs: dict[str, list[str]] = {}
            for job, sentence in _read_failures(folder).items():
                jobs.setdefault(sentence, []).append(job)
            sweep = printable(folder.resolve().parent.name)
            for sentence, numbers in jobs.items():
                subject = f"job {numbers[0]}" if len(numbers) == 1 else f"jobs {', '.join(numbers)}"
                notes[f"{sweep}: {subject} failed before there was a run folder: {sentence}"] = None
    return tuple(notes)


def _read_failures(folder: Path) -> dict[str, str]:
    """Return the error of each job in a folder `failed`, in the order of the jobs."""
    errors = {}
    for path in sorted(folder.glob("*.txt"), key=lambda path: (len(path.stem), path.stem)):  # 9 before 10
        errors[printable(path.stem)] = printable(path.read_text(encoding="utf-8", errors="replace").strip())
    return errors
