"""DIR/<label>/<file> -> samples: the user's own files."""

import logging
from collections.abc import Iterator
from pathlib import Path

from fusion.config.errors import UserError
from fusion.snippets.corpus.extract import decode_marked, windows
from fusion.snippets.user.readers import Sample

log = logging.getLogger(__name__)


def from_folder(root: Path) -> Iterator[Sample]:
    """Folder DIR/<label>/** -> samples. Files in a folder below the label are one group, other files one each.

    What tools put there (.git, .ipynb_checkpoints, __pycache__) is no label and no project; a dotfile is a file.
    Raises UserError for a label that is not UTF-8.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    if ignored := [shown(path.name) for path in folders if _is_of_a_tool(path.name)]:
        log.warning("%s: %s not taken for a label", shown(str(root)), ", ".join(ignored))
    for folder in folders:
        if not _is_of_a_tool(folder.name):
            yield from _from_label(folder, root)


def _from_label(folder: Path, root: Path) -> Iterator[Sample]:
    if folder.name != shown(folder.name):
        raise UserError(f"{shown(str(folder))}: the folder's name is not UTF-8, so it is no label; rename it.")
    read = binary = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        inside = path.relative_to(folder).parts
        if any(_is_of_a_tool(name) for name in inside[:-1]):
            continue
        text = decode_marked(path.read_bytes())
        if text is None or not text.strip():
            binary += 1
            continue
        read += 1
        for window in [w for w in windows(text) if w.strip()] or [text.strip("\n")]:
            group, where = f"{folder.name}/{inside[0]}", str(path.relative_to(root))
            yield Sample(window, folder.name, shown(group), None, None, shown(where))
    if binary:
        log.warning("%s: %d binary or empty file(s) left out", shown(str(folder)), binary)
    if not read:
        log.warning("%s holds no readable file: there is no label %r", shown(str(folder)), folder.name)


def _is_of_a_tool(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def shown(name: str) -> str:
    """Return a file's name, whatever its bytes, as text that a table can hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
