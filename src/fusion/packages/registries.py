"""One pinned package of PyPI or npm -> its archive, through the client that each is used with.

Nothing is built, installed or run. Every function writes into the folder it is given and returns the file.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fusion.packages.clients import CONNECT, MAX_ARCHIVE, SILENT, TIMEOUT, connection_error, run
from fusion.packages.errors import PackageError, Unreachable

PING = 20  # seconds for `npm ping`: npm itself waits for ever for a proxy that is silent


def from_pypi(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Download from the link in the index that pip is configured with; `pip download` would run the package's build."""
    with _pypi() as client:
        link = next((p for p in _links(client, name) if p.digests.get("sha256") == sha256), None)
        if link is None:
            raise PackageError("the index has no file with the pinned sha256")
        return _download(client, link, folder)


def newest_on_pypi(name: str, version: str | None, folder: Path) -> tuple[str, Path]:
    """Download the newest source archive that is no pre-release, or the one of `version`: (version, file)."""
    with _pypi() as client:
        links = [p for p in _links(client, name) if p.package_type == "sdist" and not p.is_yanked]
        links = [p for p in links if _order(p.version) and version in (None, p.version)]
        finished = [p for p in links if not _order(p.version).is_prerelease] or links
        if not finished:
            raise PackageError("the index has no source archive of it")
        link = max(finished, key=lambda p: _order(p.version))
        return str(link.version), _download(client, link, folder)


def _order(version: str | None) -> Any:
    """Return a version that can be compared; None for one that no installer would take."""
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
        raise PackageError("the index does not know it") from error
    except requests.Timeout as error:
        raise Unreachable(f"{type(error).__name__} while asking the index") from error
    except (requests.RequestException, UnsupportedContentTypeError, OSError) as error:
        raise connection_error(error, "asking the index") from error


def _download(client: Any, link: Any, folder: Path) -> Path:
    import requests

    if (link.size or 0) > MAX_ARCHIVE:
        raise PackageError(f"it is larger than {MAX_ARCHIVE >> 20} MB")
    target = folder / "archive"
    try:
        client.download_package(link, target, timeout=(CONNECT, SILENT))
    except (requests.RequestException, OSError) as error:
        raise connection_error(error, "downloading") from error
    return target


@cache
def _pip_index() -> str:
    """Return PIP_INDEX_URL, else what pip is configured with, else the public index."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return answer.stdout.strip() or PYPI_SIMPLE_ENDPOINT


def from_npm(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Download what `npm pack` gives for the version."""
    return newest_on_npm(name, version, folder)[1]


def newest_on_npm(name: str, version: str | None, folder: Path) -> tuple[str, Path]:
    """Call `npm pack`, which neither installs nor runs scripts: (version, file)."""
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError("npm is not installed")
    _ping(npm)
    wanted = f"{name}@{version}" if version else name
    command = [npm, "pack", "--json", "--ignore-scripts", "--fetch-retries=0", wanted]
    answer = json.loads(run(command, folder) or "[]")
    entry = answer[0] if isinstance(answer, list) else next(iter(answer.values()))
    return str(entry["version"]), next(folder.glob("*.tgz"))


@cache  # of a registry that was reached; one that was not raises Unreachable
def _ping(npm: str) -> None:
    """Wait for any answer of the registry; a time limit on `npm pack` itself would fall on slow downloads."""
    try:
        run([npm, "ping", "--fetch-retries=0", f"--fetch-timeout={CONNECT * 1000}"], None, PING)
    except Unreachable:
        raise
    except PackageError as error:
        if isinstance(error.__cause__, subprocess.TimeoutExpired):
            raise Unreachable(f"npm had no answer in {PING} seconds") from error
