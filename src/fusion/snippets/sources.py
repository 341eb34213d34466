"""conf/data -> the snippet table: built from pinned packages, or read from the user's folder."""

import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.config import UserError, did_you_mean
from fusion.packages import Package, PackageError, fetch_all, members, read_manifest
from fusion.snippets.harvest import count_labels, decode, harvest, windows
from fusion.snippets.snippet import SPLITS, Snippet, split_hash, to_table, write_table
from fusion.snippets.split import split_groups

log = logging.getLogger(__name__)

RECIPE = 1  # raised when harvesting changes, so that an old table is not taken for a new one
MIN_GROUPS = 3  # one project for each side of the split

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, title, total) -> the same items


def no_progress(items: Iterable[Any], _title: str, _total: int) -> Iterable[Any]:
    return items


def load(data: dict[str, Any], cache: Path, progress: Progress = no_progress) -> pa.Table:
    """The `data` part of a configuration -> table with the columns of SCHEMA.

    Raises UserError when there is nothing to learn from.
    """
    kind = data["kind"]
    if kind not in _KINDS:
        raise UserError(f"data.kind={kind} is not known{did_you_mean(kind, _KINDS)}; it is {' or '.join(_KINDS)}.")
    table = _KINDS[kind](data, cache, progress)
    labels = pc.unique(table["label"]).to_pylist()
    if len(labels) < 2:
        held = f"only the label {labels[0]!r}" if labels else "no snippets"
        raise UserError(f"There is nothing to tell apart: data={kind} holds {held}; at least 2 labels are needed.")
    return limit(table, data["limit"], data["seed"]) if data["limit"] else table


def limit(table: pa.Table, most: int, seed: int) -> pa.Table:
    """At most `most` rows, every (split, label) thinned alike, never below one row; seeded."""
    if table.num_rows <= most:
        return table
    rng = np.random.default_rng(seed)
    order = rng.permutation(table.num_rows)
    cells: dict[tuple[str, str], list[int]] = defaultdict(list)
    splits, labels = table["split"].to_pylist(), table["label"].to_pylist()
    for row in order:
        cells[splits[row], labels[row]].append(row)
    share = most / table.num_rows
    kept = [row for cell in cells.values() for row in cell[: max(1, round(share * len(cell)))]]
    return table.take(sorted(kept))


def _from_packages(data: dict[str, Any], cache: Path, progress: Progress) -> pa.Table:
    packages = [p for p in read_manifest(data["set"]) if p.registry in data["registries"]]
    key = json.dumps([RECIPE, data["per_package"], data["seed"], data["languages"], [p.sha256 for p in packages]])
    path = cache / "snippets" / f"{data['set']}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.parquet"
    if path.is_file():
        return pq.read_table(path, memory_map=True)
    fetched = list(progress(fetch_all(packages, cache), "fetching packages", len(packages)))
    missing = [(package, got) for package, got in fetched if isinstance(got, PackageError)]
    for package, error in missing:
        log.warning("left out: %s (costs a project of %s)", error, ", ".join(package.languages))
    found = []
    for package, archive in progress(
        [pair for pair in fetched if not isinstance(pair[1], PackageError)], "cutting snippets", len(fetched) - len(missing)
    ):
        found.extend(_cut(package, archive, data))
    if not found:
        raise UserError(
            "None of the pinned packages could be had; run `python -m fusion.doctor` to see what is out of reach."
        )
    table = _split(_enough_projects(_distinct(found)), data["seed"])
    if not missing:  # an incomplete table is used, but not kept
        write_table(table, path)
    return table


