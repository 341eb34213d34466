"""predictions.parquet of runs -> which test snippets each was asked about and what it answered, small and paired.

A thousand runs on the same snippets share one EvalRows, so that each holds two bytes a snippet and no more.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.results.statistics import softmax

COLUMNS = ("split", "id", "label", "predicted", "group", "lines")  # read of predictions.parquet
KEY = ("id", "label", "group", "lines")  # what makes two test sides the same


@dataclass(frozen=True, eq=False)
class EvalRows:
    """The snippets of a test side, ordered by id and label."""

    id: pa.Array  # (N,) string
    label: np.ndarray  # (N,) int16, numbers into labels
    labels: tuple[str, ...]  # the classes of the runs, then any other that is true or answered
    project: np.ndarray  # (N,) int32, numbers into projects
    projects: tuple[str, ...]
    lines: np.ndarray  # (N,) int32

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, eq=False)
class Answers:
    """What one run answered to test snippets."""

    rows: EvalRows
    predicted: np.ndarray  # (N,) int16, numbers into rows.labels

    @property
    def correct(self) -> np.ndarray:
        """Return which answers are right, (N,) bool."""
        return self.predicted == self.rows.label


class AnswerReader:
    """Reads the answers of run folders, each file once; the snippets of equal test sides are kept once."""

    def __init__(self) -> None:
        self._rows: dict[tuple[bytes, tuple[str, ...]], EvalRows] = {}

    def read(self, folder: Path, run: Mapping[str, Any]) -> Answers | None:
        """Return what a run answered on its test side; None where no predictions can be read."""
        table = read_split(folder, "test", COLUMNS)
        if table is None or not table.num_rows or any(column.null_count for column in table.columns):
            return None
        try:
            return self._answers(_ordered(table).combine_chunks(), run.get("classes") or ())
        except (ValueError, TypeError, pa.ArrowException):  # of other types than a run writes
            return None

    def _answers(self, table: pa.Table, classes: Any) -> Answers:
        known = dict.fromkeys(classes)
        for name in ("label", "predicted"):
            known |= dict.fromkeys(sorted(set(pc.unique(table[name]).to_pylist()) - known.keys()))
        labels = tuple(known)
        key = (_digest(table), labels)
        if (rows := self._rows.get(key)) is None:
            projects = tuple(sorted(pc.unique(table["group"]).to_pylist()))  # so the same draws as elsewhere
            rows = EvalRows(
                table["id"].chunk(0), _numbers(table["label"], labels), labels,
                _numbers(table["group"], projects).astype(np.int32), projects,
                table["lines"].to_numpy().astype(np.int32),
            )  # fmt: skip
            self._rows[key] = rows
        return Answers(rows, _numbers(table["predicted"], labels))


def read_split(folder: Path, split: str, columns: Sequence[str]) -> pa.Table | None:
    """Return columns of predictions.parquet, `split` among them, for one split; None where they cannot be read."""
    try:
        table = pq.read_table(folder / "predictions.parquet", columns=[*columns], use_threads=False)
        return table.filter(pc.equal(table["split"], split))
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None


def logits_of(table: pa.Table) -> np.ndarray:
    """Return the logits of predictions, (N, C). Raises ValueError where rows have different numbers of them."""
    return table["logits"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)


def _ordered(table: pa.Table) -> pa.Table:
    """Return predictions in the order of EvalRows."""
    return table.sort_by([("id", "ascending"), ("label", "ascending")])


def _numbers(column: pa.ChunkedArray, words: tuple[str, ...]) -> np.ndarray:
    """Words (N,) -> their numbers into `words`, (N,) int16, or int32 where there are many."""
    found = pc.index_in(column, pa.array(words, column.type)).to_numpy()
    return found.astype(np.int16 if len(words) < 1 << 15 else np.int32)


def _digest(table: pa.Table) -> bytes:
    """Return what two tables have in common that are of the same snippets, whatever was answered."""
    digest = hashlib.blake2b(digest_size=16)
    for name in KEY:
        for buffer in pa.concat_arrays(table[name].chunks).buffers():  # of its own rows alone, none left over
            digest.update(buffer or b"-")
    return digest.digest()


def read_probabilities(folder: Path, run: Mapping[str, Any]) -> np.ndarray | None:
    """Return the probabilities of a run's test snippets, (N, C) in the order of EvalRows, by its temperature.

    None where they cannot be read.
    """
    table = read_split(folder, "test", ("split", "id", "label", "logits"))
    if table is None:
        return None
    try:
        logits = logits_of(_ordered(table))
    except (ValueError, TypeError, pa.ArrowException):
        return None
    temperature = run.get("temperature")
    return softmax(logits / (temperature if isinstance(temperature, (int, float)) and temperature > 0 else 1.0))
