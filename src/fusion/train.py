"""`python -m fusion.train`: a configuration, or a sweep of them -> run folders."""

import logging
import os
import re
import secrets
import sys
from datetime import datetime
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fusion import console, sweeps
from fusion.config import CONF_DIR, UserError, did_you_mean, to_dict

log = logging.getLogger(__name__)

os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors reach main(), which says them in one sentence
OmegaConf.register_new_resolver(
    "fusion_stamp", lambda: f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}", use_cache=True, replace=True
)


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def train(cfg: DictConfig) -> None:
    """One run. In a sweep a run that fails is a row, and the others go on."""
    at = HydraConfig.get()
    cfg = to_dict(cfg)  # type: ignore[assignment]
    from fusion import experiment

    if at.mode is not RunMode.MULTIRUN:
        print(experiment.run(cfg, at.overrides.task, Path(cfg["runs"]) / cfg["name"]))  # type: ignore[arg-type]
        return
    try:
        experiment.run(cfg, at.overrides.task, Path(at.sweep.dir))  # type: ignore[arg-type]
    except UserError as error:
        log.error("run %s failed: %s", at.job.num, error)


def main() -> int:
    """Hydra's command line -> exit code; 3 when a sweep ended with runs that failed."""
    console.set_up_logging()
    try:
        train()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 2
    except console.Stopped:
        if sweeps.SweepTable.folder is not None:
            sweeps.finish(sweeps.SweepTable.folder)
        raise
    folder = sweeps.SweepTable.folder
    return 3 if folder is not None and sweeps.failures(folder) else 0


def _sentence(error: Exception) -> str:
    """Hydra's and OmegaConf's errors -> the value, the valid choices and the nearest of them."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        options = sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))
        return f"{group}={name} is not known{did_you_mean(name, options)}; it is one of {', '.join(options)}."
    first = str(error).strip().splitlines()[0]
    if isinstance(error, ConfigCompositionException) and (key := re.search(r"override '?\+*([\w.]+)", first)):
        known = _known_keys()
        return f"There is no option {key[1]}{did_you_mean(key[1], known)}; --help lists all of them."
    if key := re.search(r"Missing mandatory value: ([\w.]+)", first):
        return f"{key[1]} has no value; pass {key[1]}=VALUE."
    return first


def _known_keys() -> list[str]:
    """Every dotted key of the default configuration."""
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        flat = to_dict(compose("train"))

    def keys(tree: dict[str, object], prefix: str = "") -> list[str]:
        below = [keys(value, f"{prefix}{name}.") for name, value in tree.items() if isinstance(value, dict)]
        return [f"{prefix}{name}" for name in tree] + [key for found in below for key in found]

    return keys(flat)


if __name__ == "__main__":
    sys.exit(console.run(main))
