"""A set of the manifest -> the snippet table and a report of what was dropped, joined and could not be had."""

import hashlib
import json
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.config import UserError
from fusion.files import write_text
from fusion.languages import MERGED
from fusion.packages import ArchiveError, Package, PackageError, fetch_all, read_manifest
from fusion.snippets import parts
from fusion.snippets.dedup import PERMUTATIONS, components, near_pairs
from fusion.snippets.projects import clones, join
from fusion.snippets.snippet import SCHEMA, open_table, split_hash, write_table
from fusion.snippets.split import describe, split_table

log = logging.getLogger(__name__)

MIN_GROUPS = 3  # one project for each side of the split
WORKERS = min(os.cpu_count() or 1, 8)

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, title, total) -> the same items


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


@dataclass(frozen=True)
class Built:
    table: pa.Table
    report: Report
    path: Path


def build(data: dict[str, Any], cache: Path, progress: Progress) -> Built:
    """conf/data of kind packages -> Built; from the cache when this very table was built before."""
    packages = [p for p in read_manifest(data["set"]) if p.registry in data["registries"]]
    packages = _asked_for(packages, data)
    if built := _before(data, packages, cache):
        return built
    had, missing = _fetch(packages, cache, progress)
    if missing and (built := _before(data, had, cache)):
        _tell(built.report)
        return built
    cutting = parts.Cutting(cache, data["per_package"], data["seed"])
    made = progress(parts.make_all(had, cutting, data.get("workers") or WORKERS), "cutting snippets", len(had))
    cut: list[tuple[Package, Path]] = []
    for package, part in zip(had, made, strict=True):
        if isinstance(part, ArchiveError):
            missing[package] = str(part)
        else:
            cut.append((package, part))
    report = Report(packages=len(cut))
    _count_missing(missing, report)
    _tell(report)
    if not cut:
        raise UserError(
            "None of the pinned packages could be had; run `python -m fusion.doctor` to see what is out of reach."
        )
    table = split_table(_enough_projects(assemble(cut, data, report), report), data["seed"])
    report.split_hash = split_hash(table)
    path = _path(data, [package for package, _ in cut], cache)
    write_table(table, path)
    write_text(path.with_suffix(".json"), json.dumps(asdict(report), indent=1))
    log.info("%s", describe(table))
    return Built(open_table(path), report, path)


def _asked_for(packages: Sequence[Package], data: dict[str, Any]) -> list[Package]:
    """Without the packages that hold none of data.languages."""
    if not data["languages"]:
        return list(packages)
    wanted, merged = set(data["languages"]), data.get("merge", MERGED)
    known = {merged.get(language, language) for package in packages for language in package.languages}
    if unknown := wanted - known:
        raise UserError(
            f"data.languages has {', '.join(sorted(unknown))}, which the set {data['set']!r} does not; "
            f"it has {', '.join(sorted(known))}."
        )
    return [p for p in packages if wanted & {merged.get(language, language) for language in p.languages}]


def _path(data: dict[str, Any], packages: Sequence[Package], cache: Path) -> Path:
    """Where the table lies that these packages give; workers change nothing."""
    key = [
        parts.RECIPE,
        data["per_package"],
        data.get("per_label"),
        data["seed"],
        sorted(data["languages"] or []),
        data.get("merge", MERGED),
    ]
    held = sorted((p.sha256, sorted(p.languages), p.project) for p in packages)
    digest = hashlib.sha256(json.dumps([*key, held], sort_keys=True).encode()).hexdigest()
    return cache / "snippets" / f"{data['set']}-{digest[:12]}.arrow"


def _before(data: dict[str, Any], packages: Sequence[Package], cache: Path) -> Built | None:
    path = _path(data, packages, cache)
    if not packages or not path.is_file() or not path.with_suffix(".json").is_file():
        return None
    return Built(open_table(path), Report(**json.loads(path.with_suffix(".json").read_text("utf-8"))), path)


def _fetch(
    packages: list[Package], cache: Path, progress: Progress
) -> tuple[list[Package], dict[Package, str]]:  # those that are in the cache now, and why the others are not
    had, missing = [], {}
    for package, got in progress(fetch_all(packages, cache), "fetching packages", len(packages)):
        if isinstance(got, PackageError):
            missing[package] = str(got)
        else:
            had.append(package)
    return had, missing


