"""A data set larger than any disk cache -> rows as they come: the hub, or a folder of Parquet shards, never held.

The datasets library deals shards out to ranks and workers, so no row is read twice. A stream cannot be split by
group, and its labels cannot be counted first: the data brings its splits, and data.classes names the labels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fusion.config import UserError
from fusion.snippets.rows import SPLIT_NAMES, Columns, make
from fusion.snippets.snippet import SPLITS, text_id

BUFFER = 10_000  # rows that shuffling looks at


def stream(data: Mapping[str, Any], split: str, seed: int, epoch: int | None, rank: int = 0, world: int = 1) -> Any:
    """conf/data with streaming -> an iterable of {id, text, label, group}, one rank's share of one side.

    `epoch` None keeps the order of the files; else shards and a buffer of rows are shuffled by (seed, epoch).
    It is a datasets.IterableDataset: a torch DataLoader deals its shards out to workers. Raises UserError for a
    split the data does not have.
    """
    opened = _opened(data)
    names = {SPLIT_NAMES.get(name.lower(), name): name for name in opened}
    if split not in names:
        raise UserError(
            f"data.path={data['path']} has no {split} split, it has {', '.join(opened)}; "
            "fusion does not split a stream."
        )
    rows = opened[names[split]]
    columns = Columns.of(data)
    columns.check(rows.column_names or [], f"{data['path']} ({split})")
    if world > 1:
        from datasets.distributed import split_dataset_by_node

        rows = split_dataset_by_node(rows, rank=rank, world_size=world)
    if epoch is not None:
        rows = rows.shuffle(seed=seed, buffer_size=BUFFER)
    words = {name: feature.names for name, feature in (rows.features or {}).items() if hasattr(feature, "names")}
    held = list(rows.column_names or [])
    settings = {"columns": columns, "where": f"{data['path']} ({split})", "words": words, "classes": data["classes"]}
    rows = rows.map(_row, fn_kwargs=settings, remove_columns=held)
    rows.set_epoch(epoch or 0)  # last: map starts the count anew
    return rows


def _row(
    record: dict[str, Any], columns: Columns, where: str, words: Mapping[str, list[str]], classes: list[str] | None
) -> dict[str, Any]:
    label = record[columns.label]
    if columns.label in words and isinstance(label, int):
        record = record | {columns.label: words[columns.label][label]}
    row = make(record, columns, where, Path())
    if classes is not None and row.label not in classes:
        raise UserError(f"{where}: the label {row.label!r} is not in data.classes ({', '.join(classes)}).")
    return {"id": text_id(row.text), "text": row.text, "label": row.label, "group": row.group or ""}


def classes(data: Mapping[str, Any]) -> list[str]:
    """The labels of a stream: data.classes, else the class names the data set declares, else an error."""
    if data.get("classes"):
        return sorted(data["classes"])
    for part in _opened(data).values():
        names = getattr((part.features or {}).get(data["label_column"]), "names", None)
        if names:
            return sorted(names)
    raise UserError("data.streaming=true needs data.classes=[...], the labels, for they cannot be counted first.")


def _opened(data: Mapping[str, Any]) -> dict[str, Any]:
    """split -> datasets.IterableDataset. Parquet shards lie in DIR/<split>/ or are named <split>-*.parquet."""
    try:
        import datasets
    except ImportError as error:
        raise UserError("data.streaming needs the datasets library; run `pip install 'fusion[data]'`.") from error
    path = str(data["path"])
    if data["kind"] == "parquet":
        files = _shards(Path(path).expanduser())
        return dict(datasets.load_dataset("parquet", data_files=files, streaming=True))
    try:
        return dict(datasets.load_dataset(path, data.get("name"), streaming=True))
    except Exception as error:  # the library raises whatever its network and file layers raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"data.path={path} cannot be opened as a stream ({reason}).") from error


def _shards(folder: Path) -> dict[str, list[str]]:
    """Folder -> split -> its Parquet files."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        word = path.parent.name if path.parent != folder else path.name.split("-")[0].removesuffix(".parquet")
        if split := SPLIT_NAMES.get(word.lower()):
            found.setdefault(split, []).append(str(path))
    if not found:
        raise UserError(
            f"data.path={folder} holds no Parquet shards; expected {folder}/<split>/*.parquet or "
            f"{folder}/<split>-*.parquet, with a split of {', '.join(SPLITS)}."
        )
    return found


def batches(rows: Any, size: int) -> Iterator[dict[str, list[Any]]]:
    """A stream -> {"id": [size], "text": [size], "label": [size], "group": [size]}; the last may be shorter."""
    yield from rows.iter(size)
