"""Debian's packages -> their archives: by apt, or from the mirror in $FUSION_DEBIAN_MIRROR."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

from fusion.packages import apt_sources
from fusion.packages.clients import CONNECT, MAX_ARCHIVE, SILENT, connection_error, run
from fusion.packages.errors import PackageError

APT = ("-qq", "-o", "Acquire::Retries=0", "-o", f"Acquire::http::Timeout={SILENT}")


def from_debian(name: str, version: str, sha256: str, folder: Path, pool_path: str) -> Path:
    """Return the binary package."""
    wanted = folder / Path(pool_path).name
    return _from_mirror(pool_path, wanted) or _from_apt(["download", f"{name}={version}"], wanted)


def from_debian_source(name: str, version: str, sha256: str, folder: Path, pool_path: str) -> Path:
    """Return the source archive, found by source entries of fusion's own (see apt_sources)."""
    wanted = folder / Path(pool_path).name
    if mirrored := _from_mirror(pool_path, wanted):
        return mirrored
    _check_apt()
    command = ["source", "--download-only", "--tar-only", f"{name}={version}" if version else name]
    return _from_apt([*command, *apt_sources.options()], wanted)


def _from_mirror(pool_path: str, target: Path) -> Path | None:
    """Return the file from the mirror that the user names, None if there is none."""
    mirror = os.environ.get("FUSION_DEBIAN_MIRROR")
    return _get(f"{mirror.rstrip('/')}/{pool_path}", target) if mirror else None


def _check_apt() -> None:
    if shutil.which("apt-get") is None:
        raise PackageError("apt is not here, and FUSION_DEBIAN_MIRROR names no mirror")


def _from_apt(arguments: list[str], wanted: Path) -> Path:
    _check_apt()
    refusal = None
    try:
        run(["apt-get", *arguments, *APT], wanted.parent)
    except PackageError as error:  # of a source package's files the one that is wanted may have come all the same
        refusal = error
    if wanted.is_file():
        return wanted
    if refusal:
        raise refusal
    # apt escapes a version's epoch in its file names (1%3a2.0), the pool leaves it out
    others = [path for path in wanted.parent.iterdir() if path.suffix == wanted.suffix]
    if len(others) != 1:
        raise PackageError("apt has another version of it")
    return others[0]


def newest_on_debian(registry: str, name: str, folder: Path) -> tuple[str, Path, str]:
    """Fetch what apt offers for `deb` or `debsrc`: (version, file, its path below a mirror)."""
    if shutil.which("apt-get") is None:
        raise PackageError("apt is not here")
    source = registry == "debsrc"
    options = apt_sources.options() if source else []
    command = ["source", "--download-only", "--tar-only"] if source else ["download"]
    listed = run(["apt-get", *command, name, "--print-uris", "-qq", *options], folder)
    uris = [line.split("'")[1] for line in listed.splitlines() if line.startswith("'") and ".asc'" not in line]
    archives = [uri for uri in uris if ".orig." in uri] or uris
    if not archives:
        raise PackageError("apt does not know it")
    show = ["showsrc", "--only-source", name, *options] if source else ["show", "--no-all-versions", name]
    version = re.search(r"^Version: (\S+)", run(["apt-cache", *show], folder), re.MULTILINE)
    pool_path = unquote("pool/" + archives[0].split("/pool/", 1)[-1])
    if version is None:
        raise PackageError("apt names no version of it")
    fetch = from_debian_source if source else from_debian
    return version[1], fetch(name, version[1], "", folder, pool_path), pool_path


def _get(url: str, target: Path) -> Path:
    import requests

    try:
        with requests.get(url, stream=True, timeout=(CONNECT, SILENT)) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)
                if file.tell() > MAX_ARCHIVE:
                    raise PackageError(f"it is larger than {MAX_ARCHIVE >> 20} MB")
    except (requests.RequestException, OSError) as error:
        raise connection_error(error, "asking the mirror") from error
    return target
