"""Files of any kind, or standard input -> text that can be classified, or the reason why not."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from fusion.snippets.corpus.extract import decode_marked, marked

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
    """Return what lies under a path, or - for standard input; whatever is in the file, this never raises."""
    try:
        data, size = _bytes_of_stdin() if path == "-" else _bytes_of(Path(path))
    except FileNotFoundError:
        return Input(path, "not_found", error=f"{path} does not exist.")
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        reason = getattr(error, "strerror", None) or error
        return Input(path, "unreadable", error=f"{path} cannot be read ({reason}).")
    text = decode_marked(data)
    if text is None:
        return Input(path, "binary", size=size, error=f"{path} is not text.")
    if not text.strip():
        return Input(path, "empty", size=size)
    return Input(path, "ok", text, size, _encoding(data), truncated=size > len(data))


def _bytes_of(path: Path) -> tuple[bytes, int]:
    """Return the bytes of a regular file, or the first and last PART of a long one, and its size."""
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
    """Join both ends without the lines that were cut in two or, in a single line, the characters."""
    head = head[: head.rfind(b"\n") + 1] or _whole_characters(head)
    return head + (tail[tail.find(b"\n") + 1 :] if b"\n" in tail else _whole_characters(tail))


def _whole_characters(data: bytes) -> bytes:
    """Drop the up to three bytes of a cut UTF-8 character at either end; leave any other encoding as it is."""
    for start in range(4):
        for end in range(4):
            try:
                return data[start : len(data) - end].decode("utf-8").encode()
            except UnicodeDecodeError:
                continue
    return data


def _bytes_of_stdin() -> tuple[bytes, int]:
    data = sys.stdin.buffer.read(2 * PART)
    rest = sum(len(block) for block in iter(lambda: sys.stdin.buffer.read(PART), b""))
    return (_whole_characters(data) if rest else data), len(data) + rest


def _encoding(data: bytes) -> str:
    if named := marked(data):
        return named
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
