"""Pinned packages of the ordinary registries -> verified archive bytes, read as a stream of members.

Nothing is installed, built or unpacked: an archive is one file in the cache, named by its sha256,
complete or not there at all.
"""

import csv
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import Thread
from typing import Any

from fusion.config.data import REGISTRIES
from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import DATA_DIR
from fusion.files import replacing, sha256_of
from fusion.packages import clients, debian, registries
from fusion.packages.errors import PackageError, Unreachable

SETS = ("small", "core", "standard")  # each holds the ones before it
TRIES = 2  # a registry that stumbles once is asked again
AT_ONCE = 4  # packages downloaded side by side


@dataclass(frozen=True)
class Line:
    """One line of the manifest: what one package holds of one language."""

    registry: str
    name: str
    version: str
    archive_bytes: int
    sha256: str
    license: str  # as declared by the package, not audited
    project: str  # packages of one project never straddle a split
    pool_path: str  # Debian: where the archive lies below a mirror
    language: str
    files: int
    lines: int
    snippets: int
    set: str  # the smallest set that has it


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
    project: str = ""
    pool_path: str = ""
    snippets: tuple[int, ...] = ()  # by language, as measured when it was pinned

    def __str__(self) -> str:
        return f"{self.registry} {self.name} {self.version}".strip()  # some of Debian have none


def read_lines(path: Path | None = None) -> list[Line]:
    """Return the lines of data/manifest.csv. Raises UserError naming file and line for one that does not fit."""
    path = path or DATA_DIR / "manifest.csv"
    lines = []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                numbers = {key: int(row[key]) for key in ("archive_bytes", "files", "lines", "snippets")}
                line = Line(**({key: row[key] for key in _COLUMNS} | numbers))  # type: ignore[arg-type]
                if line.set not in SETS or line.registry not in REGISTRIES or len(line.sha256) != 64:
                    raise ValueError
            except (KeyError, ValueError, TypeError) as error:
                raise UserError(
                    f"{path}:{reader.line_num}: not a line of the manifest; expected {','.join(_COLUMNS)} with a "
                    f"registry of {', '.join(REGISTRIES)}, a set of {', '.join(SETS)} and a sha256 of 64 digits."
                ) from error
            lines.append(line)
    return lines


_COLUMNS = tuple(field.name for field in fields(Line))


def write_lines(lines: Iterable[Line], path: Path) -> None:
    """Write a manifest, or leave the old one."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, lines))


def read_manifest(subset: str, path: Path | None = None) -> list[Package]:
    """Return the packages of one set and of the sets inside it, in the order of data/manifest.csv.

    Raises UserError for a set that is not one of SETS.
    """
    if subset not in SETS:
        raise UserError(f"The manifest has no set {subset!r}{did_you_mean(subset, SETS)}; it has {', '.join(SETS)}.")
    within = SETS[: SETS.index(subset) + 1]
    lines_of: dict[tuple[str, str], list[Line]] = {}
    for line in read_lines(path):
        if line.set in within:
            lines_of.setdefault((line.registry, line.name), []).append(line)
    return [_as_package(lines) for lines in lines_of.values()]


def _as_package(lines: list[Line]) -> Package:
    """The manifest's lines of one package -> Package."""
    first = lines[0]
    return Package(
        first.registry, first.name, first.version, first.sha256, first.archive_bytes, first.license,
        tuple(line.language for line in lines), first.project or first.name, first.pool_path,
        tuple(line.snippets for line in lines),
    )  # fmt: skip


def archive_path(package: Package, cache: Path) -> Path:
    """Return where a package's archive lies once it was fetched."""
    return cache / "packages" / package.sha256


def fetch(package: Package, cache: Path, tmp_dir: Path | None = None) -> Path:
    """Return a package's archive in the cache, its sha256 checked; downloads only what is not there.

    tmp_dir: a folder on the cache's disk to download into. Raises PackageError with the reason in one sentence.
    """
    target = archive_path(package, cache)
    if target.is_file() and sha256_of(target) == package.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        with tempfile.TemporaryDirectory(prefix=".part-", dir=tmp_dir or target.parent) as folder:
            try:
                archive = _download(package, Path(folder))
            except Unreachable as error:
                raise Unreachable(f"{package}: {error}") from error
            except (PackageError, OSError, ValueError) as error:
                if attempt + 1 < TRIES:
                    continue
                raise PackageError(f"{package}: {error}") from error
            sha256 = sha256_of(archive)
            if sha256 != package.sha256:
                raise PackageError(f"{package}: sha256 is {sha256}, the manifest says {package.sha256}")
            os.replace(archive, target)
            break
    return target


