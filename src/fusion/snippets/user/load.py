"""The user's own data -> the snippet table: streamed to the cache, split by group or stratified."""

import hashlib
import json
import logging
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fusion.config.data import Folder, Rows
from fusion.config.errors import UserError
from fusion.files import replacing
from fusion.snippets.corpus.build import Progress
from fusion.snippets.corpus.extract import plain_hash
from fusion.snippets.dedup import components, near_pairs, signatures
from fusion.snippets.snippet import IMAGE, SCHEMA, SPLITS, open_table, split_hash, text_id
from fusion.snippets.split import SHARES, check_sides, split_groups
from fusion.snippets.user.folder import from_folder, shown
from fusion.snippets.user.readers import Columns, Row, from_csv, from_hub, from_jsonl, from_parquet

log = logging.getLogger(__name__)

RECIPE = 2  # raised when reading or splitting changes
MIN_GROUPS = 3  # one for each side of the split
CHUNK = 4096  # rows written at once
STRETCH = 1 << 16  # rows looked at at once when they are put in order
MOST_COMPARED = 300_000  # rows; near-duplicates of more are not looked for

UserData = Folder | Rows
_COLUMNS = ("text_column", "label_column", "group_column", "split_column", "image_column")
KEYED = {  # the options that a table is named by, so that one built before is found again
    "folder": ("kind", "path", "seed"),
    "csv": ("kind", "path", "seed", *_COLUMNS, "delimiter"),
    "jsonl": ("kind", "path", "seed", *_COLUMNS),
    "parquet": ("kind", "path", "seed", *_COLUMNS, "streaming", "scan"),
    "hub": ("kind", "path", "seed", *_COLUMNS, "streaming", "scan", "name"),
}


def load_user_data(data: UserData, cache: Path, progress: Progress) -> pa.Table:
    """conf/data of kind folder, csv, jsonl, parquet or hub -> table with the columns of SCHEMA (and image), mapped.

    Raises UserError naming file, line and column of what does not fit.
    """
    path = _existing(data)
    target = cache / "snippets" / f"own-{_key(data, path)}.arrow"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".own-", dir=target.parent) as folder:  # another process has another
            unsplit = Path(folder) / "unsplit.arrow"
            rows = progress(_rows(data, path, cache), f"reading {data.path}", 0)
            schema = SCHEMA.append(IMAGE) if isinstance(data, Rows) and data.image_column else SCHEMA
            copies = _write(rows, schema, shown(str(data.path)), unsplit)
            table = open_table(unsplit)
            if not table.num_rows:
                raise UserError(f"data.path={data.path} holds no text. {_form(data)}")
            splits = _splits(table, data, copies)
            with replacing(target) as part:
                _write_in_order(table, splits, part)
    table = open_table(target)
    log.info("%d snippets of %s (%s)", table.num_rows, data.path, split_hash(table))
    return table


def _form(data: UserData) -> str:
    return Columns.of(data).expected() if isinstance(data, Rows) else "Expected DIR/<label>/<file>."


def _existing(data: UserData) -> Path:
    kind = data.kind
    if not data.path:
        what = {"folder": "DIR, a folder with one folder per label", "hub": "NAME of a data set, or a folder"}
        raise UserError(f"data={kind} needs data.path={what.get(kind, 'FILE')}.")
    path = Path(data.path).expanduser()
    if kind == "folder" and not path.is_dir():
        raise UserError(f"data.path={path} is not a folder; give one with a folder per label in it.")
    if kind in ("csv", "jsonl") and not path.is_file():
        raise UserError(f"data.path={path} is not a file; give a {kind.upper()} file.")
    if kind == "parquet" and not (path.is_file() or (path.is_dir() and next(path.rglob("*.parquet"), None))):
        raise UserError(f"data.path={path} is neither a Parquet file nor a folder of them.")
    return path


