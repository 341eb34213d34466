"""`python -m fusion.train`: a configuration, or a sweep of them -> run folders."""

import logging
import os
import re
import secrets
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from fusion import console
from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import CONF_DIR, to_dict
from fusion.training import sweeps

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)
listed: "list[Preview]" = []

os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors reach main(), which says them in one sentence
OmegaConf.register_new_resolver(
    "fusion_stamp", lambda: f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}", use_cache=True, replace=True
)


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def train(cfg: DictConfig) -> None:
    """One run. In a sweep a run that fails is a row, and the others go on.

    Hydra would add lines of its own to an Exception, but lets SystemExit pass.
    """
    at = HydraConfig.get()
    console.set_up_logging()  # Hydra has just taken all handlers away
    try:
        config = to_dict(cfg)
    except OmegaConfBaseException as error:
        return _fail(_sentence(error), at.mode, 2)
    from fusion.pretraining import run as pretraining
    from fusion.training import kfold as folds
    from fusion.training import run as experiment

    if config["again"] == "auto":
        config["again"] = at.mode is not RunMode.MULTIRUN
    overrides = list(at.overrides.task)
    run = experiment.run if config["folds"] is None or config["fold"] is not None else folds.run
    run = pretraining.run if config["pretraining"] else run
    try:
        if at.mode is not RunMode.MULTIRUN and (study := at.runtime.choices.get("sweep")):
            raise UserError(f"sweep={study} is a study of several runs; add -m, as in -m sweep={study}.")
        if config["dry_run"]:
            _previews().add(config, overrides)
        elif at.mode is RunMode.MULTIRUN:
            run(config, overrides, Path(at.sweep.dir))
        else:
            experiment.check(config)  # before there is a folder
            print(run(config, overrides, Path(config["runs"]) / config["name"]))
    except UserError as error:
        _fail(str(error), at.mode, 1)


def _fail(said: str, mode: RunMode | None, code: int) -> None:
    """The end of a run; in a sweep of this job alone, which is counted."""
    print(f"error: {console.printable(said)}", file=sys.stderr)
    if mode is not RunMode.MULTIRUN:
        sys.exit(code)
    sweeps.SweepTable.failed += 1


def _previews() -> "Preview":
    """The one list of this process: of dry_run=true, one run or a sweep of them."""
    from fusion.dry_run.plan import DryRun

    if not listed:
        listed.append(DryRun())
    return listed[0]


def main() -> int:
    """Hydra's command line -> exit code; 3 when a sweep ended with runs that failed."""
    console.set_up_logging()
    try:
        sys.argv[1:] = [re.sub(r"^\+(protocol|row|sweep)=", r"\1=", word) for word in sys.argv[1:]]  # both are right
        given = [word for word in sys.argv[1:] if re.match(r"\+*[\w.]+=", word)]
        sweeps.check_choices(given)
        with tempfile.TemporaryDirectory(prefix="fusion-") as aside:
            if sweeps.is_dry(given):
                sys.argv.append(f"hydra.sweep.dir={aside}")  # Hydra makes a folder of every sweep: this one is not kept
            train()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {console.printable(_sentence(error))}", file=sys.stderr)
        return 2
    except console.Stopped:
        if sweeps.SweepTable.folder is not None:
            sweeps.finish(sweeps.SweepTable.folder, sweeps.SweepTable.table)
        raise
    if listed:
        from fusion.results.table import print_table

        print_table(listed[0].table())
        return 3 if listed[0].failures or sweeps.SweepTable.failed else 0
    return 3 if sweeps.SweepTable.failed else 0


def _sentence(error: Exception) -> str:
    """Hydra's and OmegaConf's errors -> the value, the valid choices and the nearest of them."""
    first = str(error).strip().splitlines()[0]
    if isinstance(error, MissingMandatoryValue):
        key = error.full_key or first.rpartition(" ")[2]
        return f"{key} has no value; pass {key}=VALUE."
    if isinstance(error, ConfigCompositionException) and (found := re.search(r"override '?\+*([\w.]+)", first)):
        return f"There is no option {found[1]}{did_you_mean(found[1], _known_keys())}; --help lists all of them."
    return first


def _known_keys() -> list[str]:
    """Every dotted key of the configuration, with the groups chosen on this command line."""
    from hydra import compose, initialize_config_dir

    chosen = [word for word in sys.argv[1:] if (CONF_DIR / word.partition("=")[0]).is_dir() and "," not in word]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        flat = OmegaConf.to_container(compose("train", chosen))

    def keys(tree: Any, prefix: str = "") -> list[str]:
        below = [keys(value, f"{prefix}{name}.") for name, value in tree.items() if isinstance(value, dict)]
        return [f"{prefix}{name}" for name in tree] + [key for found in below for key in found]

    return keys(flat)


if __name__ == "__main__":
    sys.exit(console.run(main))
