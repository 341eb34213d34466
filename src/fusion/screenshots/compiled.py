"""Function -> machine code by numba, without the interpreter's lock, kept for later processes.

numba looks at a function's own file alone to see whether kept code is still true, and code kept from an older
sibling of that file can crash. So it is kept in a folder named after all sources of this package.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

FOLDER = Path(__file__).parent


def compiled(function: Callable[..., Any]) -> Any:
    """For whole numbers and exact results."""
    return _compiled(function, fastmath=False)


def compiled_loosely(function: Callable[..., Any]) -> Any:
    """For float arithmetic that may be reordered, so that it can run on vector instructions."""
    return _compiled(function, fastmath=True)


def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


KEPT = FOLDER / "__pycache__" / f"compiled-{_sources()}"  # where that cannot be written, numba chooses


def _compiled(function: Callable[..., Any], fastmath: bool) -> Any:
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(KEPT)
    try:
        return numba.njit(nogil=True, cache=True, fastmath=fastmath)(function)
    finally:
        config.CACHE_DIR = before
