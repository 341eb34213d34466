"""What fusion ocr reads in each picture of a run, read once and kept: texts, and how well each was read.

CACHE/readings/<16 hex>.parquet holds the readings of one split in one style. Its name says what they depend on: the
reader's weights, the pictures, the rows. A picture takes tens of milliseconds of a core, so all cores read.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from fusion.collate import ReadingStore, RowKey, Style
from fusion.config.paths import cache_dir
from fusion.config.schema import Config
from fusion.console import progress
from fusion.datamodule import SnippetDataModule
from fusion.files import replacing
from fusion.reading.reader import read_picture
from fusion.reading.word_colours import with_colours
from fusion.results.record import Record
from fusion.training.feature_cache import evaluated_styles, rows_hash, states_of_own_pictures
from fusion.weights import shipped_weights

log = logging.getLogger(__name__)

RECIPE = 1  # raised when the same picture gives another text, with the same weights
FEW = 64  # pictures that are read in this process

Readings = tuple[list[str], list[str], np.ndarray]  # texts, the same with coloured words marked, quality (N, 4)


def use_readings(config: Config, datamodule: SnippetDataModule, record: Record) -> None:
    """Give the data module what is read in all of its pictures, if that is a modality of the run."""
    if not config.fusion.read:
        return
    clock, store, now, total = time.monotonic(), ReadingStore(), 0, 0
    weights = shipped_weights("reader")[1]["sha256"]
    own = states_of_own_pictures(datamodule)
    styles = evaluated_styles(config, datamodule)
    for split, of_split in ({"train": [*range(datamodule.num_styles or 1)]} | styles).items():
        for style in of_split if len(datamodule.splits[split]) else ():
            renderer = datamodule.drawn_by(style)
            rows = datamodule.drawn_keys(split)
            facts = [RECIPE, weights, renderer.fingerprint, str(style), own, rows_hash(rows)]
            name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
            path = cache_dir() / "readings" / f"{name}.parquet"
            found = _load(path, rows)
            if found is None:
                found = _read(datamodule, split, style, len(rows))
                _save(path, rows, *found)
                now += len(rows)
            total += len(rows)
            store.add(style, rows, *found)
    seconds = round(time.monotonic() - clock, 1)
    log.info("read %d pictures, %d of them now, in %.0f s", total, now, seconds)
    record.update(readings={"pictures": total, "read": now, "seconds": seconds})
    record.content["timings"]["reading_seconds"] = seconds
    datamodule.use(readings=store, has_colours=config.fusion.colours > 0)


def read_pictures(pictures: Sequence[np.ndarray]) -> Readings:
    """Pictures, each (H, W, 3) uint8 -> the text in each, also with its coloured words marked, and quality (N, 4)."""
    seen = [(read_picture(picture), picture) for picture in pictures]
    coloured = [with_colours(transcript, picture) for transcript, picture in seen]
    return [each.text for each, _ in seen], coloured, np.stack([each.quality for each, _ in seen])


def _read(datamodule: SnippetDataModule, split: str, style: Style, count: int) -> Readings:
    workers = (os.cpu_count() or 1) if count > FEW else 0
    threads = torch.get_num_threads()
    if not workers:
        torch.set_num_threads(1)  # as in a worker: sums of floats, and so the text, are the same
    try:
        _, batches = datamodule.read(split, style, read_pictures, workers)
        parts = [*progress(batches, f"reading pictures ({split})", len(batches))]
    finally:
        torch.set_num_threads(threads)
    texts, coloured, quality = zip(*parts, strict=True)
    return (
        [text for part in texts for text in part],
        [text for part in coloured for text in part],
        np.concatenate(quality),
    )


def _save(path: Path, rows: Sequence[RowKey], texts: list[str], coloured: list[str], quality: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"text": texts, "coloured": coloured, "quality": [*quality]}
    table = pa.table(columns, metadata={"rows": rows_hash(rows)})
    with replacing(path) as part:
        pq.write_table(table, part)


def _load(path: Path, rows: Sequence[RowKey]) -> Readings | None:
    """Return the readings in a file, None where it is not there, not whole or not of these very rows."""
    if not path.is_file():
        return None
    try:
        table: Any = pq.read_table(path)
        if table.schema.metadata[b"rows"].decode() != rows_hash(rows) or table.num_rows != len(rows):
            raise ValueError("it is of other rows")
        quality = np.array(table["quality"].to_pylist(), np.float32).reshape(len(rows), -1)
        return table["text"].to_pylist(), table["coloured"].to_pylist(), quality
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        log.warning("%s is damaged (%s); its pictures are read anew", path, error)
        return None
