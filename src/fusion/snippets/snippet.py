"""Snippet, and the table of them: one Arrow file, one row a snippet, read by memory map."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.files import replacing

SPLITS = ("train", "val", "test")
BATCH = 1 << 19  # rows; strings of one batch may hold 2 GB

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # sha256 of the text, hex
        ("text", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),  # the project; never on two sides of a split
        ("split", pa.string()),
        ("source", pa.string()),  # registry, or the file or folder it was read from
        ("license", pa.string()),
        ("lines", pa.int32()),
        ("path", pa.string()),  # inside the package or folder
    ]
)
IMAGE = pa.field("image", pa.string())  # optional: a picture of the user's own, as a path


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
        return text_id(self.text)

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1


def text_id(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def to_table(snippets: Iterable[Snippet], split_of: Mapping[str, str]) -> pa.Table:
    """Snippets and group -> split, as a table in order."""
    rows = [asdict(s) | {"id": s.id, "lines": s.lines, "split": split_of[s.group]} for s in snippets]
    return in_order(pa.Table.from_pylist(rows, schema=SCHEMA))


def in_order(table: pa.Table) -> pa.Table:
    """The same rows: train, val, test, each by id. So a side is a slice, and a slice of a memory map is free."""
    side = pc.index_in(table["split"], pa.array(SPLITS))
    sorted_by = pa.table({"side": side, "id": table["id"], "label": table["label"]})
    return table.take(pc.sort_indices(sorted_by, [(name, "ascending") for name in sorted_by.column_names]))


def side(table: pa.Table, split: str) -> pa.Table:
    """A table in order -> one side of its split, without copying."""
    sides = pc.index_in(table["split"], pa.array(SPLITS)).to_numpy(zero_copy_only=False)
    rows = (sides == SPLITS.index(split)).nonzero()[0]
    if len(rows) and rows[-1] - rows[0] + 1 != len(rows):
        return table.filter(pc.equal(table["split"], split))
    return table.slice(int(rows[0]), len(rows)) if len(rows) else table.slice(0, 0)


def write_table(table: pa.Table, path: Path) -> None:
    """Complete or not there at all; Parquet if the name ends so, else Arrow, which can be memory-mapped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        if path.suffix == ".parquet":
            pq.write_table(table, part, compression="zstd", row_group_size=4096)
            return
        with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            for split in SPLITS:
                writer.write_table(side(table, split).combine_chunks(), max_chunksize=BATCH)


def open_table(path: Path) -> pa.Table:
    """An Arrow file written by write_table, mapped into memory and not read."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


class RowReader:
    """A table by row number. A memory map stays one: only the rows asked for are read from the disk."""

    def __init__(self, table: pa.Table):
        self.batches = table.to_batches()
        self.starts = np.cumsum([0, *(batch.num_rows for batch in self.batches)])
        self.schema = table.schema

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, numbers: Sequence[int]) -> pa.Table:
        """Row numbers -> those rows, in that order. (Table.take would first copy all batches into one.)"""
        which = np.searchsorted(self.starts, numbers, side="right") - 1
        rows = [self.batches[b].slice(n - self.starts[b], 1) for b, n in zip(which, numbers, strict=True)]
        return pa.Table.from_batches(rows, self.schema)


def split_hash(table: pa.Table) -> str:
    """What was learnt from and judged on: sha256 over (id, label, split) of every row, first 16 hex."""
    digest = hashlib.sha256()
    columns = (table[name].to_pylist() for name in ("id", "label", "split"))
    for row in sorted(zip(*columns, strict=True)):
        digest.update("\x1f".join(row).encode() + b"\n")
    return digest.hexdigest()[:16]
