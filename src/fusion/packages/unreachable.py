"""Registries and hubs that could not be reached: remembered for six hours, so that a sweep asks each of them once."""

import json
import logging
import time
from pathlib import Path

from fusion.config.paths import cache_dir
from fusion.files import write_text

log = logging.getLogger(__name__)

REMEMBER_SECONDS = 6 * 3600


def is_unreachable(name: str) -> bool:
    """Return whether a place, such as pypi or the address of a hub, failed to answer a short while ago."""
    when = _read().get(name)
    return isinstance(when, (int, float)) and 0 <= time.time() - when < REMEMBER_SECONDS


def remember(name: str) -> None:
    """Note that a place did not answer just now."""
    _write(_read() | {name: time.time()})


def forget(name: str) -> None:
    """Note that a place answers again."""
    known = _read()
    if known.pop(name, None) is not None:
        _write(known)


def _memory() -> Path:
    return cache_dir() / "unreachable.json"


def _read() -> dict[str, object]:
    try:
        known = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(known: dict[str, object]) -> None:
    try:
        _memory().parent.mkdir(parents=True, exist_ok=True)
        write_text(_memory(), json.dumps(known))
    except OSError as error:  # a cache that cannot be written only costs the next run its timeout
        log.debug("what cannot be reached was not noted: %s", error)
