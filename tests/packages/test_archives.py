"""Hostile archives are refused by name, and nothing is ever written."""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.packages import archives
from fusion.packages.archives import ArchiveError, members

CODE = b"print('hello')\n"


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = len(CODE)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def tar_of(*infos: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(CODE) if info.isreg() else None)
    return buffer.getvalue()


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in names:
            bundle.writestr(name, CODE)
    return buffer.getvalue()


def deb_of(data: bytes, name: str = "data.tar.xz") -> bytes:
    def entry(name: str, content: bytes) -> bytes:
        return (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
            + content
            + b"\n" * (len(content) % 2)
        )

    return b"!<arch>\n" + entry("debian-binary", b"2.0\n") + entry("control.tar.xz", b"odd") + entry(name, data)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[tuple[str, bytes]]]:
    def reading(data: bytes) -> list[tuple[str, bytes]]:
        path = tmp_path / "archive"
        path.write_bytes(data)
        try:
            return list(members(path))
        finally:
            assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == ["archive"]

    return reading


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, bz2.compress, lzma.compress])
def test_tars_are_read(read, pack) -> None:
    assert read(pack(tar_of(member("p/a.py"), member("p/b.py")))) == [("p/a.py", CODE), ("p/b.py", CODE)]


def test_zips_and_debs_are_read(read) -> None:
    assert read(zip_of("p/a.py")) == [("p/a.py", CODE)]
    inside = tar_of(member("./usr/share/doc/a.py"), member("./b", type=tarfile.SYMTYPE, linkname="/etc/b", size=0))
    assert read(deb_of(lzma.compress(inside))) == [("./usr/share/doc/a.py", CODE)]
    doc = tarfile.TarInfo("./usr/share/doc/a.sql.gz")
    packed = gzip.compress(CODE)
    doc.size = len(packed)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(doc, io.BytesIO(packed))
    assert read(deb_of(buffer.getvalue(), "data.tar")) == [("./usr/share/doc/a.sql", CODE)]


def test_links_inside_and_large_files_are_passed_over(read, monkeypatch) -> None:
    link = member("p/link", type=tarfile.SYMTYPE, linkname="../p/a.py", size=0)
    assert read(tar_of(link, member("p/a.py"))) == [("p/a.py", CODE)]
    monkeypatch.setattr(archives, "MAX_MEMBER", 3)
    assert read(tar_of(member("p/a.py"))) == [] == read(zip_of("p/a.py"))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (tar_of(member("../evil.py")), "../evil.py"),
        (tar_of(member("p/../../evil.py")), "p/../../evil.py"),
        (tar_of(member("/etc/evil.py")), "/etc/evil.py"),
        (tar_of(member("p/link", type=tarfile.SYMTYPE, linkname="../../etc/passwd", size=0)), "p/link"),
        (tar_of(member("p/link", type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0)), "p/link"),
        (tar_of(member("p/link", type=tarfile.LNKTYPE, linkname="../passwd", size=0)), "p/link"),
        (tar_of(member("p/null", type=tarfile.CHRTYPE, size=0)), "p/null"),
        (tar_of(member("p/disk", type=tarfile.BLKTYPE, size=0)), "p/disk"),
        (tar_of(member("p/pipe", type=tarfile.FIFOTYPE, size=0)), "p/pipe"),
        (zip_of("../evil.py"), "../evil.py"),
        (zip_of("/etc/evil.py"), "/etc/evil.py"),
        (zip_of("C:\\evil.py"), "evil.py"),
    ],
)
def test_what_leads_out_is_refused_by_name(read, data: bytes, named: str) -> None:
    with pytest.raises(ArchiveError, match="archive: refused") as refused:
        read(data)
    assert named in str(refused.value)


def test_too_many_members_are_refused(read, monkeypatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    names = [f"p/{n}.py" for n in range(4)]
    for data in (tar_of(*map(member, names)), zip_of(*names)):
        with pytest.raises(ArchiveError, match="more than 3 members"):
            read(data)


def test_bombs_are_refused(read, monkeypatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1 << 20)
    large = tarfile.TarInfo("p/large")
    large.size = 1 << 22
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(large, io.BytesIO(bytes(1 << 22)))
    with pytest.raises(ArchiveError, match="more than 1 MB inside"):
        read(buffer.getvalue())
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as bundle:
        for n in range(12):
            bundle.writestr(f"p/{n}.py", bytes(100_000))
    with pytest.raises(ArchiveError, match="larger than it says"):
        read(many.getvalue())


@pytest.mark.parametrize("data", [b"", b"no archive at all", deb_of(b"", "other")])
def test_what_is_no_archive_is_refused(read, data: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a readable archive"):
        read(data)


@pytest.mark.parametrize(
    "whole", [gzip.compress(tar_of(*(member(f"p/{n}.py") for n in range(50)))), zip_of("p/a.py", "p/b.py")]
)
def test_truncated_archives_are_refused(read, whole: bytes) -> None:
    with pytest.raises(ArchiveError):
        read(whole[: len(whole) // 2])


@given(
    st.binary(max_size=600), st.sampled_from([b"", b"PK\3\4", b"\x1f\x8b\x08\0", b"!<arch>\n", b"BZh9", b"\xfd7zXZ\0"])
)
def test_no_bytes_raise_anything_else(tmp_path_factory, data: bytes, magic: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "archive"
    path.write_bytes(magic + data)
    with contextlib.suppress(ArchiveError):
        list(members(path))
