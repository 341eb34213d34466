"""Apt's `deb` entries -> source entries and their lists, in a temporary folder: most machines have none.

The system's entries, lists and caches stay untouched; its keys, proxies and credentials are used as they are.
"""

import atexit
import logging
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Lock

from fusion.packages.clients import NO_WAY, SILENT, complaint, run, run_to_end
from fusion.packages.errors import PackageError, Unreachable

log = logging.getLogger(__name__)

LISTS_TIMEOUT = 600  # seconds; Debian's list of sources has 10 MB, Ubuntu's 20

# Read after the system's own files. The hooks are cleared because they refresh what is the system's.
CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources/";
Dir::State::lists "{folder}/lists/";
Dir::Cache "{folder}/cache/";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "{silent}";
"""
INSTEAD = "name a mirror with FUSION_DEBIAN_MIRROR"

_one_at_a_time = Lock()


def options() -> list[str]:
    """Return the options with which apt-get and apt-cache know the sources; the first call fetches their lists.

    Raises PackageError, or Unreachable, with what came of that call.
    """
    with _one_at_a_time:
        configuration = _fetched()
    if isinstance(configuration, PackageError):
        raise type(configuration)(str(configuration))
    return ["-c", str(configuration)]


@cache
def _fetched() -> Path | PackageError:
    """Return the configuration, its lists fetched, or why they cannot be; found out once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="fusion-apt-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)  # apt fetches as a user of its own
    try:
        _write_entries(folder / "sources")
        configuration = folder / "apt.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, silent=SILENT), encoding="utf-8")
        _update(configuration)
    except PackageError as error:
        return error
    return configuration


def _update(configuration: Path) -> None:
    """Fetch the lists. Some may be missing: not everyone whom apt is told of has sources."""
    lists = configuration.with_name("lists")
    lists.mkdir()
    configuration.with_name("cache").mkdir()
    log.info("fetching apt's lists of source packages")
    command = ["apt-get", "update", "-qq", "-c", str(configuration)]
    try:
        code, _, stderr = run_to_end(command, configuration.parent, LISTS_TIMEOUT)
    except (subprocess.SubprocessError, OSError) as error:
        raise Unreachable(f"apt could not fetch the lists of sources ({type(error).__name__}); {INSTEAD}") from error
    if not any(lists.glob("*_Sources*")):
        kind = Unreachable if code < 0 or NO_WAY.search(stderr) else PackageError
        reason = complaint(stderr) or "there are none"
        raise kind(f"apt could not fetch the lists of sources ({reason}); {INSTEAD}")


def _write_entries(folder: Path) -> None:
    """Write a source entry for each entry of the system's, in the format that it has there."""
    shown = run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"], None)
    where = dict(word.split("=", 1) for word in shlex.split(shown))
    one, parts = Path(where.get("LIST", "/dev/null")), Path(where.get("PARTS", "/dev/null"))
    lines = [entry for path in (one, *sorted(parts.glob("*.list"))) for entry in source_lines(_read(path))]
    stanzas = [entry for path in sorted(parts.glob("*.sources")) for entry in source_stanzas(_read(path))]
    if not lines and not stanzas:
        raise PackageError(f"apt knows no place that packages come from; {INSTEAD}")
    folder.mkdir()
    (folder / "fusion.list").write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
    (folder / "fusion.sources").write_text("\n\n".join(dict.fromkeys(stanzas)) + "\n", encoding="utf-8")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the list may not be there, and single files may be for root alone
        return ""


def source_lines(text: str) -> Iterator[str]:
    """Entries of the one-line format, `deb [options] uri suite components` -> the same for sources."""
    for line in text.splitlines():
        kind, _, rest = " ".join(line.partition("#")[0].split()).partition(" ")
        if kind in ("deb", "deb-src") and "cdrom:" not in rest:
            yield f"deb-src {rest}"


def source_stanzas(text: str) -> Iterator[str]:
    """Entries of the deb822 format, stanzas of `Name: value` lines -> the same for sources."""
    kept = "\n".join(line.rstrip() for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n{2,}", kept):
        fields = re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        values = {name.lower(): value for name, value in fields}
        if {"deb", "deb-src"} & set(values.get("types", "").split()) and "cdrom:" not in values.get("uris", ""):
            yield "\n".join(f"{name}:{' deb-src' if name.lower() == 'types' else value}" for name, value in fields)
