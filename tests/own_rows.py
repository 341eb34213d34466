"""Rows of a user's own, with hostile labels, written as each kind of file."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusion.config.data import DataOptions, load_data_options

LABELS = ["NA", "null", "01", "1", "[/]", "=cmd()", "None", "<script>", "../x", "c", "C", " C", "a\tb"]


def conf(kind: str, path: object, **options: object) -> DataOptions:
    """Return conf/data/KIND.yaml with a path, and other options changed."""
    return load_data_options(kind, path=str(path), **options)


def rows(labels=LABELS, each: int = 4) -> list[dict[str, str]]:
    """Texts that resemble each other in nothing."""
    return [
        {"text": "\n".join(f"{chr(97 + (i * 7 + n) % 26) * 4}_{label}_{n}_{i} {n}" for i in range(6)), "label": label}
        for number, label in enumerate(labels)
        for n in range(number * each, number * each + each)
    ]  # fmt: skip


def write(kind: str, path: Path, records: list[dict]) -> Path:
    path = path / f"data.{kind}"
    if kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        datasets = pytest.importorskip("datasets")
        datasets.Dataset.from_list(records).save_to_disk(str(path))
    return path
