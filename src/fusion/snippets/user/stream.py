"""A data set too large to copy -> rows as they come: the hub, or a folder of Parquet shards, `data.streaming=true`.

The first `data.scan` rows are looked through once: they give the labels, what a tokenizer learns from,
and the validation and test rows, which are held in a table like any other. Training then reads the
stream, shuffled by (seed, epoch), shared out over ranks and workers by the datasets library.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fusion.config.data import Rows
from fusion.config.errors import UserError, first_line
from fusion.config.paths import usable
from fusion.snippets.snippet import IMAGE, SCHEMA, SPLITS, text_id
from fusion.snippets.split import check_sides
from fusion.snippets.user.readers import SPLIT_NAMES, Columns, Row, make

BUFFER = 10_000  # rows that are shuffled among each other
SHARES = (0.70, 0.85)  # of the groups: train below the first, val below the second, test above


@dataclass(frozen=True)
class Stream:
    """The training rows of a streamed data set, and the table of what is held of it."""

    data: Rows
    parts: dict[str, Any]  # split as it is called there -> datasets.IterableDataset
    cache: Path
    table: pa.Table  # SCHEMA: a sample of train, and the val and test rows
    classes: frozenset[str]

    def rows(self, seed: int, epoch: int, rank: int, world: int) -> Iterator[dict[str, Any]]:
        """Training rows of one rank out of `world`; the same for the same seed and epoch.

        Among the workers of a torch DataLoader the library shares the shards out by itself.
        Raises UserError for a label that the first rows did not have.
        """
        from datasets.distributed import split_dataset_by_node

        most = self.data.limit
        for name, found in self.parts.items():
            if SPLIT_NAMES.get(name, "train") != "train":
                continue
            if most:
                found = found.take(most)
            key = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
            shuffled = found.shuffle(seed=key, buffer_size=BUFFER)
            mine = split_dataset_by_node(shuffled, rank=rank, world_size=world)
            for row in _parsed(mine, name, self.data, self.cache):
                if _side(row, name, self.parts, self.data.seed) != "train":
                    continue
                if row.label not in self.classes:
                    scan = self.data.scan
                    raise UserError(
                        f"{row.where}: the label {row.label!r} is not among the first {scan} rows; raise data.scan."
                    )
                yield {"id": text_id(row.text), "text": row.text, "label": row.label, "image": row.image}


def open_stream(data: Rows, cache: Path) -> Stream:
    """conf/data with streaming=true -> Stream. Raises UserError for what cannot be opened or has no sides."""
    if data.kind not in ("parquet", "hub"):
        raise UserError(f"data={data.kind} cannot be streamed; data=parquet and data=hub can.")
    cache = usable(cache)
    parts = _opened(data)
    most = max(1, data.scan // len(parts)) if data.scan else None
    held: list[dict[str, Any]] = []
    for name, found in parts.items():
        for count, row in enumerate(_parsed(found, name, data, cache)):
            if most is not None and count >= most:
                break
            held.append(_record(row, _side(row, name, parts, data.seed)))
    table = _table(held, data)
    sides = Counter(table["split"].to_pylist())
    if missing := [side for side in SPLITS if not sides[side]]:
        raise UserError(
            f"The first {data.scan} rows of data.path={data.path} have no {' and no '.join(missing)} side; "
            "raise data.scan, or name a data.split_column."
        )
    check_sides(table["label"].to_pylist(), table["split"].to_pylist())
    return Stream(data, parts, cache, table, frozenset(table["label"].to_pylist()))


def _opened(data: Rows) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise UserError("data.streaming=true needs the datasets library; run `pip install 'fusion[data]'`.") from error
    if not data.path:
        raise UserError(f"data={data.kind} needs data.path=FOLDER_OR_NAME.")
    path = str(Path(data.path).expanduser())
    try:
        opened = datasets.load_dataset(path, data.name, streaming=True)
    except Exception as error:  # the library raises whatever its network and file layers raise
        reason = first_line(error)
        raise UserError(f"data.path={path} cannot be opened as a stream ({reason}).") from error
    return {str(name): part for name, part in opened.items()}


def _parsed(found: Any, name: str, data: Rows, cache: Path) -> Iterator[Row]:
    """Records -> rows with text; those without are passed over."""
    columns, where = Columns.of(data), f"{data.path} ({name})"
    folder = Path(str(data.path)) if Path(str(data.path)).is_dir() else Path()
    wanted = list(dict.fromkeys(columns.named().values()))
    words = {column: feature.names for column, feature in (found.features or {}).items() if hasattr(feature, "names")}
    for number, record in enumerate(found, 1):
        if number == 1:
            columns.check(record, where)
        fields = {column: record[column] for column in wanted}
        for column in words.keys() & fields.keys():
            fields[column] = words[column][fields[column]] if isinstance(fields[column], int) else fields[column]
        row = make(fields, columns, f"{where}:{number}", folder)
        if row.text.strip():
            yield row


def _side(row: Row, name: str, parts: dict[str, Any], seed: int) -> str:
    """As the row or the data set says; else by its group's hash, so that no other row need be known."""
    if row.split:
        return row.split
    if len(parts) > 1:
        return SPLIT_NAMES.get(name, "train")
    digest = hashlib.sha256(f"{seed}\0{row.group or text_id(row.text)}".encode("utf-8", "replace")).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[sum(share >= edge for edge in SHARES)]


def _record(row: Row, side: str) -> dict[str, Any]:
    identity = text_id(row.text)
    return {
        "id": identity, "text": row.text, "label": row.label, "group": row.group or identity, "split": side,
        "source": "", "license": "", "lines": row.text.count("\n") + 1, "path": row.where, "image": row.image,
    }  # fmt: skip


def _table(held: list[dict[str, Any]], data: Rows) -> pa.Table:
    schema = SCHEMA.append(IMAGE) if data.image_column else SCHEMA
    return pa.Table.from_pylist(sorted(held, key=lambda row: (SPLITS.index(row["split"]), row["id"])), schema=schema)
