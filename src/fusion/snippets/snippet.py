"""Snippet, and the table of them: one Parquet file, one row a snippet."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SPLITS = ("train", "val", "test")

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # sha256 of the text, hex
        ("text", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),  # the project; never on two sides of a split
        ("split", pa.string()),
        ("source", pa.string()),  # registry, or the folder it was read from
        ("license", pa.string()),
        ("lines", pa.int32()),
        ("path", pa.string()),  # inside the package or folder
    ]
)


@dataclass(frozen=True)
class Snippet:
    text: str
    label: str
    group: str
    source: str = ""
    license: str = ""
    path: str = ""

    @property
    def id(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1


def to_table(snippets: Iterable[Snippet], split_of: dict[str, str]) -> pa.Table:
    """Snippets and group -> split, as a table sorted by id."""
    rows = [asdict(s) | {"id": s.id, "lines": s.lines, "split": split_of[s.group]} for s in snippets]
    rows.sort(key=lambda row: (row["id"], row["label"]))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def write_table(table: pa.Table, path: Path) -> None:
    """Complete or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, part, compression="zstd", row_group_size=4096)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def split_hash(table: pa.Table) -> str:
    """What was learnt from and judged on: sha256 over (id, label, split) of every row, first 16 hex."""
    digest = hashlib.sha256()
    columns = (table[name].to_pylist() for name in ("id", "label", "split"))
    for row in sorted(zip(*columns, strict=True)):
        digest.update("\x1f".join(row).encode() + b"\n")
    return digest.hexdigest()[:16]
