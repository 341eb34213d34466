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
    """A piece of code with its label, and where it comes from."""

    text: str
    label: str
    group: str
    source: str = ""
    license: str = ""
    path: str = ""

    @property
    def id(self) -> str:
        """Return the sha256 of the text."""
        return text_id(self.text)

    @property
    def lines(self) -> int:
        """Return the number of lines, 1 for an empty text."""
        return self.text.count("\n") + 1


def key_of(*parts: object) -> int:
    """(seed, epoch, id) or the like -> 64 bits, the same in every run: what chance is keyed by."""
    words = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")


def text_id(text: str) -> str:
    """Return the sha256 of a text as 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def to_table(snippets: Iterable[Snippet], split_of: Mapping[str, str]) -> pa.Table:
    """Snippets, and the split of each group -> table, sorted by split."""
    rows = [asdict(s) | {"id": s.id, "lines": s.lines, "split": split_of[s.group]} for s in snippets]
    return sort_by_split(pa.Table.from_pylist(rows, schema=SCHEMA))


def sort_by_split(table: pa.Table) -> pa.Table:
    """Return the same rows: train, val, test, each by id. So a split is a slice, which of a memory map is free."""
    number = pc.index_in(table["split"], pa.array(SPLITS))
    keys = pa.table({"split": number, "id": table["id"], "label": table["label"]})
    return table.take(pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names]))


def select_split(table: pa.Table, split: str) -> pa.Table:
    """Return the rows of one split; of a sorted table without copying."""
    numbers = pc.index_in(table["split"], pa.array(SPLITS)).to_numpy(zero_copy_only=False)
    rows = (numbers == SPLITS.index(split)).nonzero()[0]
    if len(rows) and rows[-1] - rows[0] + 1 != len(rows):
        return table.filter(pc.equal(table["split"], split))
    return table.slice(int(rows[0]), len(rows)) if len(rows) else table.slice(0, 0)


def write_table(table: pa.Table, path: Path) -> None:
    """Write the table, complete or not at all; Parquet if the name ends so, else Arrow, which can be memory-mapped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        if path.suffix == ".parquet":
            pq.write_table(table, part, compression="zstd", row_group_size=4096)
            return
        with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            for split in SPLITS:
                writer.write_table(select_split(table, split).combine_chunks(), max_chunksize=BATCH)


def open_table(path: Path) -> pa.Table:
    """Return an Arrow file that write_table wrote, mapped into memory and not read."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


class RowReader:
    """A table read by row number. A memory map stays one: only the rows asked for are read from the disk."""

    def __init__(self, table: pa.Table):
        self.batches = table.to_batches()
        self.starts = np.cumsum([0, *(batch.num_rows for batch in self.batches)])
        self.schema = table.schema

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, numbers: Sequence[int]) -> pa.Table:
        """Row numbers -> those rows, in that order. (Table.take would first copy all batches into one.)"""
        owners = np.searchsorted(self.starts, numbers, side="right") - 1
        rows = [self.batches[b].slice(n - self.starts[b], 1) for b, n in zip(owners, numbers, strict=True)]
        return pa.Table.from_batches(rows, self.schema)


def split_hash(table: pa.Table) -> str:
    """Return the first 16 hex digits of the sha256 over (id, label, split) of every row: what a run worked with."""
    digest = hashlib.sha256()
    columns = (table[name].to_pylist() for name in ("id", "label", "split"))
    for row in sorted(zip(*columns, strict=True)):
        digest.update("\x1f".join(row).encode() + b"\n")
    return digest.hexdigest()[:16]
