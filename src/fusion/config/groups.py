"""The files of conf/: their names, and one of them as a dict, the files it builds on included."""

from functools import cache
from typing import Any

from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import CONF_DIR


def names_in(group: str) -> list[str]:
    """Return what can be typed after GROUP=."""
    return sorted(path.stem for path in (CONF_DIR / group).glob("[!_]*.yaml"))


def read_group(group: str, name: str) -> dict[str, Any]:
    """Return conf/GROUP/NAME.yaml as a dict. Raises UserError for a name that has no file."""
    if name not in (known := names_in(group)):
        raise UserError(f"{group}={name} is not known{did_you_mean(name, known)}; it is one of {', '.join(known)}.")
    return dict(_read(group, name))


@cache
def _read(group: str, name: str) -> dict[str, Any]:
    """Compose by Hydra's own rule: the files under `defaults` in their order, the file itself where _self_ stands."""
    import yaml

    content = yaml.safe_load((CONF_DIR / group / f"{name}.yaml").read_text(encoding="utf-8")) or {}
    merged: dict[str, Any] = {}
    for below in content.pop("defaults", ["_self_"]):
        merged |= content if below == "_self_" else _read(group, below)
    return merged
