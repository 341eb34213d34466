"""A set of the manifest -> the snippet table and a report of what was dropped, joined and could not be had."""

import hashlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
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
from fusion.snippets.other.harvest import RECIPE as OTHER_RECIPE
from fusion.snippets.other.mix import add_other
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
    code = [(package, windows) for package, windows in cut if _holds(package, data, data.languages or ())]
    table = split_table(_with_enough_projects(assemble(code, data, report), report), data.seed)
    if data.other:
        table = add_other(table, cut, data, cache, progress)
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
    listed = [p for p in read_manifest(data.set) if p.registry in data.registries]
    data = _with_known_languages(data, listed)
    both = (*(data.languages or ()), *(data.other_languages or ()))
    return data, [package for package in listed if _holds(package, data, both)]


def _with_known_languages(data: Packages, listed: list[Package]) -> Packages:
    """Return the options with their languages as labels have them; where some are Other, the labels are the rest.

    Raises UserError for a language that no package holds, or that is to be a label and Other.
    """
    known = {_label(language, data) for package in listed for language in package.languages}
    labels = _names("languages", data.languages, known, data.set)
    other = _names("other_languages", data.other_languages, known, data.set)
    if other and not data.other:
        raise UserError(
            f"data.other_languages={','.join(other)} needs data.other, how many snippets of Other, such as 3000."
        )
    if both := set(labels) & set(other):
        raise UserError(
            f"{', '.join(sorted(both))} is in data.languages and in data.other_languages; leave it out of one of them."
        )
    if other and not labels:
        labels = tuple(sorted(known - set(other)))
    return replace(data, languages=labels, other_languages=other)


def _names(option: str, given: Sequence[str] | None, known: Collection[str], subset: str) -> tuple[str, ...]:
    """Return the languages that an option names as labels have them. Raises UserError for one that no package holds."""
    names = tuple(find_language(name).name for name in given or ())
    if unknown := set(names) - set(known):
        raise UserError(
            f"data.{option} has {', '.join(sorted(unknown))}, which the set {subset!r} does not; "
            f"it has {', '.join(sorted(known))}."
        )
    return names


def _label(language: str, data: Packages) -> str:
    return data.merge.get(language, language)


def _holds(package: Package, data: Packages, languages: Sequence[str]) -> bool:
    """Return whether a package holds one of some languages; of none given, all are meant."""
    return not languages or not {_label(language, data) for language in package.languages}.isdisjoint(languages)


def _path(data: Packages, packages: Sequence[Package], cache: Path) -> Path:
    """Return where the table lies that these packages give; the number of workers changes nothing."""
    options = [RECIPE, data.per_package, data.per_label, data.seed, sorted(data.languages or ()), data.merge,
               data.doubtful]  # fmt: skip
    if data.other:
        options += [OTHER_RECIPE, data.other, sorted(data.other_languages or ())]
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
