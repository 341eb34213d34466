"""Packages -> table: the same bytes from any number of workers and after any interruption; what is missing is said."""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.packed import c_of, python_of

from fusion.config.data import Packages
from fusion.config.errors import UserError
from fusion.snippets import sources
from fusion.snippets.corpus import package_cache
from fusion.snippets.corpus.assemble import _even_share
from fusion.snippets.corpus.build import build
from fusion.snippets.snippet import SCHEMA


def built(data: Packages, cache: Path):
    return build(data, cache, sources.no_progress)


def test_a_table_has_every_column_and_its_projects_keep_to_one_side(stocked, data, cache_folder) -> None:
    table = sources.load(data, cache_folder)
    assert table.schema == SCHEMA
    assert set(table["label"].to_pylist()) == {"C", "Python"}
    sides: dict[str, set[str]] = {}
    for row in table.to_pylist():
        sides.setdefault(row["group"], set()).add(row["split"])
        assert row["lines"] == row["text"].count("\n") + 1 <= 40
        assert (row["source"], row["license"]) == ("pypi", "MIT") and row["path"].startswith(
            f"{row['group']}:src/code."
        )
    assert len(sides) == 8 and all(len(found) == 1 for found in sides.values())
    assert len(set(table["id"].to_pylist())) == table.num_rows


def test_workers_seeds_and_interruptions(stocked, data, cache_folder, monkeypatch) -> None:
    first = built(data, cache_folder)
    assert built(data, cache_folder).path == first.path, "from the cache"
    monkeypatch.setattr(package_cache, "MIN_FOR_WORKERS", 2)
    bytes_of = first.path.read_bytes()
    for path in [*cache_folder.glob("parts/*.parquet")][::2]:  # a build killed half-way
        path.unlink()
    first.path.unlink()
    assert built(replace(data, workers=2), cache_folder).path.read_bytes() == bytes_of
    other = built(replace(data, seed=1), cache_folder)
    assert other.report.split_hash != first.report.split_hash


def test_a_killed_build_leaves_whole_files_and_no_workers(stocked, data, cache_folder, tmp_path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(
        "import os, signal, sys\nfrom pathlib import Path\nfrom fusion.config.data import Packages\n"
        "from fusion.packages import manifest\n"
        "from fusion.snippets import sources\n"
        "from fusion.snippets.corpus import build, package_cache\n"
        f"manifest.DATA_DIR = Path({str(tmp_path / 'data')!r})\nadd, count = package_cache._add, []\n"
        "def dying(*task):\n    count.append(1)\n    len(count) < 4 or os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return add(*task)\n"
        f"package_cache._add = dying\nbuild.build({data!r}, Path({str(cache_folder)!r}), sources.no_progress)\n"
    )
    done = subprocess.run(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(list(cache_folder.glob("parts/*[!s].parquet"))) == 3 and not list(cache_folder.glob("snippets/*"))
    resumed = built(data, cache_folder)
    for path in cache_folder.glob("parts/*"):
        path.unlink()
    kept = resumed.path.read_bytes()
    resumed.path.unlink()
    assert built(data, cache_folder).path.read_bytes() == kept


def test_what_cannot_be_had_or_is_hostile_is_said_with_its_cost(stocked, data, cache_folder, caplog) -> None:
    stocked("ibis", {"src/code.py": python_of("ibis")}, "Python", lost=True)
    stocked("jackal", {"../../evil.py": "x"}, "C")
    report = built(data, cache_folder).report
    assert set(report.missing) == {"pypi ibis", "pypi jackal"} and report.packages == 8
    assert report.costs == {"Python": [1, 30], "C": [1, 30]}
    assert "pypi ibis 1.0: the index does not know it" in caplog.text and "evil.py" in caplog.text
    assert "that costs projects (snippets) of C 1 (30), Python 1 (30)" in caplog.text


def test_copies_are_dropped_and_clones_joined(stocked, data, cache_folder) -> None:
    stocked("wasp", {"src/code.py": python_of("bee"), "src/own.py": python_of("wasp", 6)}, "Python")
    found = built(data, cache_folder)
    assert [(one, other) for one, other, _ in found.report.joined] == [("bee", "wasp")]
    assert found.report.exact + found.report.near >= 6
    assert set(found.table["group"].to_pylist()) == {"ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen"}
    sides = {row["split"] for row in found.table.to_pylist() if row["path"].startswith(("bee:", "wasp:"))}
    assert len(sides) == 1


def test_a_text_under_two_labels_is_left_out_under_both(shelf, stocked, data, cache_folder) -> None:
    same = "\n".join(f"int value_{n} = compute_{n}(first_{n});" for n in range(12))
    stocked("mole", {"a.c": same}, "C")
    stocked("newt", {"a.cpp": same}, "C++")
    for name in ("owl", "pig", "rat"):
        stocked(name, {"a.cpp": "namespace x {\n" + c_of(name) + "}\n"}, "C++")
    found = built(data, cache_folder)
    assert found.report.clashing + found.report.near >= 1
    assert not {"mole", "newt"} <= set(found.table["group"].to_pylist())


def test_dialects_count_as_their_language_unless_told(stocked, data, cache_folder) -> None:
    for name in ("owl", "pig", "rat"):
        rows = "".join(
            f"export const {name}{n} = () => (\n  <tr>\n    <td>{{{name}_{n}}}</td>\n" * 4 + "  </tr>);\n\n"
            for n in "abcde"
        )
        stocked(name, {"a.jsx": "import React from 'react';\n" + rows}, "JSX")
    assert "JavaScript" in set(built(data, cache_folder).table["label"].to_pylist())
    assert "JSX" in set(built(replace(data, merge={}), cache_folder).table["label"].to_pylist())


def test_caps(stocked, data, cache_folder) -> None:
    few = built(replace(data, per_package=5), cache_folder).table
    assert set(Counter(few["group"].to_pylist()).values()) == {5}
    even = built(replace(data, per_label=12), cache_folder).table
    assert Counter(even["group"].to_pylist()) == dict.fromkeys(set(even["group"].to_pylist()), 3)
    assert _even_share([1, 100, 100], 61) == 30 and _even_share([1, 2], 100) == 2 and _even_share([5] * 9, 3) == 1


def test_languages_can_be_chosen(stocked, data, cache_folder) -> None:
    stocked("ibis", {"src/code.py": python_of("ibis")}, "Python", lost=True)
    assert not built(replace(data, languages=["C"]), cache_folder).report.missing, "only what is asked for is fetched"
    with pytest.raises(UserError, match=r"data=small has only the label 'C'; at least 2"):
        sources.load(replace(data, languages=["C"]), cache_folder)
    with pytest.raises(UserError, match=r"data\.languages has Go, which the set 'small' does not; it has C, Python"):
        built(replace(data, languages=["Go"]), cache_folder)


def test_a_language_of_two_projects_is_left_out(stocked, data, cache_folder) -> None:
    for name in ("owl", "pig"):
        stocked(name, {"a.go": c_of(name)}, "Go")
    found = built(data, cache_folder)
    assert found.report.left_out == {"Go": 2} and "Go" not in found.table["label"].to_pylist()


def test_nothing_at_all(shelf, data, cache_folder) -> None:
    shelf("ant", {"a.py": python_of("ant")}, "Python", lost=True)
    with pytest.raises(UserError, match="None of the pinned packages could be had"):
        built(data, cache_folder)


def test_a_limit_thins_every_label_alike(stocked, data, cache_folder) -> None:
    table = sources.load(replace(data, limit=20), cache_folder)
    assert table.num_rows <= 24 and set(table["split"].to_pylist()) == {"train", "val", "test"}
