"""Packages -> what was cut from each: two files per package in the cache, made by several processes.

They depend on the archive's bytes, the seed and the recipe, never on other packages or the number of workers; they are
complete or not there, so that a killed build goes on where it was.
"""

import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fusion.files import replacing
from fusion.packages.archives import members
from fusion.packages.errors import ArchiveError
from fusion.packages.manifest import Package, archive_path
from fusion.snippets.corpus.doubt import doubt
from fusion.snippets.corpus.extract import Extraction, extract, whitespace_normalised_hash
from fusion.snippets.dedup import NUM_PERM, signatures

RECIPE = 10  # raised when languages, filters, doubts, windows or signatures change: old files are of an old one
MIN_FOR_WORKERS = 7  # packages; for fewer no processes are started

SCHEMA = pa.schema(
    [
        ("language", pa.string()),
        ("path", pa.string()),
        ("text", pa.string()),
        ("rank", pa.uint64()),  # a random number; the windows of lowest rank are kept when there are too many
        ("plain", pa.binary(16)),  # whitespace-normalised hash of the text
        ("signature", pa.binary(4 * NUM_PERM)),  # MinHash, see dedup.py
        ("doubt", pa.string()),  # why its language cannot be told, see doubt.py
    ]
)


@dataclass(frozen=True)
class PackageCache:
    """Where the windows of each package lie, for one seed and cap."""

    cache: Path
    max_windows: int  # of one package and language
    seed: int

    def path(self, package: Package) -> Path:
        """Return the file of a package's windows."""
        key = json.dumps([RECIPE, self.seed, self.max_windows, package.sha256, sorted(package.languages)])
        return self.cache / "parts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.parquet"

    def has(self, package: Package) -> bool:
        """Return whether both files of a package are there."""
        return self.path(package).is_file() and _lines_path(self.path(package)).is_file()

    def add(self, package: Package) -> Path:
        """Cut a package whose archive is in the cache, if that was not done before. Returns the file of its windows.

        Raises ArchiveError for what no honest package holds.
        """
        path = self.path(package)
        if self.has(package):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        archive = archive_path(package, self.cache)
        try:
            extraction = extract(members(archive), package.languages, self.max_windows, self.seed)
        except ArchiveError as error:
            raise ArchiveError(f"{package}: {error}") from error
        with replacing(_lines_path(path)) as part:
            pq.write_table(_lines_table(extraction), part, compression="zstd")
        with replacing(path) as part:  # last: where the windows are, the lines are too
            pq.write_table(_windows_table(extraction), part, compression="zstd")
        return path

    def add_all(self, packages: Sequence[Package], workers: int) -> Iterator[Path | ArchiveError]:
        """Packages -> the file of each one's windows, in order, or why the package was refused."""
        missing = [package for package in packages if not self.has(package)]
        if workers < 2 or len(missing) < MIN_FOR_WORKERS:
            for package in packages:
                yield _add(self, package)
            return
        largest_first = sorted(missing, key=lambda package: -package.archive_bytes)
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_with_parent)
        try:
            running = {package.sha256: pool.submit(_add, self, package) for package in largest_first}
            for package in packages:
                yield running[package.sha256].result() if package.sha256 in running else self.path(package)
        finally:
            pool.shutdown(cancel_futures=True)


def read_line_hashes(windows: Path) -> dict[str, np.ndarray]:
    """File of a package's windows -> language -> (n,) uint64, hashes of the longer lines of the whole package."""
    table = pq.read_table(_lines_path(windows))
    languages, hashes = np.array(table["language"].to_pylist(), object), table["line"].to_numpy()
    return {language: hashes[languages == language] for language in sorted(set(languages))}


def _lines_path(windows: Path) -> Path:
    return windows.with_suffix(".lines.parquet")


def _windows_table(extraction: Extraction) -> pa.Table:
    rows = [(language, window) for language in sorted(extraction.windows) for window in extraction.windows[language]]
    texts = [window.text for _, window in rows]
    hashes = signatures(texts) if texts else np.zeros((0, NUM_PERM), np.uint32)
    columns = [
        [language for language, _ in rows], [_clean(window.path) for _, window in rows],
        [_clean(text) for text in texts], [window.rank for _, window in rows],
        [whitespace_normalised_hash(text) for text in texts], [row.tobytes() for row in hashes],
        [doubt(window.text, language, window.comments) for language, window in rows],
    ]  # fmt: skip
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which no file format can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _lines_table(extraction: Extraction) -> pa.Table:
    languages = [language for language, hashes in extraction.lines.items() for _ in hashes]
    lines = np.concatenate([np.zeros(0, np.uint64), *extraction.lines.values()])
    return pa.table({"language": pa.array(languages, pa.string()), "line": pa.array(lines, pa.uint64())})


def _add(cache: PackageCache, package: Package) -> Path | ArchiveError:
    try:
        return cache.add(package)
    except ArchiveError as error:
        return error


def _leave_with_parent() -> None:
    """Leave interrupts to the parent process, and end when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