def _key(data: UserData, path: Path) -> str:
    """Changes with the options and with the size or date of any file read."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    stamps = [(str(p.absolute()), p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.exists()]
    options = {name: getattr(data, name) for name in KEYED[data.kind]}
    return hashlib.sha256(json.dumps([RECIPE, options, stamps], sort_keys=True).encode()).hexdigest()[:16]


def _rows(data: UserData, path: Path, cache: Path) -> Iterator[Row]:
    if isinstance(data, Folder):
        return from_folder(path)
    columns = Columns.of(data)
    match data.kind:
        case "csv":
            return from_csv(path, columns, data.delimiter)
        case "jsonl":
            return from_jsonl(path, columns)
        case "parquet":
            return from_parquet(path, columns, cache)
        case "hub":
            return from_hub(str(data.path), data.name, columns, cache)


def _write(rows: Iterable[Row], schema: pa.Schema, source: str, path: Path) -> Counter[str]:
    """Rows -> an Arrow file, CHUNK rows at a time; the same text under the same label once. Returns label -> copies."""
    seen: set[bytes] = set()
    copies: Counter[str] = Counter()
    empty: list[str] = []
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        chunk: list[dict[str, Any]] = []
        for number, row in enumerate(rows):
            text = row.text.encode("utf-8", "replace").decode("utf-8")
            if not text.strip():
                empty.append(row.where)
                continue
            mark = hashlib.blake2b(f"{row.split}\0{row.label}\0".encode() + plain_hash(text), digest_size=16).digest()
            if mark in seen:
                copies[row.label] += 1
                continue
            seen.add(mark)
            chunk.append({
                "id": text_id(text), "text": text, "label": row.label, "group": row.group or f"row {number + 1}",
                "split": row.split or "", "source": source, "license": "", "lines": text.count("\n") + 1,
                "path": row.where, "image": row.image,
            })  # fmt: skip
            if len(chunk) == CHUNK:
                writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
                chunk = []
        if chunk:
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
    if empty:
        log.warning("%d row(s) without text left out, the first at %s", len(empty), empty[0])
    return copies


def _splits(table: pa.Table, data: UserData, copies: Counter[str]) -> np.ndarray:
    """(N,) of SPLITS, '' for rows left out: as the data says, else whole groups, every label alike."""
    labels, given = table["label"].to_pylist(), np.array(table["split"].to_pylist(), object)
    groups = _joined(table)
    kept = _without_clashes(table, labels)
    if (given == "").any() and (given != "").any():
        row = int(np.flatnonzero(given == "")[0])
        raise UserError(f"{table['path'][row].as_py()}: it has no split, others do; give every row one, or none.")
    if (given != "").all():
        completed = _completed(np.where(kept, given, ""), groups, labels, data.seed)
        check_sides(labels, completed.tolist())
        return completed
    own = table["group"].to_pylist()
    alone = _thin(_counted(own, labels, kept))
    if _thin(_counted(groups, labels, kept)) and not alone:
        log.warning("near-duplicates are most of a label, so they may lie on two sides: its figures will flatter")
        groups = own
    counts = _counted(groups, labels, kept)
    if len({label for held in counts.values() for label in held}) > 1 and (thin := _thin(counts)):
        raise _too_few(*min((alone or thin).items()), copies, data.kind)
    split_of = split_groups(counts, data.seed)
    return np.array([split_of[g] if keep else "" for g, keep in zip(groups, kept, strict=True)], object)


def _too_few(label: str, number: int, copies: Counter[str], kind: str) -> UserError:
    """What is said of a label that cannot lie on every side."""
    twins = f" ({copies[label]} more are copies of one another)" if copies[label] else ""
    how = f" (rename its folder to {'.' + label!r}, for example)" if kind == "folder" else ""
    return UserError(
        f"Label {label!r} has {number} file(s), row(s) or project(s) of its own{twins}; at least {MIN_GROUPS} are "
        f"needed (train, val, test): add some, or leave that label out{how}."
    )


def _counted(groups: list[str], labels: list[str], kept: np.ndarray) -> dict[str, Counter[str]]:
    """group -> label -> rows that stay."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label, keep in zip(groups, labels, kept, strict=True):
        if keep:
            counts[group][label] += 1
    return counts


def _thin(counts: dict[str, Counter[str]]) -> dict[str, int]:
    """label -> groups, of the labels that have too few to lie on every side."""
    of_label = Counter(label for held in counts.values() for label in held)
    return {label: groups for label, groups in of_label.items() if groups < MIN_GROUPS}


def _joined(table: pa.Table) -> list[str]:
    """The group of each row; groups that share a near-duplicate are one."""
    groups = table["group"].to_pylist()
    first: dict[str, int] = {}
    pairs = [(first.setdefault(group, number), number) for number, group in enumerate(groups)]
    if table.num_rows <= MOST_COMPARED:
        signed = [signatures(batch["text"].to_pylist()) for batch in table.select(["text"]).to_batches(CHUNK)]
        near = list(near_pairs(np.concatenate(signed)))
        copies = len({later for one, later in near if groups[one] != groups[later]})
        if copies:
            log.info("%d near-duplicate(s) of other rows or files; each stays on one side with its twin", copies)
        pairs += near
    else:
        log.warning("near-duplicates are not looked for in more than %d rows; give data.group_column", MOST_COMPARED)
    return [groups[root] for root in components(len(groups), pairs)]


def _without_clashes(table: pa.Table, labels: list[str]) -> np.ndarray:
    """(N,) bool: False for a text that carries two labels, which says nothing about either."""
    ids = table["id"].to_pylist()
    held: dict[str, set[str]] = defaultdict(set)
    for one, label in zip(ids, labels, strict=True):
        held[one].add(label)
    if clashing := sum(len(found) > 1 for found in held.values()):
        log.warning("%d text(s) carry more than one label and are left out", clashing)
    return np.array([len(held[one]) == 1 for one in ids])


def _completed(given: np.ndarray, groups: list[str], labels: list[str], seed: int) -> np.ndarray:
    """The data's own split; without a val side, part of train becomes it, whole groups at a time."""
    held = set(given) - {""}
    if "train" not in held:
        raise UserError(f"The split column has {', '.join(sorted(held))} and no train; there is nothing to learn from.")
    sides: dict[str, set[str]] = defaultdict(set)
    for group, split in zip(groups, given, strict=True):
        sides[group].add(split)
    if straddling := sum(len(found - {""}) > 1 for found in sides.values()):
        log.warning("%d project(s) or near-duplicates lie on two sides of the split the data gives", straddling)
    if "val" in held:
        return given
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label, split in zip(groups, labels, given, strict=True):
        if split == "train":
            counts[group][label] += 1
    carved = split_groups(counts, seed)
    log.info("the data has no validation split; %d %% of train is used for it", SHARES[1])
    moved = [split == "train" and carved[group] == "val" for group, split in zip(groups, given, strict=True)]
    return np.where(moved, "val", given)


def _write_in_order(table: pa.Table, splits: np.ndarray, path: Path) -> None:
    """Train, val, test one after the other, a batch in memory at a time."""
    column = table.schema.get_field_index("split")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for side in SPLITS:
            chosen = pa.array(splits == side)
            for start in range(0, table.num_rows, STRETCH):
                part = table.slice(start, STRETCH).filter(chosen.slice(start, STRETCH))
                part = part.set_column(column, SCHEMA.field("split"), pa.array([side] * part.num_rows, pa.string()))
                if part.num_rows:
                    writer.write_table(part.combine_chunks())
