"""One pinned package -> its archive, through the client that each registry is used with: pypi-simple, npm, apt.

Nothing is built, installed or run. Every function writes into the folder it is given and returns the file.
"""

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

MAX_ARCHIVE = 64 << 20  # bytes
TIMEOUT = 180  # seconds a client has for one archive, which may come over a slow line
CONNECT = 10  # seconds until a registry, or the proxy before it, must be reached
SILENT = 60  # seconds without a byte from a registry that was reached
PING = 20  # seconds for `npm ping`: npm itself waits for ever for a proxy that is silent
APT = ("-o", "Acquire::Retries=0", "-o", f"Acquire::http::Timeout={SILENT}")
NO_WAY = re.compile(  # what clients say when no connection came about
    "ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ENOTCACHED"
    "|[Cc]ould not connect|Unable to connect|Could not resolve|Temporary failure resolving"
)


class Unavailable(Exception):
    """A package could not be had; the text is the reason in a few words."""


class Unreachable(Unavailable):
    """The registry, or the way to it, does not answer: asking again, or for its other packages, is of no use."""


def from_pypi(name: str, version: str, sha256: str, folder: Path) -> Path:
    """The archive's own link from the index pip is configured with; `pip download` would run the package's build."""
    with _pypi() as client:
        link = next((p for p in _links(client, name) if p.digests.get("sha256") == sha256), None)
        if link is None:
            raise Unavailable("the index has no file with the pinned sha256")
        return _download(client, link, folder)


def newest_on_pypi(name: str, version: str | None, folder: Path) -> tuple[str, Path]:
    """The newest source archive that is no pre-release, or the one of `version`: (version, file)."""
    with _pypi() as client:
        links = [p for p in _links(client, name) if p.package_type == "sdist" and not p.is_yanked]
        links = [p for p in links if _order(p.version) and version in (None, p.version)]
        finished = [p for p in links if not _order(p.version).is_prerelease] or links
        if not finished:
            raise Unavailable("the index has no source archive of it")
        link = max(finished, key=lambda p: _order(p.version))
        return str(link.version), _download(client, link, folder)


def _order(version: str | None) -> Any:
    """A version that can be compared; None for one that no installer would take."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version or "")
    except InvalidVersion:
        return None


def _pypi() -> Any:
    from pypi_simple import PyPISimple

    return PyPISimple(_pip_index())


def _links(client: Any, name: str) -> Sequence[Any]:
    import requests
    from pypi_simple import NoSuchProjectError, UnsupportedContentTypeError

    try:
        return client.get_project_page(name, timeout=(CONNECT, SILENT)).packages
    except NoSuchProjectError as error:
        raise Unavailable("the index does not know it") from error
    except requests.Timeout as error:
        raise Unreachable(f"{type(error).__name__} while asking the index") from error
    except (requests.RequestException, UnsupportedContentTypeError, OSError) as error:
        raise _refusal(error, "asking the index") from error


def _refusal(error: Exception, doing: str) -> Unavailable:
    """What requests raised -> Unreachable if no connection came about; one that broke may be tried again."""
    from requests.adapters import MaxRetryError  # urllib3's, raised where no connection came about

    kind = Unreachable if error.args and isinstance(error.args[0], MaxRetryError) else Unavailable
    return kind(f"{type(error).__name__} while {doing}")


def _download(client: Any, link: Any, folder: Path) -> Path:
    import requests

    if (link.size or 0) > MAX_ARCHIVE:
        raise Unavailable(f"it is larger than {MAX_ARCHIVE >> 20} MB")
    target = folder / "archive"
    try:
        client.download_package(link, target, timeout=(CONNECT, SILENT))
    except (requests.RequestException, OSError) as error:
        raise _refusal(error, "downloading") from error
    return target


@cache
def _pip_index() -> str:
    """PIP_INDEX_URL, else pip's own configuration, else the public index."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return found.stdout.strip() or PYPI_SIMPLE_ENDPOINT


def from_npm(name: str, version: str, sha256: str, folder: Path) -> Path:
    return newest_on_npm(name, version, folder)[1]


