"""A set of the manifest -> the snippet table and a report of what was dropped, joined and could not be had."""

import hashlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.data import Packages
from fusion.config.errors import UserError
from fusion.files import write_text
from fusion.languages import named
from fusion.packages.manifest import ArchiveError, Package, PackageError, fetch_all, read_manifest
from fusion.snippets.corpus import package_cache as parts
from fusion.snippets.corpus.assemble import Report, assemble
from fusion.snippets.snippet import open_table, split_hash, write_table
from fusion.snippets.split import describe, split_table

log = logging.getLogger(__name__)

MIN_GROUPS = 3  # one project for each side of the split
WORKERS = min(os.cpu_count() or 1, 8)

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, title, total) -> the same items


@dataclass(frozen=True)
class Built:
    table: pa.Table
    report: Report
    path: Path


def build(data: Packages, cache: Path, progress: Progress) -> Built:
    """conf/data of kind packages -> Built; from the cache when this very table was built before."""
    data = replace(data, languages=tuple(named(word).name for word in data.languages or ()))
    packages = [p for p in read_manifest(data.set) if p.registry in data.registries]
    packages = _asked_for(packages, data)
    if built := _before(data, packages, cache):
        return built
    had, missing = _fetch(packages, cache, progress)
    if missing and (built := _before(data, had, cache)):
        _tell(built.report)
        return built
    cutting = parts.Cutting(cache, data.per_package, data.seed)
    made = progress(parts.make_all(had, cutting, data.workers or WORKERS), "cutting snippets", len(had))
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
            f"None of the pinned packages could be had ({next(iter(missing.values()), 'the set has none')}); "
            "run `python -m fusion.doctor` to see what is out of reach."
        )
    table = split_table(_enough_projects(assemble(cut, data, report), report), data.seed)
    report.split_hash = split_hash(table)
    path = _path(data, [package for package, _ in cut], cache)
    write_table(table, path)
    write_text(path.with_suffix(".json"), json.dumps(asdict(report), indent=1))
    log.info("%s", describe(table))
    return Built(open_table(path), report, path)


def _asked_for(packages: Sequence[Package], data: Packages) -> list[Package]:
    """Without the packages that hold none of data.languages."""
    if not data.languages:
        return list(packages)
    wanted, merged = set(data.languages), data.merge
    known = {merged.get(language, language) for package in packages for language in package.languages}
    if unknown := wanted - known:
        raise UserError(
            f"data.languages has {', '.join(sorted(unknown))}, which the set {data.set!r} does not; "
            f"it has {', '.join(sorted(known))}."
        )
    return [p for p in packages if wanted & {merged.get(language, language) for language in p.languages}]


def _path(data: Packages, packages: Sequence[Package], cache: Path) -> Path:
    """Where the table lies that these packages give; workers change nothing."""
    key = [parts.RECIPE, data.per_package, data.per_label, data.seed, sorted(data.languages or ()), data.merge]
    held = sorted((p.sha256, sorted(p.languages), p.project) for p in packages)
    digest = hashlib.sha256(json.dumps([*key, held], sort_keys=True).encode()).hexdigest()
    return cache / "snippets" / f"{data.set}-{digest[:12]}.arrow"


def _before(data: Packages, packages: Sequence[Package], cache: Path) -> Built | None:
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
    alike: dict[str, list[str]] = defaultdict(list)
    for reason in report.missing.values():
        package, _, why = reason.partition(": ")
        alike[why].append(package)
    for why, names in alike.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        log.warning("left out: %s%s: %s", names[0], more, why)
    if report.costs:
        costs = (
            f"{language} {projects} ({snippets})" for language, (projects, snippets) in sorted(report.costs.items())
        )
        log.warning("that costs projects (snippets) of %s", ", ".join(costs))


def _enough_projects(table: pa.Table, report: Report) -> pa.Table:
    """Without the labels that have too few projects to be split, said aloud."""
    counted = table.group_by("label").aggregate([("group", "count_distinct")]).to_pylist()
    thin = {row["label"]: row["group_count_distinct"] for row in counted if row["group_count_distinct"] < MIN_GROUPS}
    if thin:
        report.left_out = dict(sorted(thin.items()))
        log.warning("left out: %s (fewer than %d projects here)", ", ".join(report.left_out), MIN_GROUPS)
    return table.filter(pc.invert(pc.is_in(table["label"], pa.array(sorted(thin), pa.string()))))
