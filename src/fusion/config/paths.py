"""Where things lie (conf/, data/, cache) and Hydra configuration -> plain dict."""

import os
import tempfile
from pathlib import Path
from typing import Any

from fusion.config.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]


def _shipped(name: str) -> Path:
    """Return a folder that is shipped: inside the package in a wheel, at the top of a checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else CHECKOUT / name


CONF_DIR = _shipped("conf")
DATA_DIR = _shipped("data")


def cache_dir() -> Path:
    """Return $FUSION_CACHE, else data/cache in a checkout, else the user's own cache folder."""
    if chosen := os.environ.get("FUSION_CACHE"):
        return Path(chosen).expanduser().absolute()
    if DATA_DIR == CHECKOUT / "data":
        return DATA_DIR / "cache"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "fusion"


def usable(cache: Path) -> Path:
    """Return the folder, made if it was not there. Raises UserError if nothing can be written to it."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return cache
    except OSError as error:
        sentence = f"The cache {cache} cannot be used ({error.strerror}); set FUSION_CACHE to one that can be written."
        raise UserError(sentence) from error


def to_dict(cfg: Any) -> dict[str, Any]:
    """A composed DictConfig -> nested plain dict, everything resolved."""
    from omegaconf import OmegaConf

    resolved = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}
