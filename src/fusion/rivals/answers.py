"""Texts -> the answers of a rival, each asked for once: they are kept in the cache by tool, version and text."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fusion.files import replacing
from fusion.rivals.rival import Answer, Rival

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # items, title, total -> the same items
SAVE_SECONDS = 30.0  # of answers that a stop may lose

SCHEMA = pa.schema(
    [
        ("key", pa.string()),  # sha256 of tool, version and text, hex
        ("labels", pa.list_(pa.dictionary(pa.int32(), pa.string()))),  # the tool's own, best first
        ("score", pa.float64()),
        ("milliseconds", pa.float64()),
    ]
)


def answers(rival: Rival, texts: Sequence[str], folder: Path, progress: Progress) -> list[Answer]:
    """Return the answers in the order of the texts; those that are not in the folder yet are asked for and put there.

    What was answered is kept whatever ends this. Raises Missing where the tool stops working.
    """
    path = folder / f"{rival.name}-{rival.version}.parquet"
    keys = [key_of(rival, text) for text in texts]
    known = _read(path)
    text_of = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    saved, size = time.monotonic(), len(known)
    try:
        for key in progress(text_of, f"{rival.name} answers", len(text_of)) if text_of else ():
            known[key] = rival.answer(text_of[key])
            if time.monotonic() - saved > SAVE_SECONDS:
                _write(path, known)
                saved, size = time.monotonic(), len(known)
    finally:
        if len(known) > size:
            _write(path, known)
    return [known[key] for key in keys]


def key_of(rival: Rival, text: str) -> str:
    """Return the sha256 of tool, version and text as 64 hex digits."""
    told = "\0".join((rival.name, rival.version, text))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, Answer]:
    """Return the answers of a file by key, none of a file that is not there or cannot be read."""
    try:
        table = pq.read_table(path).cast(SCHEMA)
    except (OSError, pa.ArrowException):
        return {}
    columns = (table[name].to_pylist() for name in SCHEMA.names)
    return {key: Answer(tuple(labels), score, ms) for key, labels, score, ms in zip(*columns, strict=True)}


def _write(path: Path, known: dict[str, Answer]) -> None:
    rows = [
        {"key": key, "labels": list(answer.labels), "score": answer.score, "milliseconds": answer.milliseconds}
        for key, answer in known.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), part, compression="zstd")
