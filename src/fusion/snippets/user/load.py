"""The user's own data -> the snippet table: streamed to the cache, split by group or stratified."""

import hashlib
import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fusion.config.data import Folder, Rows
from fusion.config.errors import UserError
from fusion.files import replacing
from fusion.snippets.corpus.build import Progress
from fusion.snippets.corpus.extract import whitespace_normalised_hash
from fusion.snippets.snippet import IMAGE, SCHEMA, SPLITS, open_table, split_hash, text_id
from fusion.snippets.user.folder import from_folder, shown
from fusion.snippets.user.readers import Columns, Sample, from_csv, from_hub, from_jsonl, from_parquet
from fusion.snippets.user.split import assign_splits

log = logging.getLogger(__name__)

RECIPE = 2  # raised when reading or splitting changes, so that an old table is not taken for a new one
WRITE_ROWS = 4096  # written at once
SORT_ROWS = 1 << 16  # looked at at once when they are sorted by split

UserData = Folder | Rows
_COLUMNS = ("text_column", "label_column", "group_column", "split_column", "image_column")
KEYED = {  # the options that name a table; some decide nothing, but a table that was built with them is found again
    "folder": ("kind", "path", "seed"),
    "csv": ("kind", "path", "seed", *_COLUMNS, "delimiter"),
    "jsonl": ("kind", "path", "seed", *_COLUMNS),
    "parquet": ("kind", "path", "seed", *_COLUMNS, "streaming", "scan"),
    "hub": ("kind", "path", "seed", *_COLUMNS, "streaming", "scan", "name"),
}


def load_user_data(data: UserData, cache: Path, progress: Progress) -> pa.Table:
    """Return the user's rows or files as a table with the columns of SCHEMA (and image), memory-mapped.

    Raises UserError naming file, line and column of a value that cannot be used.
    """
    path = _check_path(data)
    target = cache / "snippets" / f"own-{_key(data, path)}.arrow"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".own-", dir=target.parent) as folder:  # another process has another
            unsplit = Path(folder) / "unsplit.arrow"
            samples = progress(_read(data, path, cache), f"reading {data.path}", 0)
            schema = SCHEMA.append(IMAGE) if isinstance(data, Rows) and data.image_column else SCHEMA
            duplicates = _write(samples, schema, shown(str(data.path)), unsplit)
            table = open_table(unsplit)
            if not table.num_rows:
                raise UserError(f"data.path={data.path} holds no text. {_expected(data)}")
            splits = assign_splits(table, data, duplicates)
            with replacing(target) as part:
                _write_by_split(table, splits, part)
    table = open_table(target)
    log.info("%d snippets of %s (%s)", table.num_rows, data.path, split_hash(table))
    return table


def _expected(data: UserData) -> str:
    return Columns.of(data).expected() if isinstance(data, Rows) else "Expected DIR/<label>/<file>."


def _check_path(data: UserData) -> Path:
    """Return the path. Raises UserError if there is none, or nothing of the kind lies there."""
    if not data.path:
        expected = {"folder": "DIR, a folder with one folder per label", "hub": "NAME of a data set, or a folder"}
        raise UserError(f"data={data.kind} needs data.path={expected.get(data.kind, 'FILE')}.")
    path = Path(data.path).expanduser()
    if data.kind == "folder" and not path.is_dir():
        raise UserError(f"data.path={path} is not a folder; give one with a folder per label in it.")
    if data.kind in ("csv", "jsonl") and not path.is_file():
        raise UserError(f"data.path={path} is not a file; give a {data.kind.upper()} file.")
    if data.kind == "parquet" and not (path.is_file() or (path.is_dir() and next(path.rglob("*.parquet"), None))):
        raise UserError(f"data.path={path} is neither a Parquet file nor a folder of them.")
    return path


def _key(data: UserData, path: Path) -> str:
    """Return 16 hex digits that change with the options and with the size or date of any file."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    stamps = [(str(p.absolute()), p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.exists()]
    options = {name: getattr(data, name) for name in KEYED[data.kind]}
    return hashlib.sha256(json.dumps([RECIPE, options, stamps], sort_keys=True).encode()).hexdigest()[:16]


def _read(data: UserData, path: Path, cache: Path) -> Iterator[Sample]:
    if isinstance(data, Folder):
        return from_folder(path)
    columns = Columns.of(data)
    match data.kind:
        case "csv":
            return from_csv(path, columns, data.delimiter)
        case "jsonl":
            return from_jsonl(path, columns)
        case "parquet":
            return from_parquet(path, columns, cache)
        case "hub":
            return from_hub(str(data.path), data.name, columns, cache)


def _write(samples: Iterable[Sample], schema: pa.Schema, source: str, path: Path) -> Counter[str]:
    """Write an Arrow file, the same text under the same label once. Returns label -> duplicates left out."""
    seen: set[bytes] = set()
    duplicates: Counter[str] = Counter()
    empty: list[str] = []
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        chunk: list[dict[str, Any]] = []
        for number, sample in enumerate(samples):
            text = sample.text.encode("utf-8", "replace").decode("utf-8")
            if not text.strip():
                empty.append(sample.where)
                continue
            key = f"{sample.split}\0{sample.label}\0".encode() + whitespace_normalised_hash(text)
            digest = hashlib.blake2b(key, digest_size=16).digest()
            if digest in seen:
                duplicates[sample.label] += 1
                continue
            seen.add(digest)
            group = sample.group or f"row {number + 1}"
            chunk.append(_record(sample, text, group, source))
            if len(chunk) == WRITE_ROWS:
                writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
                chunk = []
        if chunk:
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
    if empty:
        log.warning("%d row(s) without text left out, the first at %s", len(empty), empty[0])
    return duplicates


def _record(sample: Sample, text: str, group: str, source: str) -> dict[str, Any]:
    return {
        "id": text_id(text), "text": text, "label": sample.label, "group": group, "split": sample.split or "",
        "source": source, "license": "", "lines": text.count("\n") + 1, "path": sample.where, "image": sample.image,
    }  # fmt: skip


def _write_by_split(table: pa.Table, splits: np.ndarray, path: Path) -> None:
    """Write train, val and test one after the other, a batch in memory at a time."""
    column = table.schema.get_field_index("split")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for split in SPLITS:
            chosen = pa.array(splits == split)
            for start in range(0, table.num_rows, SORT_ROWS):
                part = table.slice(start, SORT_ROWS).filter(chosen.slice(start, SORT_ROWS))
                part = part.set_column(column, SCHEMA.field("split"), pa.array([split] * part.num_rows, pa.string()))
                if part.num_rows:
                    writer.write_table(part.combine_chunks())
