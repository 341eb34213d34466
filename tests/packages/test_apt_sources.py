"""Source entries of our own: derived from the system's, fetched once, and nothing of the system's is changed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fusion.packages import apt_sources, debian
from fusion.packages.apt_sources import options, source_lines, source_stanzas
from fusion.packages.errors import PackageError, Unreachable
from fusion.packages.manifest import fetch, fetch_all, read_manifest

LINES = """\
# deb http://old.example/debian stable main
deb http://deb.example/debian stable main contrib  # ours
deb-src http://deb.example/debian stable main contrib
deb\t[arch=amd64 signed-by=/usr/share/keyrings/x.gpg]   https://x.example/apt stable main
deb cdrom:[Debian 12]/ stable main
rpm http://x.example/rpm

"""
STANZAS = """\
# the main one
Types: deb
# http://snapshot.example/debian
URIs: http://deb.example/debian
Suites: stable stable-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----


types: deb-src deb
URIs: http://other.example/debian
Suites: stable
Components: main
Enabled: no
 \t
Types: deb
URIs: cdrom:[Debian 12]/
Suites: stable
Components: main

Types: rpm
URIs: http://x.example/rpm
"""


def test_one_line_entries_become_source_entries() -> None:
    assert list(source_lines(LINES)) == [
        "deb-src http://deb.example/debian stable main contrib",
        "deb-src http://deb.example/debian stable main contrib",
        "deb-src [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://x.example/apt stable main",
    ]


def test_stanzas_become_source_stanzas_with_all_that_they_say() -> None:
    first, second = source_stanzas(STANZAS)
    assert first.split("\n") == [
        "Types: deb-src", "URIs: http://deb.example/debian", "Suites: stable stable-updates", "Components: main",
        "Signed-By:", " -----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " abc", " -----END PGP PUBLIC KEY BLOCK-----",
    ]  # fmt: skip
    assert second.startswith("types: deb-src\nURIs: http://other") and second.endswith("Enabled: no")
    assert not [*source_stanzas(""), *source_stanzas("\n\n# nothing\n")]


@pytest.fixture
def system(client, tmp_path):
    """A system whose apt has these entries; system(script): what its `apt-get update` does, in the lists' folder."""
    etc = tmp_path / "etc"
    (etc / "parts").mkdir(parents=True)
    (etc / "sources.list").write_text("deb http://one.example/debian stable main\n")
    (etc / "parts" / "two.list").write_text("deb http://two.example/debian stable main\n")
    (etc / "parts" / "three.sources").write_text("Types: deb\nURIs: http://three.example/debian\nSuites: stable\n")
    (etc / "parts" / "four.list.disabled").write_text("deb http://four.example/debian stable main\n")
    client("apt-config", f"echo \"LIST='{etc}/sources.list'\"; echo \"PARTS='{etc}/parts/'\"")

    def update(script: str) -> None:
        count = f'echo "$*" >> {tmp_path}/asked; test "$1" = update || {{ echo "E: no such source" >&2; exit 100; }}'
        client("apt-get", f'{count}; cd "$(dirname "$4")/lists"; {script}')

    return update


def test_every_entry_of_the_system_is_taken_and_the_lists_are_fetched_once(system, tmp_path) -> None:
    system("touch one_source_Sources.lz4")
    assert options() == options() and (tmp_path / "asked").read_text().count("update") == 1
    configuration = Path(options()[1])
    own = configuration.parent
    assert 'Dir::Etc::sourcelist "/dev/null";' in configuration.read_text()
    for folder in ("sources", "lists", "cache"):
        assert f'"{own}/{folder}/"' in configuration.read_text() and (own / folder).is_dir()
    assert (own / "sources" / "fusion.list").read_text() == (
        "deb-src http://one.example/debian stable main\ndeb-src http://two.example/debian stable main\n"
    )
    assert "Types: deb-src\nURIs: http://three" in (own / "sources" / "fusion.sources").read_text()
    assert own.stat().st_mode & 0o777 == 0o755, "apt fetches as a user of its own"


def test_lists_that_cannot_be_fetched_are_asked_for_once(system, package, tmp_path) -> None:
    system("echo \"W: Failed to fetch http://one.example/InRelease  Temporary failure resolving 'one.example'\" >&2")
    wanted = [package("debsrc", name, pool_path="pool/a.tar") for name in "abcdefgh"]
    found = [error for _, error in fetch_all(wanted, tmp_path)]
    assert all(isinstance(error, Unreachable) for error in found)
    told = "debsrc a 1.0: apt could not fetch the lists of sources (W: Failed to fetch http://one.example/InRelease"
    assert str(found[0]).startswith(told) and str(found[0]).endswith("); name a mirror with FUSION_DEBIAN_MIRROR")
    assert (tmp_path / "asked").read_text().count("update") == 1


def test_a_place_without_sources_costs_only_its_own(system, package, tmp_path) -> None:
    system("touch one_source_Sources; echo 'E: The repository two.example does not have a Release file.' >&2; exit 100")
    with pytest.raises(PackageError, match=r"apt-get source failed \(E: no such source\)"):
        fetch(package("debsrc", pool_path="pool/a.tar"), tmp_path)
    assert "source --download-only --tar-only twice=1.0 -c" in (tmp_path / "asked").read_text()


def test_a_repository_that_is_gone_is_no_lost_network(system) -> None:
    system("echo 'E: The repository one.example does not have a Release file.' >&2; exit 100")
    for _ in range(2):
        with pytest.raises(PackageError, match="does not have a Release file") as refused:
            options()
        assert type(refused.value) is PackageError


def test_a_system_without_entries_is_told_what_to_do(system, client) -> None:
    client("apt-config", "echo \"LIST='/nowhere'\"")
    with pytest.raises(PackageError, match="knows no place that packages come from; name a mirror with FUSION_DEBIAN"):
        options()


def test_the_temporary_folder_goes_with_the_process(system, tmp_path) -> None:
    system("touch one_Sources")
    code = "from fusion.packages.apt_sources import options; print(options()[1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("/apt.conf\n") and not Path(done.stdout.strip()).parent.exists()


@pytest.mark.network
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not here")
def test_sources_come_though_the_system_has_no_entries_for_them(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("FUSION_DEBIAN_MIRROR", raising=False)
    apt_sources._fetched.cache_clear()
    lists = {path: path.stat().st_mtime_ns for path in Path("/var/lib/apt/lists").glob("*")}
    wanted = [
        p for p in read_manifest("standard") if p.registry == "debsrc" and p.name in ("cl-cffi", "erlang-poolboy")
    ]
    assert len(wanted) == 2 and all(isinstance(found, Path) for _, found in fetch_all(wanted, tmp_path))
    assert {path: path.stat().st_mtime_ns for path in Path("/var/lib/apt/lists").glob("*")} == lists
    assert debian.apt_sources is apt_sources
