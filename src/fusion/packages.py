"""Pinned packages of the ordinary registries -> verified archive bytes, read as a stream of members.

Nothing is installed, built or unpacked: an archive is one file in the cache, named by its sha256,
complete or not there at all.
"""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fusion.config import DATA_DIR, UserError

MAX_ARCHIVE = 64 << 20  # bytes
MAX_MEMBER = 400_000  # bytes; larger files are not what people write by hand
MAX_MEMBERS = 50_000  # an archive with more is refused
MAX_UNPACKED = 1 << 30  # bytes read from one archive, against bombs
TIMEOUT = 180  # seconds for one package


@dataclass(frozen=True)
class Package:
    """One pinned archive and the languages it is taken for."""

    registry: str
    name: str
    version: str
    sha256: str
    archive_bytes: int
    license: str
    languages: tuple[str, ...]


class PackageError(Exception):
    """A package could not be had, or is not what the manifest says."""


def read_manifest(subset: str, path: Path | None = None) -> list[Package]:
    """data/manifest.csv -> packages of one set, in the order of the file.

    Raises UserError when the set has no packages.
    """
    path = path or DATA_DIR / "manifest.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        if subset in row["set"].split("+"):
            chosen.setdefault((row["registry"], row["name"]), []).append(row)
    if not chosen:
        sets = sorted({name for row in rows for name in row["set"].split("+")})
        raise UserError(f"The manifest has no set {subset!r}; it has {', '.join(sets)}.")
    return [
        Package(registry, name, first["version"], first["sha256"], int(first["archive_bytes"]),
                first["license"], tuple(row["language"] for row in group))
        for (registry, name), group in chosen.items()
        for first in group[:1]
    ]  # fmt: skip


def archive_path(package: Package, cache: Path) -> Path:
    return cache / "packages" / package.sha256


def fetch(package: Package, cache: Path) -> Path:
    """Package -> its archive in the cache, its sha256 checked; downloads only what is not there.

    Raises PackageError with the reason in one sentence.
    """
    target = archive_path(package, cache)
    if target.is_file() and _sha256(target) == package.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
        got = _DOWNLOADS[package.registry](package, Path(folder))
        found = _sha256(got)
        if found != package.sha256:
            raise PackageError(
                f"{package.name} {package.version}: sha256 is {found}, the manifest says {package.sha256}"
            )
        os.replace(got, target)
    return target


def fetch_all(packages: list[Package], cache: Path) -> Iterator[tuple[Package, Path | PackageError]]:
    """Packages -> (package, path or the reason it could not be had), in order, four at a time."""

    def one(package: Package) -> Path | PackageError:
        try:
            return fetch(package, cache)
        except PackageError as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        yield from zip(packages, pool.map(one, packages), strict=True)


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Archive -> (path inside, bytes) of its ordinary files up to MAX_MEMBER, never touching the disk.

    Links and devices are passed over. Raises PackageError for what is no archive or too large inside.
    """
    read = 0
    try:
        for count, (name, size, file) in enumerate(_entries(archive)):
            read += size
            if count >= MAX_MEMBERS or read > MAX_UNPACKED:
                raise PackageError(f"{archive.name}: more than {MAX_MEMBERS} files or {MAX_UNPACKED} bytes inside")
            if 0 < size <= MAX_MEMBER and not _escapes(name):
                yield name, file.read(size)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise PackageError(f"{archive.name}: not a readable archive ({error})") from error


def _entries(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if not info.is_dir():
                    with bundle.open(info) as file:
                        yield info.filename, info.file_size, file
    else:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile():
                    file = tar.extractfile(member)
                    assert file is not None
                    yield member.name, member.size, file


def _escapes(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in name.split("/")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_pypi(package: Package, folder: Path) -> Path:
    """The source archive's own link from the index pip is configured with; pip itself would build it."""
    import requests
    from pypi_simple import PyPISimple, UnsupportedContentTypeError

    target = folder / "archive"
    try:
        with PyPISimple(_pip_index()) as client:
            page = client.get_project_page(package.name, timeout=TIMEOUT)
            link = next((p for p in page.packages if p.digests.get("sha256") == package.sha256), None)
            if link is None:
                raise PackageError(f"{package.name} {package.version}: the index has no file with the pinned sha256")
            client.download_package(link, target, timeout=TIMEOUT)
    except (requests.RequestException, UnsupportedContentTypeError, OSError) as error:
        raise PackageError(f"{package.name} {package.version}: {type(error).__name__} while downloading") from error
    return target


def _pip_index() -> str:
    """PIP_INDEX_URL, else pip's own configuration, else the public index."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return found.stdout.strip() or PYPI_SIMPLE_ENDPOINT


def _from_npm(package: Package, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(f"{package.name} {package.version}: npm is not installed")
    command = [npm, "pack", "--json", "--ignore-scripts", f"{package.name}@{package.version}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=True)
        json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError, OSError) as error:
        raise PackageError(f"{package.name} {package.version}: npm pack failed ({type(error).__name__})") from error
    return next(folder.glob("*.tgz"))


_DOWNLOADS = {"pypi": _from_pypi, "npm": _from_npm}
