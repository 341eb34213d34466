"""Function -> machine code by numba, without the interpreter's lock, kept for later processes.

numba looks at a function's own file alone to see whether kept code is still true, and code kept from an older
sibling of that file can crash. So it is kept in a folder named after all sources beside the function's own.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """For whole numbers and exact results."""
    return _compiled(function, fastmath=False)


def compiled_fastmath(function: Callable[..., Any]) -> Any:
    """For float arithmetic that may be reordered, so that it can run on vector instructions."""
    return _compiled(function, fastmath=True)


@lru_cache
def _kept(folder: Path) -> str:
    """Where the code of a folder's functions goes; where that cannot be written, numba chooses."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return str(folder / "__pycache__" / f"compiled-{digest.hexdigest()[:16]}")


def _compiled(function: Callable[..., Any], fastmath: bool) -> Any:
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, _kept(Path(function.__code__.co_filename).parent)
    try:
        return numba.njit(nogil=True, cache=True, fastmath=fastmath)(function)
    finally:
        config.CACHE_DIR = before
