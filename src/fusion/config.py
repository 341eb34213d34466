"""Where things lie (conf/, data/, cache) and Hydra configuration -> plain dict."""

import difflib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parents[1]


def _shipped(name: str) -> Path:
    """Inside the wheel a folder lies in the package, in a checkout at the top."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else CHECKOUT / name


CONF_DIR = _shipped("conf")
DATA_DIR = _shipped("data")


def cache_dir() -> Path:
    """$FUSION_CACHE, else data/cache in a checkout, else the user's own cache folder."""
    if chosen := os.environ.get("FUSION_CACHE"):
        return Path(chosen).expanduser().absolute()
    if DATA_DIR == CHECKOUT / "data":
        return DATA_DIR / "cache"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "fusion"


class UserError(Exception):
    """Something the user can put right. Its text is one sentence; commands print it and exit non-zero."""


def usable(cache: Path) -> Path:
    """The same folder, made if it was not there. Raises UserError for one that nothing can be written to."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return cache
    except OSError as error:
        told = f"The cache {cache} cannot be used ({error.strerror}); set FUSION_CACHE to a folder that can be written."
        raise UserError(told) from error


def first_line(error: Exception) -> str:
    """The first line of what a library's error says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def to_dict(cfg: Any) -> dict[str, Any]:
    """A composed DictConfig -> nested plain dict, everything resolved."""
    from omegaconf import OmegaConf

    resolved = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """'' or ' (did you mean densenet121?)', for error messages."""
    close = difflib.get_close_matches(str(word), list(choices), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""