def _count_missing(missing: dict[Package, str], report: Report) -> None:
    for package, reason in missing.items():
        report.missing[f"{package.registry} {package.name}"] = reason
        for language, snippets in zip(package.languages, package.snippets, strict=False):
            lost = report.costs.setdefault(language, [0, 0])
            lost[0] += 1
            lost[1] += snippets


def _tell(report: Report) -> None:
    """What the packages that could not be had cost."""
    for reason in report.missing.values():
        log.warning("left out: %s", reason)
    if report.costs:
        costs = (
            f"{language} {projects} ({snippets})" for language, (projects, snippets) in sorted(report.costs.items())
        )
        log.warning("that costs projects (snippets) of %s", ", ".join(costs))


def assemble(cut: Sequence[tuple[Package, Path]], data: dict[str, Any], report: Report) -> pa.Table:
    """(package, part) -> table with the columns of SCHEMA, split still empty: distinct texts, clones joined."""
    merged, wanted = data.get("merge", MERGED), set(data["languages"] or [])
    tables = []
    for number, (_, part) in enumerate(cut):
        table = pq.read_table(part)
        labels = [merged.get(language, language) for language in table["language"].to_pylist()]
        keep = _capped(labels, table["rank"].to_numpy(), wanted, data["per_package"])
        table = table.append_column("label", pa.array(labels, pa.string()))
        tables.append(table.append_column("package", pa.array([number] * len(labels), pa.int32())).take(keep))
    rows = pa.concat_tables(tables)
    report.cut = rows.num_rows
    rows = rows.take(pc.sort_indices(rows, [("rank", "ascending"), ("package", "ascending"), ("plain", "ascending")]))
    pairs = clones([parts.read_lines(part) for _, part in cut])
    names = [package.name for package, _ in cut]
    report.joined = [(names[one], names[other], round(share, 3)) for one, other, share in pairs]
    groups = join(names, [package.project or package.name for package, _ in cut], pairs)
    rows = _distinct(rows, groups, report)
    rows = _balanced(rows, groups, data.get("per_label"))
    return _table(rows, [package for package, _ in cut], groups)


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
    rows = rows.take(kept)
    signed = np.frombuffer(b"".join(rows["signature"].to_pylist()), np.uint32).reshape(-1, PERMUTATIONS)
    roots = components(rows.num_rows, near_pairs(signed))
    group = np.array([groups[package] for package in rows["package"].to_pylist()], object)
    copies = roots != np.arange(rows.num_rows)
    report.near, report.near_across = int(copies.sum()), int((copies & (group != group[roots])).sum())
    return rows.drop_columns(["signature", "plain", "rank", "language"]).filter(pa.array(~copies))


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


def _table(rows: pa.Table, packages: Sequence[Package], groups: Sequence[str]) -> pa.Table:
    texts, numbers = rows["text"].to_pylist(), rows["package"].to_pylist()
    columns = {
        "id": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
        "text": rows["text"],
        "label": rows["label"],
        "group": [groups[number] for number in numbers],
        "split": [""] * len(texts),
        "source": [packages[number].registry for number in numbers],
        "license": [packages[number].license for number in numbers],
        "lines": [text.count("\n") + 1 for text in texts],
        "path": [f"{packages[n].name}:{path}" for n, path in zip(numbers, rows["path"].to_pylist(), strict=True)],
    }
    return pa.table(columns).cast(SCHEMA)


def _enough_projects(table: pa.Table, report: Report) -> pa.Table:
    """Without the labels that have too few projects to be split, said aloud."""
    counted = table.group_by("label").aggregate([("group", "count_distinct")]).to_pylist()
    thin = {row["label"]: row["group_count_distinct"] for row in counted if row["group_count_distinct"] < MIN_GROUPS}
    if thin:
        report.left_out = dict(sorted(thin.items()))
        log.warning("left out: %s (fewer than %d projects here)", ", ".join(report.left_out), MIN_GROUPS)
    return table.filter(pc.invert(pc.is_in(table["label"], pa.array(sorted(thin), pa.string()))))
