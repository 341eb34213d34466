"""Archive -> a stream of its ordinary files. Nothing is unpacked to disk, and hostile archives are refused by name.

Read: tar (plain, gzip, bzip2, xz), zip and wheel, Debian's .deb (an ar archive that holds a tar).
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from fusion.packages.errors import ArchiveError

MAX_MEMBER = 400_000  # bytes; larger files are not what people write by hand
MAX_MEMBERS = 50_000  # an archive with more is refused
MAX_UNPACKED = 512 << 20  # bytes, against bombs
MAX_DIRECTORY = 16 << 20  # bytes of a zip's list of members

_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)


class _Metered(io.RawIOBase):
    """A decompressing stream that stops at MAX_UNPACKED bytes, whatever the headers inside it claim."""

    def __init__(self, stream: Any):
        self.stream, self.left = stream, MAX_UNPACKED

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(data)
        if self.left < 0:
            raise ArchiveError(f"more than {MAX_UNPACKED >> 20} MB inside")
        return data


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Archive -> (path inside, bytes) of its ordinary files up to MAX_MEMBER bytes, in the archive's order.

    Links inside the archive are passed over. Raises ArchiveError naming the archive and the member for a path or
    link that leads out of it, a device, too many members, too much inside, or bytes that are no archive.
    """
    try:
        with archive.open("rb") as file:
            yield from _entries(file)
    except ArchiveError as error:
        raise ArchiveError(f"{archive.name}: refused, {error}") from error
    except _BROKEN as error:
        raise ArchiveError(f"{archive.name}: not a readable archive ({error})") from error


def _entries(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    head = file.read(8)
    file.seek(0)
    if head == b"!<arch>\n":
        yield from _deb(file)
    elif head.startswith(b"PK"):
        yield from _zip(file)
    else:
        yield from _tar(file, head, rooted=False)


def _tar(file: IO[bytes], head: bytes, rooted: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a tar. `rooted`: it is unpacked at /, so that absolute links in it are ordinary (.deb)."""
    opener = next((opener for magic, opener in _OPENERS if head.startswith(magic)), None)
    stream = _Metered(opener(file) if opener else file)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for count, member in enumerate(tar):
            if count >= MAX_MEMBERS:
                raise ArchiveError(f"more than {MAX_MEMBERS} members")
            _check(member, rooted)
            if member.isreg() and 0 < member.size <= MAX_MEMBER:
                content = tar.extractfile(member)
                assert content is not None
                data = content.read()
                if len(data) != member.size:
                    raise EOFError("it ends in the middle of a member")
                yield member.name, data
            tar.members = []  # type: ignore[attr-defined]  # or every header of the archive stays in memory


def _check(member: tarfile.TarInfo, rooted: bool) -> None:
    """Raise ArchiveError for a member that is a device or leads out of the archive."""
    if _escapes(member.name):
        raise ArchiveError(f"the member {member.name!r} leads out of it")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise ArchiveError(f"the member {member.name!r} is a device or pipe")
    if member.issym() or member.islnk():
        start = str(PurePosixPath(member.name).parent) if member.issym() else "."
        absolute = member.linkname.startswith("/")
        if (absolute and not rooted) or (not absolute and _climbs(f"{start}/{member.linkname}")):
            raise ArchiveError(f"the link {member.name!r} leads out of it, to {member.linkname!r}")


def _zip(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # the public reader would load a million entries first
    if end and (end[zipfile._ECD_ENTRIES_TOTAL] > MAX_MEMBERS or end[zipfile._ECD_SIZE] > MAX_DIRECTORY):  # type: ignore[attr-defined]
        raise ArchiveError(f"more than {MAX_MEMBERS} members")
    left = MAX_UNPACKED
    with zipfile.ZipFile(file) as bundle:
        for count, info in enumerate(bundle.infolist()):
            if count >= MAX_MEMBERS:
                raise ArchiveError(f"more than {MAX_MEMBERS} members")
            if _escapes(info.filename):
                raise ArchiveError(f"the member {info.filename!r} leads out of it")
            if info.is_dir() or not 0 < info.file_size <= MAX_MEMBER:
                continue
            if info.flag_bits & 0x1:
                raise ArchiveError(f"the member {info.filename!r} is encrypted")
            with bundle.open(info) as content:
                data = content.read(MAX_MEMBER + 1)
            left -= len(data)
            if left < 0 or len(data) > MAX_MEMBER:
                raise ArchiveError(f"the member {info.filename!r} is larger than it says")
            yield info.filename, data


def _deb(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a .deb's data.tar; those that Debian compressed singly (name.gz) are given uncompressed."""
    file.seek(8)
    while len(header := file.read(60)) == 60:
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
        if name.startswith("data.tar"):
            if name.endswith(".zst"):
                raise ArchiveError("its data.tar is compressed with zstd, which is not read here")
            start = file.tell()
            head = file.read(8)
            file.seek(start)
            for path, data in _tar(file, head, rooted=True):
                yield (path[:-3], _gunzip(data)) if path.endswith(".gz") else (path, data)
            return
        file.seek(size + size % 2, io.SEEK_CUR)
    raise EOFError("it has no data.tar")


def _gunzip(data: bytes) -> bytes:
    """Return what was compressed, b'' if that is too large or no gzip."""
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            plain = stream.read(MAX_MEMBER + 1)
    except (OSError, EOFError):
        return b""
    return plain if len(plain) <= MAX_MEMBER else b""


def _escapes(name: str) -> bool:
    return name.startswith(("/", "\\")) or name[1:3] == ":\\" or ".." in name.replace("\\", "/").split("/")


def _climbs(path: str) -> bool:
    """Return whether a relative path, followed from the archive's root, ever leaves it."""
    depth = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return False