def _cut(package: Package, archive: Path, data: dict[str, Any]) -> list[Snippet]:
    """Up to data.per_package snippets for each language of one archive, drawn evenly over it."""
    wanted = set(package.languages) & set(data["languages"] or package.languages)
    by_language: dict[str, list[Snippet]] = defaultdict(list)
    for language, path, text in harvest(members(archive), wanted):
        by_language[language].append(Snippet(text, language, package.name, package.registry, package.license, path))
    rng = np.random.default_rng([data["seed"], int(package.sha256[:8], 16)])
    kept = []
    for language in sorted(by_language):
        cut = by_language[language]
        chosen = rng.permutation(len(cut))[: data["per_package"]]
        kept.extend(cut[i] for i in sorted(chosen))
    return kept


def _distinct(snippets: list[Snippet]) -> list[Snippet]:
    """One snippet for each text; a text found under two labels is left out under both."""
    labels = defaultdict(set)
    for snippet in snippets:
        labels[snippet.id].add(snippet.label)
    first = {snippet.id: snippet for snippet in reversed(snippets) if len(labels[snippet.id]) == 1}
    if clashing := sum(len(found) > 1 for found in labels.values()):
        log.warning("%d texts carry more than one label and are left out", clashing)
    return list(first.values())


def _enough_projects(snippets: list[Snippet]) -> list[Snippet]:
    """Without the languages that have too few projects to be split, said aloud."""
    projects = defaultdict(set)
    for snippet in snippets:
        projects[snippet.label].add(snippet.group)
    thin = {label for label, found in projects.items() if len(found) < MIN_GROUPS}
    if thin:
        log.warning("left out: %s (fewer than %d projects here)", ", ".join(sorted(thin)), MIN_GROUPS)
    return [snippet for snippet in snippets if snippet.label not in thin]


def _split(snippets: list[Snippet], seed: int) -> pa.Table:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for snippet in snippets:
        counts[snippet.group][snippet.label] += 1
    table = to_table(snippets, split_groups(counts, seed))
    shares = {side: pc.sum(pc.equal(table["split"], side)).as_py() for side in SPLITS}
    log.info(
        "%d snippets of %d projects, split by project %s (%s): %s",
        table.num_rows, len(counts), shares, split_hash(table), count_labels(table["label"].to_pylist()),
    )  # fmt: skip
    return table


def _from_folder(data: dict[str, Any], _cache: Path, progress: Progress) -> pa.Table:
    """DIR/<label>/**: a file is a project, or a folder below the label if files lie in folders."""
    if not data["path"]:
        raise UserError("data=folder needs data.path=DIR, a folder with one folder per label.")
    root = Path(data["path"]).expanduser()
    if not root.is_dir():
        raise UserError(f"data.path={root} is not a folder; give one with a folder per label in it.")
    snippets: list[Snippet] = []
    for folder in progress(sorted(p for p in root.iterdir() if p.is_dir()), "reading folders", 0):
        snippets.extend(_labelled(folder, root))
    if not snippets:
        raise UserError(f"data.path={root} holds no text files; expected {root}/<label>/<file>.")
    projects = defaultdict(set)
    for snippet in snippets:
        projects[snippet.label].add(snippet.group)
    for label, found in sorted(projects.items()):
        if len(projects) > 1 and len(found) < MIN_GROUPS:
            raise UserError(
                f"Label {label!r} has {len(found)} file(s) or project folder(s); at least {MIN_GROUPS} are needed "
                "(train, val, test): add some, or remove that folder."
            )
    return _split(_distinct(snippets), data["seed"])


def _labelled(folder: Path, root: Path) -> list[Snippet]:
    snippets, binary = [], 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        text = decode(path.read_bytes())
        if text is None or not text.strip():
            binary += 1
            continue
        inside = path.relative_to(folder).parts
        group = f"{folder.name}/{inside[0]}"
        cut = [w for w in windows(text) if w.strip()] or [text.strip("\n")]
        snippets.extend(Snippet(w, folder.name, group, "folder", "", str(path.relative_to(root))) for w in cut)
    if binary:
        log.warning("%s: %d binary or empty file(s) left out", folder, binary)
    return snippets


_KINDS = {"packages": _from_packages, "folder": _from_folder}
