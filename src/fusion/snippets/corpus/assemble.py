"""Parts of many packages -> one table: distinct texts, clones joined into projects, languages evened out."""

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
from fusion.snippets.corpus import package_cache as parts
from fusion.snippets.corpus.clones import clones, join
from fusion.snippets.dedup import PERMUTATIONS, components, near_pairs
from fusion.snippets.snippet import SCHEMA, text_id


@dataclass
class Report:
    """What became of the windows and packages on the way to the table; written beside it as JSON."""

    packages: int = 0
    missing: dict[str, str] = field(default_factory=dict)  # package -> why it could not be had
    costs: dict[str, list[int]] = field(default_factory=dict)  # language -> [projects, snippets] lost with them
    cut: int = 0  # windows
    exact: int = 0  # dropped, the same text apart from white space
    clashing: int = 0  # dropped, the same text under two labels
    near: int = 0  # dropped, near-duplicates
    near_across: int = 0  # of those, copies from another project
    joined: list[tuple[str, str, float]] = field(default_factory=list)  # package, its clone, share of lines
    left_out: dict[str, int] = field(default_factory=dict)  # label -> projects, too few to split
    split_hash: str = ""


def assemble(cut: Sequence[tuple[Package, Path]], data: Packages, report: Report) -> pa.Table:
    """(package, part) -> table with the columns of SCHEMA, split still empty: distinct texts, clones joined.

    The texts are read last and only those that stay, so that memory holds them once.
    """
    rows = pa.concat_tables(_marks(number, part, data) for number, (_, part) in enumerate(cut))
    report.cut = rows.num_rows
    rows = rows.take(pc.sort_indices(rows, [("rank", "ascending"), ("package", "ascending"), ("plain", "ascending")]))
    pairs = clones([parts.read_lines(part) for _, part in cut])
    names = [package.name for package, _ in cut]
    report.joined = [(names[one], names[other], round(share, 3)) for one, other, share in pairs]
    groups = join(names, [package.project or package.name for package, _ in cut], pairs)
    rows = _distinct(rows, groups, report)
    rows = _balanced(rows, groups, data.per_label)
    return _table(rows, cut, groups)


def _marks(number: int, part: Path, data: Packages) -> pa.Table:
    """What decides about the windows of one part, without their text."""
    table = pq.read_table(part, columns=["language", "rank", "plain", "signature"])
    wanted = set(data.languages or ())
    labels = [data.merge.get(language, language) for language in table["language"].to_pylist()]
    keep = _capped(labels, table["rank"].to_numpy(), wanted, data.per_package)
    return pa.table(
        {
            "label": pa.array(labels, pa.string()).take(keep),
            "package": pa.array(np.full(len(keep), number, np.int32)),
            "row": pa.array(keep),  # in the part
            **{name: table[name].take(keep) for name in ("rank", "plain", "signature")},
        }
    )


def _capped(labels: list[str], ranks: np.ndarray, wanted: set[str], most: int) -> np.ndarray:
    """Rows of one package that stay: the labels asked for, at most `most` of each, by rank."""
    held: Counter[str] = Counter()
    keep = []
    for row in np.argsort(ranks, kind="stable").tolist():
        label = labels[row]
        if (not wanted or label in wanted) and held[label] < most:
            held[label] += 1
            keep.append(row)
    return np.array(sorted(keep), np.int64)


def _distinct(rows: pa.Table, groups: Sequence[str], report: Report) -> pa.Table:
    """One row for each text and its near copies; a text under two labels is left out under both."""
    first: dict[bytes, int] = {}
    labels: dict[bytes, set[str]] = defaultdict(set)
    for number, (plain, label) in enumerate(zip(rows["plain"].to_pylist(), rows["label"].to_pylist(), strict=True)):
        first.setdefault(plain, number)
        labels[plain].add(label)
    kept = [number for plain, number in first.items() if len(labels[plain]) == 1]
    report.exact, report.clashing = rows.num_rows - len(first), len(first) - len(kept)
    rows = rows.take(kept).combine_chunks()
    signature = rows["signature"].chunk(0) if rows.num_rows else pa.array([], parts.SCHEMA.field("signature").type)
    signed = np.frombuffer(signature.buffers()[1] or b"", np.uint32).reshape(-1, PERMUTATIONS)[: rows.num_rows]
    roots = components(rows.num_rows, near_pairs(signed))
    group = np.array([groups[package] for package in rows["package"].to_pylist()], object)
    copies = roots != np.arange(rows.num_rows)
    report.near, report.near_across = int(copies.sum()), int((copies & (group != group[roots])).sum())
    return rows.drop_columns(["signature", "plain", "rank"]).filter(pa.array(~copies))


def _balanced(rows: pa.Table, groups: Sequence[str], most: int | None) -> pa.Table:
    """At most `most` rows of each label, as many of every project as that allows; rows come in order of rank."""
    if most is None:
        return rows
    cells = [
        (label, groups[n]) for label, n in zip(rows["label"].to_pylist(), rows["package"].to_pylist(), strict=True)
    ]
    counts: dict[str, list[int]] = defaultdict(list)
    for (label, _), count in Counter(cells).items():
        counts[label].append(count)
    share = {label: _even_share(held, most) for label, held in counts.items()}
    taken: Counter[tuple[str, str]] = Counter()
    keep = []
    for row, cell in enumerate(cells):
        taken[cell] += 1
        if taken[cell] <= share[cell[0]]:
            keep.append(row)
    return rows.take(keep)


def _even_share(counts: Sequence[int], most: int) -> int:
    """The largest share, at least 1, with which sum(min(count, share)) stays within `most`."""
    left = most
    for number, count in enumerate(ordered := sorted(counts)):
        rest = len(ordered) - number
        if count * rest > left:
            return max(1, left // rest)
        left -= count
    return max(ordered)


def _table(rows: pa.Table, cut: Sequence[tuple[Package, Path]], groups: Sequence[str]) -> pa.Table:
    """Rows that stay -> table with the columns of SCHEMA, text and path read from their parts."""
    numbers, local = rows["package"].to_numpy(), rows["row"].to_numpy()
    order = np.argsort(numbers, kind="stable")  # of rows, package by package
    read = [pq.read_table(part, columns=["text", "path"]).take(local[numbers == n]) for n, (_, part) in enumerate(cut)]
    held = pa.concat_tables(read).combine_chunks()
    ids = [text_id(text.as_py()) for text in held["text"]]
    packages = [cut[number][0] for number in numbers[order]]
    columns = {
        "id": ids,
        "text": held["text"],
        "label": rows["label"].take(order),
        "group": [groups[number] for number in numbers[order]],
        "split": [""] * len(ids),
        "source": [package.registry for package in packages],
        "license": [package.license for package in packages],
        "lines": pc.add(pc.count_substring(held["text"], "\n"), 1),
        "path": [f"{package.name}:{path}" for package, path in zip(packages, held["path"].to_pylist(), strict=True)],
    }
    return pa.table(columns).cast(SCHEMA)
