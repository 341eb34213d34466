"""A table -> the token classes of all its texts, lexed once and kept in the cache under the table's hash.

There is one uint8 a character. Only the policies that need a real lexer, a tenth of a second for a long text, are
kept; `none` and `neutral` are computed in less time than a disk takes.
"""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pygments

from fusion.files import replacing
from fusion.screenshots.lexing import token_classes

LEXING = 1  # raised when a policy colours differently than before
KEPT = ("guessed", "true")
_FIELDS = pa.schema([("id", pa.string()), ("label", pa.string()), ("classes", pa.binary())])

Part = tuple[list[str], list[str], list[str]]  # ids, texts and labels of some rows
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


class TokenCache(Mapping[tuple[str, str | None], np.ndarray]):
    """Maps (id, label under `true`, else None) to (characters,) uint8, read by memory map."""

    def __init__(self, path: Path):
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        self._classes = table["classes"]
        labels = (label or None for label in table["label"].to_pylist())
        self._rows = {slot: row for row, slot in enumerate(zip(table["id"].to_pylist(), labels, strict=True))}

    def __getitem__(self, slot: tuple[str, str | None]) -> np.ndarray:
        return np.frombuffer(self._classes[self._rows[slot]].as_buffer(), np.uint8)

    def __iter__(self) -> Iterator[tuple[str, str | None]]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def lex(parts: list[Part], policy: str, key: str, cache: Path, progress: Progress, workers: int) -> TokenCache:
    """Return the classes of a table's rows under `policy`, one of KEPT; `key` is the table's hash.

    Raises UserError, under `true`, for a label that no lexer is known for.
    """
    facts = hashlib.sha256(repr((LEXING, policy, key, pygments.__version__)).encode()).hexdigest()[:16]
    path = cache / "classes" / f"{policy}-{facts}.arrow"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of torch, half of them
        with (
            replacing(path) as part,
            pa.ipc.new_file(str(part), _FIELDS) as out,
            ProcessPoolExecutor(workers, mp_context=context) as pool,
        ):
            batches = pool.map(_lex_part, parts, [policy] * len(parts))
            for batch in progress(batches, f"lexing ({policy})", len(parts)):
                out.write_batch(pa.RecordBatch.from_pydict(batch, schema=_FIELDS))
    return TokenCache(path)


def _lex_part(part: Part, policy: str) -> dict[str, list[Any]]:
    """Return a part's rows as the columns of the cached table."""
    ids, texts, labels = part
    classes = [token_classes(text, policy, 0, label).tobytes() for text, label in zip(texts, labels, strict=True)]
    return {"id": ids, "label": labels if policy == "true" else [""] * len(ids), "classes": classes}