def _download(package: Package, folder: Path) -> Path:
    pinned = (package.name, package.version, package.sha256, folder)
    match package.registry:
        case "pypi":
            return registries.from_pypi(*pinned)
        case "npm":
            return registries.from_npm(*pinned)
        case "deb":
            return debian.from_debian(*pinned, package.pool_path)
        case "debsrc":
            return debian.from_debian_source(*pinned, package.pool_path)
    raise PackageError(f"the registry {package.registry!r} is none of {', '.join(REGISTRIES)}")


def fetch_all(packages: list[Package], cache: Path) -> Iterator[tuple[Package, Path | PackageError]]:
    """Packages -> (package, its archive or the reason it could not be had), in order, AT_ONCE at a time.

    After one whose registry could not be reached the others of that registry are not tried.
    """
    unreachable: set[str] = set()
    (cache / "packages").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(".part", dir=cache / "packages", ignore_cleanup_errors=True) as tmp_dir:

        def fetch_one(package: Package) -> Path | PackageError:
            is_here = archive_path(package, cache).is_file()
            if package.registry in unreachable and not is_here:
                return Unreachable(f"{package}: not tried, for {package.registry} could not be reached")
            try:
                return fetch(package, cache, Path(tmp_dir))
            except Unreachable as error:
                unreachable.add(package.registry)
                return error
            except PackageError as error:
                return error

        yield from zip(packages, _map_on_threads(fetch_one, packages), strict=True)


def _map_on_threads(call: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    """Yield what `call` returns for each item, in order, AT_ONCE at a time.

    Who stops listening waits for no one: clients are killed, and a thread that waits for an answer is let go.
    A ThreadPoolExecutor, though shut down with cancel_futures, is waited for when the process ends: with it Ctrl-C
    took more than a minute where an index did not answer, with these threads it takes less than a second.
    """
    answers = [Future[Any]() for _ in items]
    waiting = deque(zip(items, answers, strict=True))

    def work() -> None:
        while waiting:
            with suppress(IndexError):  # another thread was quicker
                item, answer = waiting.popleft()
                try:
                    answer.set_result(call(item))
                except BaseException as error:
                    answer.set_exception(error)

    for _ in range(min(AT_ONCE, len(items))):
        Thread(target=work, daemon=True).start()
    try:
        for answer in answers:
            yield answer.result()
    finally:
        waiting.clear()
        clients.end_clients()


def pin(registry: str, name: str, version: str | None, cache: Path) -> Package:
    """Fetch the newest version of a package, or the one named. Returns it with its sha256; its archive is in the cache.

    Raises PackageError if it cannot be had, UserError for an unknown registry.
    """
    if registry not in REGISTRIES:
        raise UserError(f"The registry {registry!r} is not known{did_you_mean(registry, REGISTRIES)}; it is one of "
                        f"{', '.join(REGISTRIES)}.")  # fmt: skip
    store = cache / "packages"
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=store) as folder:
        try:
            newest, archive, pool_path = _newest(registry, name, version, Path(folder))
        except (PackageError, OSError, ValueError) as error:
            raise PackageError(f"{registry} {name} {version or ''}: {error}") from error
        size, sha256 = archive.stat().st_size, sha256_of(archive)
        if size > clients.MAX_ARCHIVE:
            raise PackageError(f"{registry} {name} {newest}: it is larger than {clients.MAX_ARCHIVE >> 20} MB")
        os.replace(archive, store / sha256)
    return Package(registry, name, newest, sha256, size, "", (), _project_of(registry, name), pool_path)


def _newest(registry: str, name: str, version: str | None, folder: Path) -> tuple[str, Path, str]:
    """Fetch what a registry offers: (version, archive, its path below a Debian mirror)."""
    if registry == "pypi":
        return *registries.newest_on_pypi(name, version, folder), ""
    if registry == "npm":
        return *registries.newest_on_npm(name, version, folder), ""
    return debian.newest_on_debian(registry, name, folder)


def _project_of(registry: str, name: str) -> str:
    """Return the project a package most likely belongs to: an npm scope, else the package's own name."""
    return name.split("/")[0] if registry == "npm" and name.startswith("@") else name
