"""The user's own CSV, JSONL, Parquet or hub data -> samples; errors name the file, line and column."""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fusion.config.data import Rows
from fusion.config.errors import UserError, did_you_mean, first_line
from fusion.files import replacing

MAX_FIELD = 1 << 28  # characters in one field of a CSV file
BATCH = 1024  # rows read at once

SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One row as the user gave it. Labels are strings and stay as they are."""

    text: str
    label: str
    group: str | None  # None: the sample is a group of its own
    split: str | None  # None: fusion splits
    image: str | None  # path of a picture
    where: str  # file:line, for messages


@dataclass(frozen=True)
class Columns:
    """The name of the column for each role; None where the data has no such column."""

    text: str
    label: str
    group: str | None
    split: str | None
    image: str | None

    @classmethod
    def of(cls, data: Rows) -> "Columns":
        """Return the columns that the options name."""
        return cls(data.text_column, data.label_column, data.group_column, data.split_column, data.image_column)

    def by_role(self) -> dict[str, str]:
        """Return role -> column, without the roles that no column has."""
        return {role: column for role, column in vars(self).items() if column is not None}

    def check(self, present: Iterable[str], where: str) -> None:
        """Raise UserError for the first column that the data does not have, or has twice."""
        names = list(present)
        for role, column in self.by_role().items():
            if column not in names:
                raise UserError(
                    f"{where}: there is no column {column!r}{did_you_mean(column, names)}; it has "
                    f"{', '.join(names) or 'none'}. Pass data.{role}_column=NAME. {self.expected()}"
                )
            if names.count(column) > 1:
                raise UserError(f"{where}: there are {names.count(column)} columns {column!r}; rename all but one.")

    def expected(self) -> str:
        """Return a sentence that names the columns, for errors."""
        return f"Expected the columns {', '.join(self.by_role().values())}."


def to_sample(fields: Mapping[str, Any], columns: Columns, where: str, folder: Path) -> Sample:
    """Record -> Sample. Raises UserError naming the column of a value that cannot be used."""
    text, label = fields[columns.text], fields[columns.label]
    if not isinstance(text, str):
        raise UserError(f"{where}:{columns.text}: {_shown(text)} is no text. {columns.expected()}")
    split = _split(fields[columns.split], f"{where}:{columns.split}") if columns.split else None
    image = fields[columns.image] if columns.image else None
    if image is not None and image != "":
        if not isinstance(image, str):
            raise UserError(f"{where}:{columns.image}: {_shown(image)} is no path of a picture.")
        image = str(folder / _storable(image, f"{where}:{columns.image}"))
        if not Path(image).is_file():
            raise UserError(f"{where}:{columns.image}: there is no file {image}; give its path from {folder}.")
    group = fields[columns.group] if columns.group else None
    return Sample(
        text.replace("\r\n", "\n").replace("\r", "\n"), _label(label, f"{where}:{columns.label}"),
        None if group is None else _storable(str(group), f"{where}:{columns.group}"), split, image or None, where,
    )  # fmt: skip


def _label(value: Any, where: str) -> str:
    """Return a label as text: whole numbers as they are written; nothing else is guessed at."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or value == "":
        raise UserError(f'{where}: {_shown(value)} is no label; expected text such as "Python".')
    return _storable(value, where)


