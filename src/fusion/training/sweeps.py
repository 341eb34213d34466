"""A Hydra multirun: names checked before its first run, its table made after the last."""

import logging
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException
from hydra.experimental.callback import Callback

from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import CONF_DIR

log = logging.getLogger(__name__)


class SweepTable(Callback):
    """Named in conf/train.yaml; Hydra makes one for each call of the command."""

    folder: Path | None = None  # of the sweep of this process, for main()
    table = "results"  # that it ends with
    failed = 0  # jobs, those too that left no run folder

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        if not config.dry_run:
            SweepTable.folder, SweepTable.table = Path(config.hydra.sweep.dir), config.table

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        if not config.dry_run:
            finish(Path(config.hydra.sweep.dir), config.table)


def check_choices(overrides: list[str]) -> None:
    """Raises UserError for the first group=option, swept over or not, that conf/ does not hold.

    Hydra itself would find it when its turn comes, after hours perhaps.
    """
    for override in OverridesParser.create().parse_overrides(overrides):
        group = CONF_DIR / override.get_key_element().lstrip("+~")
        if not group.is_dir():
            continue
        options = sorted(path.stem for path in group.glob("[!_]*.yaml"))
        pattern = override.value()
        if isinstance(pattern, Glob):  # Hydra would run nothing, and say nothing
            if not pattern.filter(options):
                fits = " or ".join(pattern.include)
                raise UserError(f"No {group.name} is named like {fits}; there are {', '.join(options)}.")
            continue
        try:
            swept = override.is_discrete_sweep()
            wanted = list(override.sweep_string_iterator()) if swept else [override.get_value_string()]
        except (HydraException, ValueError):  # what Hydra itself will refuse
            continue
        for name in map(str, wanted):
            if name not in options:
                raise UserError(
                    f"{group.name}={name} is not known{did_you_mean(name, options)}; it is one of {', '.join(options)}."
                )


def is_dry(overrides: list[str]) -> bool:
    """Whether dry_run is asked for. Raises UserError for a value that is neither true nor false."""
    asked = False
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.get_key_element().lstrip("+") == "dry_run":
            if (value := override.value()) not in (True, False):  # 1 and 0 are among them
                raise UserError(f"dry_run={override.get_value_string()} must be true or false.")
            asked = bool(value)
    return asked


def finish(folder: Path, name: str) -> None:
    """NAME.csv and NAME.md of a sweep, and its table on stdout."""
    from fusion.results.record import REUSED, find_runs
    from fusion.results.table import print_table, write_results
    from fusion.results.tables import make_table

    table = make_table(name, find_runs([folder]), folder)
    written = write_results(table, folder)
    print_table(table)
    if taken := len(list(folder.rglob(f"{REUSED}/*.txt"))):
        log.info(
            "%d of %d runs were completed before and not repeated; again=true repeats them", taken, len(table.rows)
        )
    log.info("wrote %s and %s", *written)
