"""The manifest, and archives fetched from it: whole and verified, or not there."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusion.config.errors import UserError
from fusion.packages import manifest, registries
from fusion.packages.errors import PackageError
from fusion.packages.manifest import (
    Line,
    Package,
    fetch,
    fetch_all,
    pin,
    read_lines,
    read_manifest,
    write_lines,
)

BYTES = b"an archive"
SHA256 = hashlib.sha256(BYTES).hexdigest()
PACKAGE = Package("pypi", "twice", "1.0", SHA256, len(BYTES), "MIT", ("Python",))


def line(name: str, language: str, subset: str, **fields: object) -> Line:
    held = {"registry": "pypi", "version": "1", "archive_bytes": 1, "sha256": "0" * 64, "license": "MIT",
            "project": name,            "pool_path": "", "files": 1, "lines": 10, "snippets": 5} | fields  # fmt: skip
    return Line(name=name, language=language, set=subset, **held)  # type: ignore[arg-type]


@pytest.fixture
def registry(monkeypatch):
    """What the index gives, and how often it was asked."""
    asked: list[str] = []

    def give(name: str, version: str, sha256: str, folder: Path) -> Path:
        asked.append(name)
        (folder / "archive").write_bytes(BYTES)
        return folder / "archive"

    monkeypatch.setattr(registries, "from_pypi", give)
    return asked


def test_sets_hold_the_smaller_ones(tmp_path) -> None:
    path = tmp_path / "manifest.csv"
    write_lines([line("a", "C", "core"), line("a", "Python", "small"), line("b", "C", "standard")], path)
    assert read_lines(path)[0].project == "a"
    assert [p.languages for p in read_manifest("small", path)] == [("Python",)]
    assert [p.languages for p in read_manifest("core", path)] == [("C", "Python")]
    assert [p.name for p in read_manifest("standard", path)] == ["a", "b"]
    with pytest.raises(UserError, match=r"no set 'smal' \(did you mean small\?\); it has small, core, standard"):
        read_manifest("smal", path)


def test_the_shipped_manifest() -> None:
    lines = read_lines()
    assert len({(one.registry, one.name, one.language) for one in lines}) == len(lines)
    assert len({(one.registry, one.name) for one in lines}) >= 500
    assert sum({one.sha256: one.archive_bytes for one in lines}.values()) <= 550_000_000
    assert all(one.pool_path.startswith("pool/") == one.registry.startswith("deb") for one in lines)


@pytest.mark.parametrize("spoilt", ["pypi", "x" * 5, "-"])
def test_a_broken_manifest_is_named_by_line(tmp_path, spoilt: str) -> None:
    path = tmp_path / "manifest.csv"
    write_lines([line("a", "C", "core")], path)
    path.write_text(path.read_text() + f"{spoilt},b\n")
    with pytest.raises(UserError, match=r"manifest.csv:3: not a line of the manifest; expected registry,name"):
        read_manifest("core", path)


def test_an_archive_is_fetched_once(registry, tmp_path) -> None:
    first = fetch(PACKAGE, tmp_path)
    assert first.read_bytes() == BYTES and fetch(PACKAGE, tmp_path) == first and registry == ["twice"]
    first.write_bytes(b"spoilt on disk")
    assert fetch(PACKAGE, tmp_path).read_bytes() == BYTES and len(registry) == 2


def test_another_hash_is_refused_and_nothing_kept(registry, tmp_path) -> None:
    other = Package("pypi", "twice", "1.0", "0" * 64, 10, "MIT", ("Python",))
    with pytest.raises(PackageError, match=f"pypi twice 1.0: sha256 is {SHA256}, the manifest says 0000"):
        fetch(other, tmp_path)
    assert not list((tmp_path / "packages").iterdir())


def test_what_cannot_be_had_is_said_and_the_rest_goes_on(registry, tmp_path, monkeypatch) -> None:
    lost = Package("npm", "gone", "2.0", "1" * 64, 1, "MIT", ("C",))
    odd = Package("cpan", "Odd", "3", "2" * 64, 1, "MIT", ("Perl",))
    monkeypatch.setattr(registries.shutil, "which", lambda _: None)
    got = dict(fetch_all([lost, PACKAGE, odd], tmp_path))
    assert str(got[lost]) == "npm gone 2.0: npm is not installed"
    assert "none of pypi, npm, deb, debsrc" in str(got[odd])
    assert isinstance(got[PACKAGE], Path)


def test_a_stumble_is_tried_again(registry, tmp_path, monkeypatch) -> None:
    give, stumbles = registries.from_pypi, iter([True, False])

    def stumbling(*pinned):
        if next(stumbles):
            raise PackageError("ReadTimeout while downloading")
        return give(*pinned)

    monkeypatch.setattr(registries, "from_pypi", stumbling)
    assert fetch(PACKAGE, tmp_path).is_file()


def test_pinning_takes_what_the_registry_has(tmp_path, monkeypatch) -> None:
    def newest(name: str, version: str | None, folder: Path) -> tuple[str, Path]:
        (folder / "a.tgz").write_bytes(BYTES)
        return "3.1", folder / "a.tgz"

    monkeypatch.setattr(registries, "newest_on_npm", newest)
    package = pin("npm", "@scope/twice", None, tmp_path)
    assert (package.version, package.sha256, package.project) == ("3.1", SHA256, "@scope")
    assert manifest.archive_path(package, tmp_path).read_bytes() == BYTES
    with pytest.raises(UserError, match="is one of pypi, npm, deb, debsrc"):
        pin("cpan", "Twice", None, tmp_path)


@pytest.mark.network
def test_a_package_of_the_small_set_can_be_had(tmp_path) -> None:
    smallest = min((p for p in read_manifest("small") if p.registry == "pypi"), key=lambda p: p.archive_bytes)
    assert fetch(smallest, tmp_path).stat().st_size == smallest.archive_bytes


STOPPED = """
import sys
from pathlib import Path
from fusion import console
from fusion.packages.manifest import Package, fetch, fetch_all

wanted = [Package(sys.argv[1], f"p{n}", "1", f"{n}" * 64, 1, "", ()) for n in range(9)]
cache = Path(sys.argv[2])

def main():
    for _ in fetch_all(wanted, cache) if sys.argv[3] == "all" else [fetch(wanted[0], cache)]:
        pass

sys.exit(console.run(main))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("registry_name", "how"), [("npm", "all"), ("npm", "one"), ("pypi", "all")])
def test_a_signal_ends_fetching_at_once(client, tmp_path, monkeypatch, number, registry_name, how) -> None:
    client("npm", f"echo $$ >> {tmp_path / 'asked'}; sleep 30")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(9)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        command = [sys.executable, "-c", STOPPED, registry_name, str(tmp_path), how]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0) as running:
            if registry_name == "pypi":
                silent.settimeout(60)
                held = silent.accept()[0]
            else:
                held = None
                while not (tmp_path / "asked").is_file():
                    time.sleep(0.05)
            time.sleep(0.3)
            os.killpg(running.pid, number)
            started = time.monotonic()
            assert running.wait(60) == 128 + number
            assert time.monotonic() - started < 5, "two seconds on a machine that has nothing else to do"
            assert running.stderr.read() == f"stopped by {signal.Signals(number).name}\n"
        if held is not None:
            held.close()
    for pid in (tmp_path / "asked").read_text().split() if registry_name == "npm" else []:
        assert not Path(f"/proc/{pid}").is_dir(), "no client is left behind"
    assert not list((tmp_path / "packages").iterdir())
