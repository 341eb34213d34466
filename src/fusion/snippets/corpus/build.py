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
from fusion.languages import find_language
from fusion.packages.errors import ArchiveError, PackageError
from fusion.packages.manifest import Package, fetch_all, read_manifest
from fusion.snippets.corpus.assemble import Report, assemble
from fusion.snippets.corpus.package_cache import RECIPE, PackageCache
from fusion.snippets.snippet import open_table, split_hash, write_table
from fusion.snippets.split import describe, split_table

log = logging.getLogger(__name__)

MIN_PROJECTS = 3  # of a label, one for each split
DEFAULT_WORKERS = min(os.cpu_count() or 1, 8)

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, title, total) -> the same items


@dataclass(frozen=True)
class Built:
    """A snippet table, what was dropped and missing on the way, and where it lies."""

    table: pa.Table
    report: Report
    path: Path


def build(data: Packages, cache: Path, progress: Progress) -> Built:
    """Return the table of pinned packages; from the cache when this very table was built before."""
    data, wanted = _wanted(data)
    if built := _from_cache(data, wanted, cache):
        return built
    packages, missing = _fetch(wanted, cache, progress)
    if missing and (built := _from_cache(data, packages, cache)):
        _log_missing(built.report)
        return built
    package_cache = PackageCache(cache, data.per_package, data.seed)
    paths = package_cache.add_all(packages, data.workers or DEFAULT_WORKERS)
    cut: list[tuple[Package, Path]] = []
    for package, path in zip(packages, progress(paths, "cutting snippets", len(packages)), strict=True):
        if isinstance(path, ArchiveError):
            missing[package] = str(path)
        else:
            cut.append((package, path))
    report = Report(packages=len(cut))
    _count_missing(missing, report)
    _log_missing(report)
    if not cut:
        raise UserError(
            f"None of the pinned packages could be had ({next(iter(missing.values()), 'the set has none')}); "
            "run `python -m fusion.doctor` to see what is out of reach."
        )
    table = split_table(_with_enough_projects(assemble(cut, data, report), report), data.seed)
    report.split_hash = split_hash(table)
    path = _path(data, [package for package, _ in cut], cache)
    write_table(table, path)
    write_text(path.with_suffix(".json"), json.dumps(asdict(report), indent=1))
    log.info("%s", describe(table))
    return Built(open_table(path), report, path)


def cached(data: Packages, cache: Path) -> Built | None:
    """Return the same where this very table was built before, else None."""
    return _from_cache(*_wanted(data), cache)


def _wanted(data: Packages) -> tuple[Packages, list[Package]]:
    """Return the options with the languages by their names, and the packages that they ask for."""
    data = replace(data, languages=tuple(find_language(name).name for name in data.languages or ()))
    return data, _with_languages([p for p in read_manifest(data.set) if p.registry in data.registries], data)


def _with_languages(packages: list[Package], data: Packages) -> list[Package]:
    """Return the packages that hold one of data.languages. Raises UserError for a language that none holds."""
    if not data.languages:
        return packages
    wanted = set(data.languages)
    languages = [{data.merge.get(language, language) for language in package.languages} for package in packages]
    known = set().union(*languages)
    if unknown := wanted - known:
        raise UserError(
            f"data.languages has {', '.join(sorted(unknown))}, which the set {data.set!r} does not; "
            f"it has {', '.join(sorted(known))}."
        )
    return [package for package, labels in zip(packages, languages, strict=True) if wanted & labels]


def _path(data: Packages, packages: Sequence[Package], cache: Path) -> Path:
    """Return where the table lies that these packages give; the number of workers changes nothing."""
    options = [RECIPE, data.per_package, data.per_label, data.seed, sorted(data.languages or ()), data.merge,
               data.doubtful]  # fmt: skip
    contents = sorted((p.sha256, sorted(p.languages), p.project) for p in packages)
    digest = hashlib.sha256(json.dumps([*options, contents], sort_keys=True).encode()).hexdigest()
    return cache / "snippets" / f"{data.set}-{digest[:12]}.arrow"


def _from_cache(data: Packages, packages: Sequence[Package], cache: Path) -> Built | None:
    path = _path(data, packages, cache)
    if not packages or not path.is_file() or not path.with_suffix(".json").is_file():
        return None
    return Built(open_table(path), Report(**json.loads(path.with_suffix(".json").read_text("utf-8"))), path)


def _fetch(
    packages: list[Package], cache: Path, progress: Progress
) -> tuple[list[Package], dict[Package, str]]:  # those that are in the cache now, and why the others are not
    fetched, missing = [], {}
    for package, archive in progress(fetch_all(packages, cache), "fetching packages", len(packages)):
        if isinstance(archive, PackageError):
            missing[package] = str(archive)
        else:
            fetched.append(package)
    return fetched, missing


def _count_missing(missing: dict[Package, str], report: Report) -> None:
    for package, reason in missing.items():
        report.missing[f"{package.registry} {package.name}"] = reason
        for language, snippets in zip(package.languages, package.snippets, strict=False):
            cost = report.costs.setdefault(language, [0, 0])
            cost[0] += 1
            cost[1] += snippets


def _log_missing(report: Report) -> None:
    """Log why packages could not be had, each reason once, and what that costs."""
    packages_of: dict[str, list[str]] = defaultdict(list)
    for sentence in report.missing.values():
        package, _, reason = sentence.partition(": ")
        packages_of[reason].append(package)
    for reason, names in packages_of.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        log.warning("left out: %s%s: %s", names[0], more, reason)
    if report.costs:
        costs = (
            f"{language} {projects} ({snippets})" for language, (projects, snippets) in sorted(report.costs.items())
        )
        log.warning("that costs projects (snippets) of %s", ", ".join(costs))


def _with_enough_projects(table: pa.Table, report: Report) -> pa.Table:
    """Return the rows of the labels that have MIN_PROJECTS or more; logs the labels that have not."""
    counted = table.group_by("label").aggregate([("group", "count_distinct")]).to_pylist()
    thin = {row["label"]: row["group_count_distinct"] for row in counted if row["group_count_distinct"] < MIN_PROJECTS}
    if thin:
        report.left_out = dict(sorted(thin.items()))
        log.warning("left out: %s (fewer than %d projects here)", ", ".join(report.left_out), MIN_PROJECTS)
    return table.filter(pc.invert(pc.is_in(table["label"], pa.array(sorted(thin), pa.string()))))