def _storable(value: str, where: str) -> str:
    """Return the text as it is. Raises UserError for half a character, which JSON can write and no table can hold."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        told = f"{where}: {_shown(value)} holds half a character (a lone surrogate); write it anew."
        raise UserError(told) from error
    return value


def _split(value: Any, where: str) -> str:
    if str(value).strip().lower() not in SPLIT_NAMES:
        raise UserError(f"{where}: {_shown(value)} is no split; it is one of {', '.join(SPLIT_NAMES)}.")
    return SPLIT_NAMES[str(value).strip().lower()]


def _shown(value: Any) -> str:
    shown = "nothing" if value in (None, "") else repr(value)
    return shown if len(shown) < 60 else f"{shown[:57]}..."


def from_csv(path: Path, columns: Columns, delimiter: str | None) -> Iterator[Sample]:
    """CSV file with a header, in UTF-8 -> samples. Without a delimiter: a comma, or a tab if its name ends in .tsv."""
    csv.field_size_limit(MAX_FIELD)
    separator = delimiter or ("\t" if path.suffix == ".tsv" else ",")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        try:
            header = next(reader, [])
            _check_separated(header, columns, delimiter, f"{path}:1")
            columns.check(header, f"{path}:1")
            for fields in reader:
                if not fields:
                    continue
                where = f"{path}:{reader.line_num}"
                if len(fields) != len(header):
                    raise UserError(
                        f"{where}: {len(fields)} fields, expected {len(header)} ({separator.join(header)}); put a "
                        'field that holds separators, quotes or line ends in "double quotes".'
                    )
                yield to_sample(dict(zip(header, fields, strict=True)), columns, where, path.parent)
        except csv.Error as error:
            raise UserError(f"{path}:{reader.line_num}: not CSV ({error}). {columns.expected()}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path}:{reader.line_num + 1}: not UTF-8 ({error.reason}); convert the file.") from error


def _check_separated(header: list[str], columns: Columns, delimiter: str | None, where: str) -> None:
    """Raise UserError for a header that is one name because something else separates the fields."""
    other = next((mark for mark in ";\t|," if mark in header[0]), None) if len(header) == 1 else None
    if other and delimiter is None and columns.text not in header:
        typed = "\\t" if other == "\t" else other
        raise UserError(
            f"{where}: there is no column {columns.text!r}; it has {header[0]}. If {typed!r} separates the columns, "
            f"pass \"data.delimiter='{typed}'\"."
        )


def from_jsonl(path: Path, columns: Columns) -> Iterator[Sample]:
    """JSONL file in UTF-8, one object a line -> samples."""
    example = "{" + ", ".join(f'"{column}": "..."' for column in columns.by_role().values()) + "}"
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                record = json.loads(line.decode("utf-8-sig"))
            except json.JSONDecodeError as error:
                raise UserError(f"{where}:{error.colno}: not JSON ({error.msg}); expected {example}") from error
            except UnicodeDecodeError as error:
                raise UserError(f"{where}:{error.start + 1}: not UTF-8 ({error.reason}); convert the file.") from error
            except RecursionError as error:
                raise UserError(f"{where}: lists or objects too deep in one another; expected {example}") from error
            except ValueError as error:  # a number of more digits than Python reads
                raise UserError(f"{where}: not JSON that can be read ({first_line(error)}).") from error
            if not isinstance(record, dict):
                raise UserError(f"{where}:1: not a JSON object; expected {example}")
            columns.check(record, where)
            yield to_sample(record, columns, where, path.parent)


def from_parquet(path: Path, columns: Columns, cache: Path) -> Iterator[Sample]:
    """Parquet file, or a folder of them -> samples."""
    for file in sorted(path.rglob("*.parquet")) if path.is_dir() else [path]:
        try:
            reader = pq.ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{file}: not a Parquet file ({first_line(error)}).") from error
        columns.check(reader.schema_arrow.names, str(file))
        batches = reader.iter_batches(BATCH, columns=list(dict.fromkeys(columns.by_role().values())))
        yield from from_batches(_readable(batches, file), columns, str(file), file.parent, cache, {})


def _readable(batches: Iterable[pa.RecordBatch], file: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches. Raises UserError naming the file and the first row that cannot be read."""
    number, remaining = 1, iter(batches)
    while True:
        try:
            batch = next(remaining)
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"{file}:{number}: broken from about this row on ({first_line(error)}); write it anew."
            ) from error
        yield batch
        number += batch.num_rows


def from_batches(
    batches: Iterable[pa.RecordBatch], columns: Columns, where: str, folder: Path, cache: Path,
    names: Mapping[str, list[str]],
) -> Iterator[Sample]:  # fmt: skip
    """Arrow batches -> samples. `names`: column -> the labels behind its numbers."""
    number = 0
    for batch in batches:
        for record in batch.to_pylist():
            number += 1
            for column, words in names.items():
                if isinstance(record[column], int) and 0 <= record[column] < len(words):
                    record[column] = words[record[column]]
            if columns.image:
                record[columns.image] = _picture(record[columns.image], cache)
            yield to_sample(record, columns, f"{where}:{number}", folder)


def _picture(value: Any, cache: Path) -> Any:
    """Bytes of a picture, as Parquet and the hub hold them -> path of a file in the cache; a path stays as it is."""
    data = value.get("bytes") or value.get("path") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        return data
    target = cache / "images" / hashlib.sha256(data).hexdigest()
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as part:
            part.write_bytes(data)
    return str(target)


def from_hub(path: str, name: str | None, columns: Columns, cache: Path) -> Iterator[Sample]:
    """Data set of the hub, or a folder that its save_to_disk wrote -> samples, in its splits if it has several."""
    for split, part in open_hub(path, name).items():
        columns.check(part.column_names, f"{path} ({split})")
        names = {
            column: feature.names
            for column, feature in part.features.items()
            if column in columns.by_role().values() and hasattr(feature, "names")
        }
        chosen = part.select_columns(list(dict.fromkeys(columns.by_role().values()))).with_format("arrow")
        batches = (batch for table in chosen.iter(BATCH) for batch in table.to_batches())
        folder = Path(path) if Path(path).is_dir() else Path()
        for sample in from_batches(batches, columns, f"{path} ({split})", folder, cache, names):
            yield replace(sample, split=sample.split or SPLIT_NAMES.get(split.lower()))


def open_hub(path: str, name: str | None) -> dict[str, Any]:
    """Return split -> data set, for a name on the hub or a folder; '' is the split of one that has none."""
    try:
        import datasets
    except ImportError as error:
        raise UserError("data=hub needs the datasets library; run `pip install 'fusion[data]'`.") from error
    try:
        if Path(path).is_dir() and any((Path(path) / mark).is_file() for mark in ("state.json", "dataset_dict.json")):
            opened = datasets.load_from_disk(path)
        else:
            opened = datasets.load_dataset(path, name)
    except Exception as error:  # the library raises whatever its network and file layers raise
        reason = first_line(error)
        raise UserError(f"data.path={path} cannot be opened as a data set ({reason}).") from error
    splits = {str(split): part for split, part in opened.items()} if isinstance(opened, dict) else {"": opened}
    return splits if len(splits) > 1 else {"": next(iter(splits.values()))}
