"""Files that are whole or not there at all, their checksums, and names for new folders."""

import hashlib
import os
import secrets
import shutil
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


def set_aside(folder: Path) -> Path:
    """Return where a folder lies for a moment while another takes its place."""
    return folder.with_name(f".{folder.name}.old")


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder, which takes the place of another at the end; that one is kept until then."""
    part, old = folder.with_name(f".{folder.name}.{os.getpid()}"), set_aside(folder)
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.replace(folder, old)
        os.replace(part, folder)
    finally:
        if old.exists() and not folder.exists():  # stopped between the two renames
            os.replace(old, folder)
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file, or leave the old one. Raises UnicodeEncodeError for lone surrogates."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """A file's bytes -> 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
