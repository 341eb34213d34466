"""`python -m fusion.train`: a configuration, or a sweep of them -> run folders."""

import logging
import os
import re
import sys
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from fusion import console
from fusion.config.errors import UserError, did_you_mean, first_line
from fusion.config.groups import compose_choices
from fusion.config.paths import CONF_DIR, to_dict
from fusion.config.renamed import RENAMED
from fusion.config.schema import load_config
from fusion.files import stamp
from fusion.training import sweep_progress, sweeps

if TYPE_CHECKING:
    from fusion.dry_run.plan import DryRun

log = logging.getLogger(__name__)

SHOWS = {"--cfg", "-c", "--info", "-i"}  # Hydra shows the configuration and runs nothing

os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors reach main(), which says them in one sentence


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def train(cfg: DictConfig) -> None:
    """Run one job, in whatever process the launcher gave it. In a sweep a job that fails is noted and others go on.

    Hydra would add lines of its own to an Exception, but lets SystemExit pass.
    """
    console.set_up_logging()  # Hydra has just taken all handlers away
    job = HydraConfig.get()
    in_sweep = None if cfg.dry_run in (True, 1) else sweep_progress.current_job()
    if in_sweep is not None:
        sweeps.warn_once_a_sweep()
        in_sweep.show("preparing")
    try:
        made = _run(cfg, job)
    except (UserError, OmegaConfBaseException) as error:
        sentence = str(error) if isinstance(error, UserError) else _sentence(error)
        if in_sweep is not None:
            sweeps.erase()
        print(f"error: {console.printable(sentence)}", file=sys.stderr)
        if (folder := sweeps.sweep_folder()) is None:
            sys.exit(1 if isinstance(error, UserError) else 2)
        _note(folder, str(job.job.num), error, sentence)
        made = None
    if in_sweep is not None:
        in_sweep.finish(made)


def _run(cfg: DictConfig, job: Any) -> Path | None:
    """Return the folder of the run that was made or taken, None after a dry run."""
    options, overrides, folder = _options(cfg), list(job.overrides.task), sweeps.sweep_folder()
    if folder is None and (study := job.runtime.choices.get("sweep")):
        raise UserError(f"sweep={study} is a study of several runs; add -m, as in -m sweep={study}.")
    if options["dry_run"] is True:
        options["rerun"] = _rerun(options["rerun"], folder)
        _dry_run().add(options, overrides, Path(job.sweep.dir), job.job.num if folder else 0)
        return None
    config = load_config(options)
    from fusion.pretraining import reader_run
    from fusion.pretraining import run as pretraining
    from fusion.training import kfold
    from fusion.training import run as training

    rerun = bool(_rerun(config.rerun, folder))
    parent = Path(config.runs) / config.name if folder is None else folder
    if folder is None:
        training.check(config)  # before there is a folder
    if config.reader is not None:
        made = reader_run.run(config, overrides, parent)
    elif config.pretraining is not None:
        made = pretraining.run(config, overrides, parent)
    elif config.folds is not None and config.fold is None:
        made = kfold.run(config, overrides, parent, rerun)
    else:
        made = training.run(config, overrides, parent, rerun)
    if folder is None and made is not None:
        print(made)
    return made


def _rerun(asked: Any, sweep: Path | None) -> Any:
    """Return whether a completed run is repeated: auto repeats it outside of a sweep."""
    return sweep is None if asked == "auto" else asked


def _options(cfg: DictConfig) -> dict[str, Any]:
    options = to_dict(cfg)
    return options | {"dry_run": bool(options["dry_run"]) if options["dry_run"] in (0, 1) else options["dry_run"]}


def _note(folder: Path, job: str, error: Exception, sentence: str) -> None:
    """Leave a note of a job that failed before it had a run folder, which would tell of it."""
    from fusion.results.sweep_outcome import note_failure
    from fusion.training.run import RunFailed

    if not isinstance(error, RunFailed):
        note_failure(folder, job, sentence)


@cache
def _dry_run() -> "DryRun":
    """Return what lists the runs of this process, which times views and networks that they share only once."""
    from fusion.dry_run.plan import DryRun

    return DryRun()


