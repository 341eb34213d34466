"""PyPI and npm: archives without running anything, and what a registry without an answer costs."""

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fusion.packages import manifest, registries
from fusion.packages.errors import PackageError, Unreachable
from fusion.packages.manifest import Package, fetch, fetch_all

NPM = [Package("npm", f"twice{n}", "1.0", f"{n}" * 64, 10, "MIT", ("JavaScript",)) for n in range(6)]


def test_npm_packs_without_running_scripts(client, package, content, tmp_path) -> None:
    check = (
        'case "$*" in ping*) exit 0;; "pack --json --ignore-scripts --fetch-retries=0 twice@1.0") ;; *) exit 9; esac'
    )
    answer = """echo '[{"name": "twice", "version": "1.0"}]'"""
    client("npm", f'{check}\nprintf "{content.decode()}" > twice-1.0.tgz\n{answer}')
    assert fetch(package("npm"), tmp_path).read_bytes() == content


def test_what_a_client_complains_of_is_passed_on(client, package, tmp_path) -> None:
    client("npm", "echo 'npm error code E404' >&2\necho 'npm error more' >&2\nexit 1")
    with pytest.raises(PackageError, match=r"npm twice 1.0: npm pack failed \(npm error code E404\)"):
        fetch(package("npm"), tmp_path)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'npm error code ECONNREFUSED' >&2; exit 1", r"npm ping failed \(npm error code ECONNREFUSED\)"),
        ("sleep 60", "npm had no answer in 0.2 seconds"),
    ],
)
def test_a_registry_that_cannot_be_reached_is_asked_once(client, package, tmp_path, monkeypatch, script, why) -> None:
    monkeypatch.setattr(registries, "PING", 0.2)
    monkeypatch.setattr(manifest, "AT_ONCE", 1)
    monkeypatch.setattr(
        registries, "from_pypi", lambda *pinned: (pinned[3] / "a").write_bytes(b"an archive") and pinned[3] / "a"
    )
    client("npm", f'echo "$*" >> {tmp_path / "asked"}; {script}')
    other = package("pypi")
    found = dict(fetch_all([*NPM, other], tmp_path))
    assert (tmp_path / "asked").read_text().count("\n") == 1, "nor is it tried twice"
    assert all(isinstance(found[lost], Unreachable) for lost in NPM)
    assert re.search(f"npm twice0 1.0: {why}", str(found[NPM[0]])) and "not tried, for npm could" in str(found[NPM[5]])
    assert isinstance(found[other], Path), "another registry is asked all the same"
    assert [path.name for path in (tmp_path / "packages").iterdir()] == [other.sha256]


def test_a_registry_that_says_no_was_reached(client, tmp_path) -> None:
    client("npm", "echo \"$*\" >> ../../asked; echo 'npm error code E404' >&2; exit 1")
    found = [error for _, error in fetch_all(NPM[:2], tmp_path)]
    assert [str(error) for error in found] == [
        f"npm twice{n} 1.0: npm pack failed (npm error code E404)" for n in (0, 1)
    ]


@pytest.mark.parametrize("port", ["refused", "silent"])
def test_an_index_without_an_answer_is_not_asked_again(port, package, tmp_path, monkeypatch) -> None:
    asked = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if port == "silent":
            listening.listen(9)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(registries, "SILENT", 0.2)
        monkeypatch.setattr(manifest, "AT_ONCE", 1)
        registries._pip_index.cache_clear()
        real = registries.from_pypi
        monkeypatch.setattr(registries, "from_pypi", lambda *pinned: asked.append(pinned[0]) or real(*pinned))
        wanted = [package("pypi"), replace(package("pypi"), name="thrice")]
        found = [error for _, error in fetch_all(wanted, tmp_path)]
    registries._pip_index.cache_clear()
    assert asked == ["twice"] and all(isinstance(error, Unreachable) for error in found)
