"""Files that are whole or not there at all, their checksums, and names for new folders."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


def stamp() -> str:
    """Return a name for a new folder: YYYYmmdd-HHMMSS-<6 hex>."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside the path to write to; it is renamed at the end, removed after an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file, or leave the old one. Raises UnicodeEncodeError for lone surrogates."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """A file's bytes -> 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
