"""Package of a registry -> its lines of the manifest: hash, licence as declared, what it holds of each language."""

import email.parser
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fusion.packages.archives import members
from fusion.packages.manifest import Line, Package, archive_path
from fusion.snippets.corpus.extract import extract

MIN_WINDOWS = 20  # of a language; a package with fewer is not taken for it
MIN_WINDOWS_OF_RARE = 5  # the same for languages that few packages hold
RARE = frozenset({"Dart", "Elixir", "Julia", "Pascal", "PowerShell", "Scala", "Tcl"})
MAX_WINDOWS = 400  # counted


def measure(package: Package, cache: Path, subset: str) -> list[Line]:
    """Package, its archive in the cache -> a line for each language it holds MIN_WINDOWS of.

    Raises ArchiveError for an archive that cannot be read.
    """
    archive = archive_path(package, cache)
    extraction = extract(members(archive), None, MAX_WINDOWS, seed=0)
    declared = package.license or licence(members(archive))
    return [
        Line(
            package.registry, package.name, package.version, package.archive_bytes, package.sha256, declared,
            package.project or package.name, package.pool_path, language, extraction.files[language],
            extraction.line_counts[language], len(windows), subset,
        )
        for language, windows in extraction.windows.items()
        if len(windows) >= (MIN_WINDOWS_OF_RARE if language in RARE else MIN_WINDOWS)
    ]  # fmt: skip


# How the text of a licence begins, where a package declares it by that file alone.
_BEGINNINGS = {
    "MIT": r"(The )?MIT License|Permission is hereby granted, free of charge",
    "Apache-2.0": r"Apache License\s+Version 2",
    "AGPL": r"GNU AFFERO GENERAL PUBLIC LICENSE",
    "LGPL": r"GNU (LESSER|LIBRARY) GENERAL PUBLIC LICENSE",
    "GPL": r"GNU GENERAL PUBLIC LICENSE",
    "MPL": r"Mozilla Public License",
    "EPL": r"Eclipse Public License",
    "BSD": r"Redistribution and use in source and binary forms",
}


def licence(files: Iterable[tuple[str, bytes]]) -> str:
    """Return what the metadata at the top of an archive declares, else its licence file; '' if neither does."""
    by_text = ""
    for path, data in files:
        text = data.decode("utf-8", "replace")
        if path.startswith("./usr/share/doc/") and path.endswith("/copyright"):
            return _from_debian(text)
        if path.count("/") != 1:
            continue
        name = path.split("/")[1]
        if name in ("PKG-INFO", "DESCRIPTION") and (declared := _from_metadata(text)):
            return declared
        if name == "package.json" and (declared := _from_package_json(data)):
            return declared
        if name.endswith(".cabal") and (field := re.search(r"^license:\s*(\S+)", text, re.MULTILINE | re.IGNORECASE)):
            return field[1]
        if re.match(r"(LICEN[CS]E|COPYING|COPYRIGHT)\b", name, re.IGNORECASE):
            by_text = by_text or _from_text(text)
    return by_text


def _from_text(text: str) -> str:
    places = {
        name: match.start() for name, start in _BEGINNINGS.items() if (match := re.search(start, text[:4000], re.I))
    }
    return min(places, key=lambda name: places[name], default="")


def _from_metadata(text: str) -> str:
    fields = email.parser.HeaderParser().parsestr(text)
    classified = [c.split("::")[-1].strip() for c in fields.get_all("Classifier", []) if c.startswith("License ::")]
    declared = fields.get("License-Expression") or "; ".join(classified) or fields.get("License") or ""
    return " ".join(declared.split())[:80]


def _from_debian(text: str) -> str:
    """Return the first two licences of a machine-readable copyright file."""
    names = re.findall(r"^License: *(\S.*)$", text, re.MULTILINE)
    return " | ".join(list(dict.fromkeys(names))[:2])[:80]


def _from_package_json(data: bytes) -> str:
    try:
        declared = json.loads(data).get("license") or ""
    except (ValueError, AttributeError):
        return ""
    return str(declared.get("type", "") if isinstance(declared, dict) else declared)[:80]


def merge_lines(lines: Sequence[Line], new: Sequence[Line]) -> list[Line]:
    """Return the manifest with new lines in it, sorted; a language measured anew keeps the set it was in."""
    by_key = {(line.registry, line.name, line.language): line for line in lines}
    for line in new:
        key = (line.registry, line.name, line.language)
        by_key[key] = replace(line, set=by_key[key].set) if key in by_key else line
    return [by_key[key] for key in sorted(by_key)]
