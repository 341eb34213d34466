"""The files of conf/: their names, one of them as a dict, and all that a command line chooses of them."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from fusion.config.options import unknown
from fusion.config.paths import CONF_DIR


def names_in(group: str) -> list[str]:
    """Return what can be typed after GROUP=."""
    return sorted(path.stem for path in (CONF_DIR / group).glob("[!_]*.yaml"))


def read_group(group: str, name: str) -> dict[str, Any]:
    """Return conf/GROUP/NAME.yaml as a dict. Raises UserError for a name that has no file."""
    if name not in (known := names_in(group)):
        raise unknown(group, name, known)
    return dict(_read(group, name))


def name_in(group: str) -> Callable[[str], str]:
    """Return what checks that an option names a file of conf/GROUP, for pydantic."""

    def check(name: str) -> str:
        if name not in (known := names_in(group)):
            raise ValueError(unknown(group, name, known))
        return name

    return check


def compose_choices(words: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the words of a command line that choose files of conf/, and conf/train.yaml composed with them."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    chosen = [word for word in words if (CONF_DIR / word.partition("=")[0]).is_dir() and "," not in word]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        composed: Any = OmegaConf.to_container(compose("train", chosen))
    return chosen, composed


@cache
def _read(group: str, name: str) -> dict[str, Any]:
    """Compose by Hydra's own rule: the files under `defaults` in their order, the file itself where _self_ stands."""
    import yaml

    content = yaml.safe_load((CONF_DIR / group / f"{name}.yaml").read_text(encoding="utf-8")) or {}
    merged: dict[str, Any] = {}
    for below in content.pop("defaults", ["_self_"]):
        merged |= content if below == "_self_" else _read(group, below)
    return merged
