"""Windows of many packages -> one table: distinct texts, clones joined into projects, languages evened out."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.config.data import Packages
from fusion.packages.manifest import Package
from fusion.snippets.corpus import package_cache
from fusion.snippets.corpus.clones import find_clones, join_projects
from fusion.snippets.corpus.doubt import DOUBTS
from fusion.snippets.dedup import NUM_PERM, connected_components, near_pairs
from fusion.snippets.snippet import SCHEMA, text_id


@dataclass
class Report:
    """Counts of the windows and packages that were dropped, joined or missing; written beside the table as JSON."""

    packages: int = 0
    missing: dict[str, str] = field(default_factory=dict)  # package -> why it could not be had
    costs: dict[str, list[int]] = field(default_factory=dict)  # language -> [projects, snippets] lost with them
    cut: int = 0  # windows
    doubtful: dict[str, dict[str, int]] = field(default_factory=dict)  # label -> why -> windows, see doubt.py
    exact: int = 0  # dropped, the same text apart from white space
    clashing: int = 0  # dropped, the same text under two labels
    near: int = 0  # dropped, near-duplicates
    near_across: int = 0  # of those, copies from another project
    joined: list[tuple[str, str, float]] = field(default_factory=list)  # package, its clone, share of lines
    left_out: dict[str, int] = field(default_factory=dict)  # label -> projects, too few to split
    split_hash: str = ""


def assemble(cut: Sequence[tuple[Package, Path]], data: Packages, report: Report) -> pa.Table:
    """(package, file of its windows) -> table with the columns of SCHEMA, split still empty.

    The texts are read last and only those that stay, so that memory holds them once.
    """
    rows = pa.concat_tables(_window_keys(number, path, data, report) for number, (_, path) in enumerate(cut))
    report.cut = rows.num_rows
    rows = rows.take(pc.sort_indices(rows, [("rank", "ascending"), ("package", "ascending"), ("plain", "ascending")]))
    clones = find_clones([package_cache.read_line_hashes(path) for _, path in cut])
    names = [package.name for package, _ in cut]
    report.joined = [(names[first], names[second], round(share, 3)) for first, second, share in clones]
    groups = join_projects([package.project or package.name for package, _ in cut], clones)
    rows = _distinct(rows, groups, report)
    rows = _balanced(rows, groups, data.per_label)
    return _with_texts(rows, cut, groups)


def _window_keys(number: int, path: Path, data: Packages, report: Report) -> pa.Table:
    """Return what decides about the windows of one package, without their text."""
    table = pq.read_table(path, columns=["language", "rank", "plain", "signature", "doubt"])
    labels = [data.merge.get(language, language) for language in table["language"].to_pylist()]
    wanted, doubts = set(data.languages or labels), table["doubt"].to_pylist()
    for label, reason in zip(labels, doubts, strict=True):
        if reason and label in wanted:
            report.doubtful.setdefault(label, dict.fromkeys(DOUBTS, 0))[reason] += 1
    left_out = [label not in wanted or (data.doubtful == "leave_out" and bool(reason))
                for label, reason in zip(labels, doubts, strict=True)]  # fmt: skip
    keep = _capped(labels, table["rank"].to_numpy(), left_out, data.per_package)
    return pa.table(
        {
            "label": pa.array(labels, pa.string()).take(keep),
            "package": pa.array(np.full(len(keep), number, np.int32)),
            "row": pa.array(keep),  # in the file
            **{name: table[name].take(keep) for name in ("rank", "plain", "signature")},
        }
    )


def _capped(labels: list[str], ranks: np.ndarray, left_out: list[bool], max_per_label: int) -> np.ndarray:
    """Return the rows of one package that stay: of each label those of lowest rank."""
    counts: Counter[str] = Counter()
    keep = []
    for row in np.argsort(ranks, kind="stable").tolist():
        label = labels[row]
        if not left_out[row] and counts[label] < max_per_label:
            counts[label] += 1
            keep.append(row)
    return np.array(sorted(keep), np.int64)


def _distinct(rows: pa.Table, groups: Sequence[str], report: Report) -> pa.Table:
    """Return one row for each text and its near copies; a text under two labels is left out under both."""
    first: dict[bytes, int] = {}
    labels: dict[bytes, set[str]] = defaultdict(set)
    for number, (plain, label) in enumerate(zip(rows["plain"].to_pylist(), rows["label"].to_pylist(), strict=True)):
        first.setdefault(plain, number)
        labels[plain].add(label)
    keep = [number for plain, number in first.items() if len(labels[plain]) == 1]
    report.exact, report.clashing = rows.num_rows - len(first), len(first) - len(keep)
    rows = rows.take(keep).combine_chunks()
    empty = pa.array([], package_cache.SCHEMA.field("signature").type)
    signature = rows["signature"].chunk(0) if rows.num_rows else empty
    hashes = np.frombuffer(signature.buffers()[1] or b"", np.uint32).reshape(-1, NUM_PERM)[: rows.num_rows]
    roots = connected_components(rows.num_rows, near_pairs(hashes))
    group = np.array([groups[package] for package in rows["package"].to_pylist()], object)
    copies = roots != np.arange(rows.num_rows)
    report.near, report.near_across = int(copies.sum()), int((copies & (group != group[roots])).sum())
    return rows.drop_columns(["signature", "plain", "rank"]).filter(pa.array(~copies))


def _balanced(rows: pa.Table, groups: Sequence[str], max_per_label: int | None) -> pa.Table:
    """Return at most so many rows of each label, as many of every project as that allows; rows are sorted by rank."""
    if max_per_label is None:
        return rows
    cells = [
        (label, groups[n]) for label, n in zip(rows["label"].to_pylist(), rows["package"].to_pylist(), strict=True)
    ]
    counts: dict[str, list[int]] = defaultdict(list)
    for (label, _), count in Counter(cells).items():
        counts[label].append(count)
    share = {label: _even_share(of_projects, max_per_label) for label, of_projects in counts.items()}
    taken: Counter[tuple[str, str]] = Counter()
    keep = []
    for row, cell in enumerate(cells):
        taken[cell] += 1
        if taken[cell] <= share[cell[0]]:
            keep.append(row)
    return rows.take(keep)


def _even_share(counts: Sequence[int], total: int) -> int:
    """Return the largest share, at least 1, with which sum(min(count, share)) stays within the total."""
    remaining = total
    for number, count in enumerate(ordered := sorted(counts)):
        projects = len(ordered) - number
        if count * projects > remaining:
            return max(1, remaining // projects)
        remaining -= count
    return max(ordered)


def _with_texts(rows: pa.Table, cut: Sequence[tuple[Package, Path]], groups: Sequence[str]) -> pa.Table:
    """Rows that stay -> table with the columns of SCHEMA, text and path read from the packages' files."""
    numbers, local = rows["package"].to_numpy(), rows["row"].to_numpy()
    order = np.argsort(numbers, kind="stable")  # of rows, package by package
    read = [pq.read_table(path, columns=["text", "path"]).take(local[numbers == n]) for n, (_, path) in enumerate(cut)]
    texts = pa.concat_tables(read).combine_chunks()
    ids = [text_id(text.as_py()) for text in texts["text"]]
    packages = [cut[number][0] for number in numbers[order]]
    columns = {
        "id": ids,
        "text": texts["text"],
        "label": rows["label"].take(order),
        "group": [groups[number] for number in numbers[order]],
        "split": [""] * len(ids),
        "source": [package.registry for package in packages],
        "license": [package.license for package in packages],
        "lines": pc.add(pc.count_substring(texts["text"], "\n"), 1),
        "path": [f"{package.name}:{path}" for package, path in zip(packages, texts["path"].to_pylist(), strict=True)],
    }
    return pa.table(columns).cast(SCHEMA)
