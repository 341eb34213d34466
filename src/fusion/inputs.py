"""Files of any kind, or standard input -> text that can be classified, or the reason why not."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from fusion.snippets.harvest import decode

PART = 1 << 19  # bytes; of a longer file this much is read from its start and from its end


@dataclass(frozen=True)
class Input:
    """What was found under a path."""

    path: str
    status: str  # ok, empty, binary, unreadable, not_found
    text: str = ""
    size: int = 0  # bytes
    encoding: str | None = None
    truncated: bool = False
    error: str | None = None


def read_input(path: str) -> Input:
    """A path, or - for standard input -> Input; never raises for what is in the file."""
    try:
        data, size = _bytes_of_stdin() if path == "-" else _bytes_of(Path(path))
    except FileNotFoundError:
        return Input(path, "not_found", error=f"{path} does not exist.")
    except OSError as error:
        return Input(path, "unreadable", error=f"{path} cannot be read ({error.strerror or error}).")
    if not data.strip():
        return Input(path, "empty", size=size)
    text = decode(data)
    if text is None:
        return Input(path, "binary", size=size, error=f"{path} is not text.")
    return Input(path, "ok", text, size, _encoding(data), truncated=size > len(data))


def _bytes_of(path: Path) -> tuple[bytes, int]:
    """A regular file -> its bytes, or of a long one its first and last PART of them, and its size."""
    kind = path.stat().st_mode
    if not stat.S_ISREG(kind):  # opening a pipe would wait for ever
        what = "a folder" if stat.S_ISDIR(kind) else "not a regular file"
        raise OSError(0, f"it is {what}")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= 2 * PART:
            return file.read(), size
        head = file.read(PART)
        file.seek(-PART, os.SEEK_END)
        return _whole_lines(head, file.read()), size


def _whole_lines(head: bytes, tail: bytes) -> bytes:
    """Without the lines that were cut in two, which may end within a character."""
    return head[: head.rfind(b"\n") + 1 or len(head)] + tail[tail.find(b"\n") + 1 :]


def _bytes_of_stdin() -> tuple[bytes, int]:
    data = sys.stdin.buffer.read(2 * PART)
    rest = sum(len(block) for block in iter(lambda: sys.stdin.buffer.read(PART), b""))
    return data, len(data) + rest


def _encoding(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
