"""A data set too large to copy -> rows as they come: the hub, or a folder of Parquet shards, `data.streaming=true`.

The first `data.scan` rows are read once: they give the labels, what a tokenizer learns from, and the validation and
test rows, which are kept in a table like any other. Training then reads the stream, shuffled by (seed, epoch) and
shared out over ranks and workers by the datasets library.
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
from fusion.snippets.split import check_splits
from fusion.snippets.user.readers import SPLIT_NAMES, Columns, Sample, to_sample

BUFFER = 10_000  # rows that are shuffled among each other
SPLIT_EDGES = (0.70, 0.85)  # share of the groups: train below the first, val below the second, test above


@dataclass(frozen=True)
class Stream:
    """The training rows of a streamed data set, and the table of what was taken from its first rows."""

    data: Rows
    parts: dict[str, Any]  # split as it is called there -> datasets.IterableDataset
    table: pa.Table  # SCHEMA: a sample of train, and the val and test rows
    classes: frozenset[str]

    def rows(self, seed: int, epoch: int, rank: int, world: int) -> Iterator[dict[str, Any]]:
        """Yield the training rows of one rank out of `world`; the same for the same seed and epoch.

        Among the workers of a torch DataLoader the library shares the shards out by itself.
        Raises UserError for a label that the first rows did not have.
        """
        from datasets.distributed import split_dataset_by_node

        for name, part in self.parts.items():
            if SPLIT_NAMES.get(name, "train") != "train":
                continue
            if self.data.limit:
                part = part.take(self.data.limit)
            key = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
            shuffled = part.shuffle(seed=key, buffer_size=BUFFER)
            mine = split_dataset_by_node(shuffled, rank=rank, world_size=world)
            for sample in _samples(mine, name, self.data):
                if _split(sample, name, self.parts, self.data.seed) != "train":
                    continue
                if sample.label not in self.classes:
                    raise UserError(f"{sample.where}: the label {sample.label!r} is not among the first "
                                    f"{self.data.scan} rows; raise data.scan.")  # fmt: skip
                yield {
                    "id": text_id(sample.text), "text": sample.text, "label": sample.label, "image": sample.image,
                }  # fmt: skip


def open_stream(data: Rows, cache: Path) -> Stream:
    """Open a data set with streaming=true. Raises UserError for one that cannot be opened or lacks a split."""
    if data.kind not in ("parquet", "hub"):
        raise UserError(f"data={data.kind} cannot be streamed; data=parquet and data=hub can.")
    usable(cache)
    parts = _open(data)
    most = max(1, data.scan // len(parts)) if data.scan else None
    records: list[dict[str, Any]] = []
    for name, part in parts.items():
        for count, sample in enumerate(_samples(part, name, data)):
            if most is not None and count >= most:
                break
            records.append(_record(sample, _split(sample, name, parts, data.seed)))
    table = _table(records, data)
    sizes = Counter(table["split"].to_pylist())
    if missing := [split for split in SPLITS if not sizes[split]]:
        raise UserError(
            f"The first {data.scan} rows of data.path={data.path} have no {' and no '.join(missing)} split; "
            "raise data.scan, or name a data.split_column."
        )
    check_splits(table["label"].to_pylist(), table["split"].to_pylist())
    return Stream(data, parts, table, frozenset(table["label"].to_pylist()))


def _open(data: Rows) -> dict[str, Any]:
    """Return split -> datasets.IterableDataset."""
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


def _samples(part: Any, name: str, data: Rows) -> Iterator[Sample]:
    """Records -> samples; those without text are passed over."""
    columns, where = Columns.of(data), f"{data.path} ({name})"
    folder = Path(str(data.path)) if Path(str(data.path)).is_dir() else Path()
    wanted = list(dict.fromkeys(columns.by_role().values()))
    words = {column: feature.names for column, feature in (part.features or {}).items() if hasattr(feature, "names")}
    for number, record in enumerate(part, 1):
        if number == 1:
            columns.check(record, where)
        fields = {column: record[column] for column in wanted}
        for column in words.keys() & fields.keys():
            fields[column] = words[column][fields[column]] if isinstance(fields[column], int) else fields[column]
        sample = to_sample(fields, columns, f"{where}:{number}", folder)
        if sample.text.strip():
            yield sample


def _split(sample: Sample, name: str, parts: dict[str, Any], seed: int) -> str:
    """Return the split that the row or the data set names; else one by its group's hash, which needs no other row."""
    if sample.split:
        return sample.split
    if len(parts) > 1:
        return SPLIT_NAMES.get(name, "train")
    group = sample.group or text_id(sample.text)
    digest = hashlib.sha256(f"{seed}\0{group}".encode("utf-8", "replace")).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[sum(share >= edge for edge in SPLIT_EDGES)]


def _record(sample: Sample, split: str) -> dict[str, Any]:
    identity = text_id(sample.text)
    return {
        "id": identity, "text": sample.text, "label": sample.label, "group": sample.group or identity, "split": split,
        "source": "", "license": "", "lines": sample.text.count("\n") + 1, "path": sample.where,
        "image": sample.image,
    }  # fmt: skip


def _table(records: list[dict[str, Any]], data: Rows) -> pa.Table:
    schema = SCHEMA.append(IMAGE) if data.image_column else SCHEMA
    return pa.Table.from_pylist(sorted(records, key=lambda row: (SPLITS.index(row["split"]), row["id"])), schema=schema)
