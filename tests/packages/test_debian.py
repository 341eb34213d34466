"""Debian's packages: by apt or from a mirror, each the very archive that was pinned."""

from pathlib import Path

import pytest

from fusion.packages import debian
from fusion.packages.errors import PackageError
from fusion.packages.manifest import fetch, fetch_all, pin

LISTED = "echo \"'http://mirror.example/debian/pool/main/t/twice_2.orig.tar.gz' twice_2.orig.tar.gz 10 SHA256:0\""


@pytest.fixture
def no_lists(monkeypatch):
    """Stands for source entries that were fetched."""
    monkeypatch.setattr(debian.apt_sources, "options", lambda: ["-c", "own.conf"])


def test_a_mirror_that_the_user_names_is_asked_alone(client, package, content, tmp_path, monkeypatch) -> None:
    asked = []

    def get(url: str, target: Path) -> Path:
        asked.append(url)
        target.write_bytes(content)
        return target

    client("apt-get", "exit 9")
    monkeypatch.setenv("FUSION_DEBIAN_MIRROR", "https://mirror.example/debian/")
    monkeypatch.setattr(debian, "_get", get)
    for registry in ("deb", "debsrc"):
        assert fetch(package(registry, pool_path="pool/main/t/twice_1.tar"), tmp_path).read_bytes() == content
        (tmp_path / "packages" / package(registry).sha256).unlink()
    assert asked == ["https://mirror.example/debian/pool/main/t/twice_1.tar"] * 2


def test_apt_downloads_and_takes_what_came(client, package, content, tmp_path, no_lists) -> None:
    client("apt-get", f'test "$1" = download && printf "{content.decode()}" > twice_1%3a2_all.deb')
    deb = package("deb", version="1:2", pool_path="pool/main/t/twice_2_all.deb")
    assert fetch(deb, tmp_path).read_bytes() == content
    (tmp_path / "packages" / deb.sha256).unlink()
    client("apt-get", f'printf "{content.decode()}" > twice_2.orig.tar.gz\necho "E: other file gone" >&2\nexit 100')
    source = package("debsrc", version="2-1", pool_path="pool/main/t/twice_2.orig.tar.gz")
    assert fetch(source, tmp_path).read_bytes() == content, "the archive came, its signature did not"


@pytest.mark.parametrize(("version", "asked"), [("2-1", "twice=2-1"), ("", "twice")])
def test_sources_are_asked_for_with_entries_of_our_own(version, asked, client, package, tmp_path, no_lists) -> None:
    client("apt-get", f'echo "$*" >> {tmp_path / "asked"}; echo "E: nothing here" >&2; exit 100')
    source = package("debsrc", version=version, pool_path="pool/main/t/twice_2.orig.tar.gz")
    with pytest.raises(PackageError, match=r"^debsrc twice( 2-1)?: apt-get source failed \(E: nothing here\)$"):
        fetch(source, tmp_path)
    words = (tmp_path / "asked").read_text().split("\n")[0].split(" ")
    assert words[:4] == ["source", "--download-only", "--tar-only", asked] and words[4:6] == ["-c", "own.conf"]


def test_without_apt_every_package_has_the_same_reason(package, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(debian.shutil, "which", lambda _: None)
    wanted = [package("debsrc", name) for name in ("twice", "thrice")] + [package("deb")]
    reasons = {str(error).partition(": ")[2] for _, error in fetch_all(wanted, tmp_path)}
    assert reasons == {"apt is not here, and FUSION_DEBIAN_MIRROR names no mirror"}


def test_pinning_a_source(client, content, tmp_path, no_lists) -> None:
    client(
        "apt-get", f'case "$*" in *print-uris*) {LISTED};; *) printf "{content.decode()}" > twice_2.orig.tar.gz;; esac'
    )
    client("apt-cache", 'case "$*" in *own.conf*) echo "Package: twice"; echo "Version: 2-1";; esac')
    package = pin("debsrc", "twice", None, tmp_path)
    assert (package.version, package.pool_path) == ("2-1", "pool/main/t/twice_2.orig.tar.gz")
