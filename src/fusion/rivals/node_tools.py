"""Tools that run in another program: guesslang and highlight.js by node, linguist by ruby.

The user's own npm puts the first two into the cache, at the versions and checksums of node/package-lock.json.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fusion.config.paths import cache_dir
from fusion.packages.clients import run
from fusion.packages.errors import PackageError
from fusion.rivals.child import JsonLines
from fusion.rivals.python_tools import folder_megabytes
from fusion.rivals.rival import Answer, Missing, Rival

SHIPPED = Path(__file__).parent / "node"  # scripts of our own, package.json and its lock
HEAP = "--max-old-space-size=2048"  # MB


@contextmanager
def guesslang() -> Iterator[Rival]:
    """guesslang as VS Code uses it: an npm package with the model inside."""
    with _node_tool("guesslang", "@vscode/vscode-languagedetection", "guesslang.js") as rival:
        yield rival


@contextmanager
def highlightjs() -> Iterator[Rival]:
    """highlight.js: the language that highlightAuto chooses, of all that it has."""
    with _node_tool("highlight.js", "highlight.js", "highlightjs.js") as rival:
        yield rival


@contextmanager
def linguist() -> Iterator[Rival]:
    """GitHub's linguist, a gem. No gem is installed for this, and without one its row says so."""
    raise Missing("not installed; a gem of Ruby, which fusion does not ask")
    yield  # a generator, as the others are


@contextmanager
def _node_tool(name: str, package: str, script: str) -> Iterator[Rival]:
    node = shutil.which("node")
    if node is None:
        raise Missing("the program node is not installed")
    folder = _installed()
    of_package = folder / "node_modules" / package
    version = json.loads((of_package / "package.json").read_text(encoding="utf-8"))["version"]
    child = JsonLines([node, HEAP, str(folder / script)])
    try:
        yield Rival(name, version, folder_megabytes(of_package), lambda text: _answer(child, text), ranks_all=True)
    finally:
        child.close()


def _answer(child: JsonLines, text: str) -> Answer:
    found: dict[str, Any] = child.ask({"text": text})
    return Answer(tuple(found.get("labels", ())), found.get("score", 0.0), found.get("milliseconds", 0.0))


def _installed() -> Path:
    """Return the folder of the cache with the packages in it; npm fills it the first time. Raises Missing."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(SHIPPED.iterdir()) if path.is_file()))
    folder = cache_dir() / "rivals" / f"npm-{digest.hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("the program npm is not installed")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        part = Path(temporary) / folder.name
        shutil.copytree(SHIPPED, part, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], part)
        except PackageError as error:
            raise Missing(f"npm could not bring it ({error})") from error
        with suppress(OSError):  # another process was faster
            part.rename(folder)
    return folder