def newest_on_npm(name: str, version: str | None, folder: Path) -> tuple[str, Path]:
    """`npm pack`, which neither installs nor runs scripts: (version, file)."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    _ping(npm)
    wanted = f"{name}@{version}" if version else name
    command = [npm, "pack", "--json", "--ignore-scripts", "--fetch-retries=0", wanted]
    answer = json.loads(_run(command, folder) or "[]")
    entry = answer[0] if isinstance(answer, list) else next(iter(answer.values()))
    return str(entry["version"]), next(folder.glob("*.tgz"))


@cache  # of a registry that was reached; one that was not raises Unreachable
def _ping(npm: str) -> None:
    """Any answer of the registry will do; a time limit on `npm pack` itself would fall on slow downloads."""
    try:
        _run([npm, "ping", "--fetch-retries=0", f"--fetch-timeout={CONNECT * 1000}"], None, PING)
    except Unreachable:
        raise
    except Unavailable as error:
        if isinstance(error.__cause__, subprocess.TimeoutExpired):
            raise Unreachable(f"npm had no answer in {PING} seconds") from error


def from_debian(name: str, version: str, sha256: str, folder: Path, pool_path: str) -> Path:
    """The binary package, by apt; or from the mirror in $FUSION_DEBIAN_MIRROR."""
    return _debian(["download", f"{name}={version}"], folder, pool_path)


def from_debian_source(name: str, version: str, sha256: str, folder: Path, pool_path: str) -> Path:
    """The source archive, by apt if it has source lines (deb-src); or from $FUSION_DEBIAN_MIRROR."""
    return _debian(["source", "--download-only", "--tar-only", f"{name}={version}"], folder, pool_path)


def _debian(arguments: list[str], folder: Path, pool_path: str) -> Path:
    wanted = Path(pool_path).name
    if mirror := os.environ.get("FUSION_DEBIAN_MIRROR"):
        return _get(f"{mirror.rstrip('/')}/{pool_path}", folder / wanted)
    apt = shutil.which("apt-get")
    if apt is None:
        raise Unavailable("apt is not here, and FUSION_DEBIAN_MIRROR names no mirror")
    found, refusal = folder / wanted, None
    try:
        _run([apt, "-qq", *arguments, *APT], folder)
    except Unavailable as error:  # of a source package's files the one that is wanted may have come all the same
        refusal = error
    if found.is_file():
        return found
    if refusal:
        raise refusal
    # apt escapes a version's epoch in its file names (1%3a2.0), the pool leaves it out
    others = [path for path in folder.iterdir() if path.suffix == found.suffix]
    if len(others) != 1:
        raise Unavailable("apt has another version of it")
    return others[0]


def newest_on_debian(registry: str, name: str, folder: Path) -> tuple[str, Path, str]:
    """What apt would fetch for `deb` or `debsrc`, fetched: (version, file, its path below a mirror)."""
    if shutil.which("apt-get") is None:
        raise Unavailable("apt is not here")
    source = registry == "debsrc"
    command = ["source", "--download-only", "--tar-only"] if source else ["download"]
    listed = _run(["apt-get", "-qq", "--print-uris", *command, name], folder)
    uris = [line.split("'")[1] for line in listed.splitlines() if line.startswith("'") and ".asc'" not in line]
    archives = [uri for uri in uris if ".orig." in uri] or uris
    if not archives:
        raise Unavailable("apt does not know it")
    show = (
        ["apt-cache", "showsrc", "--only-source", name] if source else ["apt-cache", "show", "--no-all-versions", name]
    )
    version = re.search(r"^Version: (\S+)", _run(show, folder), re.MULTILINE)
    pool_path = unquote("pool/" + archives[0].split("/pool/", 1)[-1])
    if version is None:
        raise Unavailable("apt names no version of it")
    pinned = (name, version[1], "", folder, pool_path)
    return version[1], from_debian_source(*pinned) if source else from_debian(*pinned), pool_path


def _get(url: str, target: Path) -> Path:
    import requests

    try:
        with requests.get(url, stream=True, timeout=(CONNECT, SILENT)) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)
                if file.tell() > MAX_ARCHIVE:
                    raise Unavailable(f"it is larger than {MAX_ARCHIVE >> 20} MB")
    except (requests.RequestException, OSError) as error:
        raise _refusal(error, "asking the mirror") from error
    return target


_running: set[subprocess.Popen[str]] = set()  # clients of this process


def _run(command: list[str], folder: Path | None, seconds: float = TIMEOUT) -> str:
    """A client's stdout. Raises Unavailable with the last line it complained with."""
    client = f"{Path(command[0]).name} {command[1] if command[1][0] != '-' else command[2]}"
    try:
        code, stdout, stderr = _ended(command, folder, seconds)
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(f"{client}: {type(error).__name__}") from error
    if code:
        said = [line for line in stderr.splitlines() if line.strip()]
        told = next((line for line in said if " code " in line or line.startswith("E:")), said[-1] if said else "")
        kind = Unreachable if code < 0 or NO_WAY.search(stderr) else Unavailable  # below 0: killed
        raise kind(f"{client} failed ({told.strip()})")
    return stdout


def _ended(command: list[str], folder: Path | None, seconds: float) -> tuple[int, str, str]:
    """A client run to its end -> its exit code, stdout and stderr; it does not outlive this call, nor its children."""
    pipe = subprocess.PIPE
    client = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, process_group=0
    )
    _running.add(client)
    try:
        stdout, stderr = client.communicate(timeout=seconds)
        return client.returncode, stdout, stderr
    finally:
        _kill(client)
        _running.discard(client)


def _kill(client: subprocess.Popen[str]) -> None:
    if client.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
        client.wait()


@atexit.register
def end_clients() -> None:
    """Kills the clients that still run: whoever waited for them has stopped."""
    for client in list(_running):
        _kill(client)
