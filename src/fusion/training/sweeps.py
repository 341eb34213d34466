"""A Hydra multirun: names checked before its first run, its outcome and its table read from the folders it left."""

import hashlib
import logging
import os
import shutil
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from hydra.types import RunMode

from fusion.config.errors import UserError
from fusion.config.groups import names_in
from fusion.config.options import unknown
from fusion.config.paths import CONF_DIR
from fusion.config.renamed import RENAMED, RENAMED_CHOICES
from fusion.console import set_up_logging

log = logging.getLogger(__name__)

ERASE = "\r\x1b[2K"  # on a terminal, the line that the cursor is in
WARNED = ".warned"  # folder of a sweep while it runs: an empty file for each warning that was shown


def check_overrides(overrides: list[str]) -> None:
    """Raise UserError for the first group=option, swept over or not, that conf/ does not hold, and for old names.

    Hydra itself would find it when its turn comes, after hours perhaps.
    """
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.get_key_element().lstrip("+~")
        if key in RENAMED:
            raise UserError(f"{key} is called {RENAMED[key]} now; pass {RENAMED[key]}={override.get_value_string()}.")
        if (CONF_DIR / key).is_dir():
            _check_choices(key, override)


def _check_choices(group: str, override: Override) -> None:
    options, pattern = names_in(group), override.value()
    if isinstance(pattern, Glob):  # Hydra would run nothing, and say nothing
        if not pattern.filter(options):
            raise UserError(f"No {group} is named like {' or '.join(pattern.include)}; there are {', '.join(options)}.")
        return
    try:
        swept = override.is_discrete_sweep()
        wanted = list(override.sweep_string_iterator()) if swept else [override.get_value_string()]
    except (HydraException, ValueError):  # what Hydra itself will refuse
        return
    for name in map(str, wanted):
        if now := RENAMED_CHOICES.get(f"{group}={name}"):
            raise UserError(f"{group}={name} is called {now} now; pass {now}.")
        if name not in options:
            raise unknown(group, name, options)


def is_dry(overrides: list[str]) -> bool:
    """Return whether dry_run is asked for. Raises UserError for a value that is neither true nor false."""
    asked = False
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.get_key_element().lstrip("+") == "dry_run":
            if (value := override.value()) not in (True, False):  # 1 and 0 are among them
                raise UserError(f"dry_run={override.get_value_string()} must be true or false.")
            asked = bool(value)
    return asked


def sweep_folder() -> Path | None:
    """Return the folder of the sweep that this job belongs to, in whatever process it runs; None outside of one."""
    if not HydraConfig.initialized() or HydraConfig.get().mode is not RunMode.MULTIRUN:
        return None
    return Path(HydraConfig.get().sweep.dir)


def is_terminal() -> bool:
    """Return whether a line on stderr can be drawn over."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def erase() -> None:
    """Take the live line of a job away, so that something else can be written."""
    if is_terminal():
        print(ERASE, end="", file=sys.stderr, flush=True)


class _OnceASweep(logging.Filter):
    """Lets each warning onto the terminal once in a sweep, whichever of its processes logs it first; nothing else.

    What a job tells of itself is in its run.log; the terminal has a line of it, see sweep_progress.py.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder / WARNED

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            (self.folder / hashlib.sha256(record.getMessage().encode()).hexdigest()[:16]).touch(exist_ok=False)
        except FileExistsError:
            return False
        erase()  # the live line would stand before it
        return True


def warn_once_a_sweep() -> None:
    """Show warnings alone, each once a sweep rather than once a run; the log of each run has everything."""
    if (folder := sweep_folder()) is None:
        return
    for handler in logging.getLogger().handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(_OnceASweep(folder))


def finish(folder: Path) -> int:
    """Print the table of a sweep, write it as NAME.csv and NAME.md, and return how many of its jobs failed."""
    from fusion.results.sweep_outcome import failed_job_notes, read_outcome
    from fusion.results.table import print_table, write_results
    from fusion.results.tables import make_table

    set_up_logging()  # that of the last job shows warnings alone
    shutil.rmtree(folder / WARNED, ignore_errors=True)
    outcome = read_outcome(folder)
    for note in outcome.notes:
        log.warning("%s", note)
    names = [run["config"]["table"] for run in outcome.runs.values() if (run.get("config") or {}).get("table")]
    table = make_table(names[0] if names else "results", outcome.runs, folder, failed_job_notes([folder]))
    written = write_results(table, folder)
    print_table(table)
    if outcome.reused:
        log.info(
            "%d of %d runs were completed before and not repeated; rerun=true repeats them",
            outcome.reused,
            len(outcome.runs),
        )
    log.info("wrote %s and %s", *written)
    return outcome.failures