def main() -> int:
    """Hydra's command line -> exit code; 3 when a sweep ended with jobs that failed."""
    if {"--help", "-h"} & set(sys.argv[1:]):
        from fusion.config.help import train_help

        print(train_help(sys.argv[1:]))
        return 0
    console.set_up_logging()
    try:
        return _call_hydra()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {console.printable(_sentence(error))}", file=sys.stderr)
        return 2


def _call_hydra() -> int:
    sys.argv[1:] = [re.sub(r"^\+(protocol|row|sweep)=", r"\1=", word) for word in sys.argv[1:]]  # both are right
    given = [word for word in sys.argv[1:] if re.match(r"\+*[\w.]+=", word)]
    sweeps.check_overrides(given)
    multirun = bool({"-m", "--multirun"} & set(sys.argv[1:])) or "hydra.mode=MULTIRUN" in given
    with ExitStack() as cleanup:
        dry = sweeps.is_dry(given)
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="fusion-"))) if dry else _folder(given)
        if dry or multirun:  # Hydra makes a folder of every sweep: that of a dry run is not kept
            _add_override(f"hydra.sweep.dir={folder}")
        if multirun and not dry and not SHOWS & set(sys.argv[1:]):
            for name in ("hydra", "hydra_plugins"):  # launchers list the jobs, each of which has a line of its own
                logging.getLogger(name).setLevel(logging.WARNING)
            cleanup.callback(sweep_progress.forget, folder)
            sweep_progress.plan_sweep(folder, sys.argv[1:])
        try:
            train()
        except console.Stopped:
            sweeps.erase()
            if multirun and not dry and folder.is_dir():
                sweeps.finish(folder)
            raise
        if dry and not SHOWS & set(sys.argv[1:]):
            from fusion.dry_run.rows import finish

            return 3 if finish(folder) else 0
        if multirun and folder.is_dir():
            return 3 if sweeps.finish(folder) else 0
    return 0


def _add_override(word: str) -> None:
    """Put an override behind those that were typed: argparse refuses one that an option such as -m stands between."""
    typed = [number for number, argument in enumerate(sys.argv) if number and re.match(r"[+~\w][^=]*=|~", argument)]
    sys.argv.insert(typed[-1] + 1 if typed else len(sys.argv), word)


def _folder(given: list[str]) -> Path:
    """Return where a sweep goes: hydra.sweep.dir, else runs/sweep-<stamp>, whatever name its rows have."""
    words = dict(word.lstrip("+").split("=", 1) for word in given)
    if "hydra.sweep.dir" in words:
        return Path(words["hydra.sweep.dir"])
    runs = words.get("runs", "runs")
    return Path("runs" if "," in runs else runs.strip("'\"")) / f"sweep-{stamp()}"


def _sentence(error: Exception) -> str:
    """Hydra's and OmegaConf's errors -> the value, the valid choices and the nearest of them."""
    first = first_line(error)
    if isinstance(error, MissingMandatoryValue):
        key = error.full_key or first.rpartition(" ")[2]
        return f"{key} has no value; pass {key}=VALUE."
    if isinstance(error, ConfigCompositionException) and (found := re.search(r"override '?\+*([\w.]+)", first)):
        key = found[1]
        if key in RENAMED:
            return f"{key} is called {RENAMED[key]} now."
        return f"There is no option {key}{did_you_mean(key, _known_keys())}; --help lists all of them."
    return first


def _known_keys() -> list[str]:
    """Return every dotted key of the configuration, with the groups chosen on this command line."""

    def keys(tree: Any, prefix: str = "") -> list[str]:
        below = [keys(value, f"{prefix}{name}.") for name, value in tree.items() if isinstance(value, dict)]
        return [f"{prefix}{name}" for name in tree] + [key for part in below for key in part]

    return keys(compose_choices(sys.argv[1:])[1])


if __name__ == "__main__":
    from fusion.train import main as imported  # a parallel launcher's processes find what it holds by that name

    sys.exit(console.run(imported))
