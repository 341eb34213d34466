"""Packages -> parts: what was cut from each, one file per package in the cache, made by several processes.

A part depends on the archive's bytes, the seed and the recipe, never on other packages or on who made it;
it is complete or not there, so that a killed build goes on where it was.
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
from fusion.packages.manifest import ArchiveError, Package, archive_path, members
from fusion.snippets.corpus.extract import Harvest, harvest, plain_hash
from fusion.snippets.dedup import PERMUTATIONS, signatures

RECIPE = 8  # raised when rules, filters, cutting or signatures change, so that old parts are not taken for new ones
ALONE = 6  # packages; for so few no processes are started

SCHEMA = pa.schema(
    [
        ("language", pa.string()),
        ("path", pa.string()),
        ("text", pa.string()),
        ("rank", pa.uint64()),  # what chance gave the window; the lowest are kept when there are too many
        ("plain", pa.binary(16)),  # equal for texts that differ in white space alone
        ("signature", pa.binary(4 * PERMUTATIONS)),  # MinHash, see dedup.py
    ]
)


@dataclass(frozen=True)
class Cutting:
    """How packages are cut."""

    cache: Path
    most: int  # windows of one package and language
    seed: int

    def path(self, package: Package) -> Path:
        key = json.dumps([RECIPE, self.seed, self.most, package.sha256, sorted(package.languages)])
        return self.cache / "parts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.parquet"

    def is_made(self, package: Package) -> bool:
        return self.path(package).is_file() and lines_path(self.path(package)).is_file()


def lines_path(part: Path) -> Path:
    return part.with_suffix(".lines.parquet")


def make(package: Package, cutting: Cutting) -> Path:
    """Package, its archive in the cache -> its part. Raises ArchiveError for what no honest package holds."""
    part = cutting.path(package)
    if cutting.is_made(package):
        return part
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = harvest(members(archive_path(package, cutting.cache)), package.languages, cutting.most, cutting.seed)
    except ArchiveError as error:
        raise ArchiveError(f"{package}: {error}") from error
    with replacing(lines_path(part)) as path:
        pq.write_table(_lines_table(found), path, compression="zstd")
    with replacing(part) as path:  # last: a part that is there is complete
        pq.write_table(_cuts_table(found), path, compression="zstd")
    return part


def _cuts_table(found: Harvest) -> pa.Table:
    rows = [(language, cut) for language in sorted(found.cuts) for cut in found.cuts[language]]
    texts = [cut.text for _, cut in rows]
    signed = signatures(texts) if texts else np.zeros((0, PERMUTATIONS), np.uint32)
    columns = [
        [language for language, _ in rows], [_clean(cut.path) for _, cut in rows], [_clean(text) for text in texts],
        [cut.rank for _, cut in rows], [plain_hash(text) for text in texts], [row.tobytes() for row in signed],
    ]  # fmt: skip
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def _clean(text: str) -> str:
    """Without lone surrogates, which no file format can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _lines_table(found: Harvest) -> pa.Table:
    return pa.table(
        {
            "language": pa.array([language for language, held in found.lines.items() for _ in held], pa.string()),
            "line": pa.array(np.concatenate([np.zeros(0, np.uint64), *found.lines.values()]), pa.uint64()),
        }
    )


def read_lines(part: Path) -> dict[str, np.ndarray]:
    """Part -> language -> (n,) uint64, hashes of the longer lines of everything the package holds of it."""
    table = pq.read_table(lines_path(part))
    languages, hashes = np.array(table["language"].to_pylist(), object), table["line"].to_numpy()
    return {language: hashes[languages == language] for language in sorted(set(languages))}


def make_all(packages: Sequence[Package], cutting: Cutting, workers: int) -> Iterator[Path | ArchiveError]:
    """Packages -> their parts, in order, or why one was refused."""
    missing = [package for package in packages if not cutting.is_made(package)]
    if workers < 2 or len(missing) <= ALONE:
        for package in packages:
            yield _make((package, cutting))
        return
    largest_first = sorted(missing, key=lambda package: -package.archive_bytes)
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_with_parent)
    try:
        running = {package.sha256: pool.submit(_make, (package, cutting)) for package in largest_first}
        for package in packages:
            yield running[package.sha256].result() if package.sha256 in running else cutting.path(package)
    finally:
        pool.shutdown(cancel_futures=True)


def _make(task: tuple[Package, Cutting]) -> Path | ArchiveError:
    try:
        return make(*task)
    except ArchiveError as error:
        return error


def _leave_with_parent() -> None:
    """A worker leaves interrupts to its parent, and ends when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
