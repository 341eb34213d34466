"""What was cut from a package: two files in the cache, whatever became of the process."""

import pytest
from tests.packed import python_of

from fusion.packages.errors import ArchiveError
from fusion.packages.manifest import read_manifest
from fusion.snippets.corpus.package_cache import PackageCache, read_line_hashes


def test_the_lines_are_those_of_the_whole_package(stocked, cache_folder) -> None:
    package = next(p for p in read_manifest("small") if p.name == "ant")
    windows = PackageCache(cache_folder, max_windows=2, seed=0).add(package)
    lines = {line.strip() for line in python_of("ant").split("\n") if len(line.strip()) >= 25}
    assert len(read_line_hashes(windows)["Python"]) == len(lines)


def test_a_package_is_cut_once_for_a_seed_and_a_cap(stocked, cache_folder) -> None:
    package = read_manifest("small")[0]
    cache = PackageCache(cache_folder, max_windows=2, seed=0)
    assert not cache.has(package)
    path = cache.add(package)
    before = path.stat().st_mtime_ns
    assert cache.has(package) and cache.add(package) == path and path.stat().st_mtime_ns == before
    others = [PackageCache(cache_folder, 3, 0), PackageCache(cache_folder, 2, 1)]
    assert len({path, *(other.path(package) for other in others)}) == 3


def test_an_archive_that_is_refused_is_named_and_leaves_nothing(stocked, cache_folder) -> None:
    stocked("jackal", {}, "C", data=b"no archive")
    package = next(p for p in read_manifest("small") if p.name == "jackal")
    cache = PackageCache(cache_folder, 2, 0)
    with pytest.raises(ArchiveError, match=r"pypi jackal 1\.0: .*not a readable archive"):
        cache.add(package)
    assert [type(found) for found in cache.add_all([package], workers=1)] == [ArchiveError]
    assert not list((cache_folder / "parts").iterdir())
