"""Files of any kind, folders of them, or standard input -> text or a picture, or the reason why neither."""

import logging
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fusion.screenshots.user_images import HEAD, MAX_BYTES, Source, is_picture
from fusion.snippets.corpus.extract import decode_marked, marked

log = logging.getLogger(__name__)

PART = 1 << 19  # bytes; of a longer text this much is read from its start and from its end


@dataclass(frozen=True)
class Input:
    """What was found under a path."""

    path: str
    status: str  # ok, empty, binary, unreadable, not_found; once a picture was opened: no_code, too_large, error
    text: str = ""
    size: int = 0  # bytes
    encoding: str | None = None
    truncated: bool = False
    error: str | None = None
    picture: Source | None = None  # where to find it, if it is one; with a text it is not read


def read_inputs(paths: Iterable[str], pictures_only: bool = False) -> Iterator[Input]:
    """Yield what lies under each path, in their order; for a folder what lies in it, in the order of the names.

    In a folder hidden and binary files are left out, with `pictures_only` all but pictures; how many is logged.
    """
    for path in paths:
        if path != "-" and _is_folder(path):
            yield from _read_folder(path, pictures_only)
        else:
            yield read_input(path)


def read_input(path: str) -> Input:
    """Return what lies under a path, or - for standard input; whatever is in the file, this never raises."""
    try:
        return _read_stdin() if path == "-" else _read_file(path)
    except FileNotFoundError:
        return Input(path, "not_found", error=f"{path} does not exist.")
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        reason = getattr(error, "strerror", None) or error
        return Input(path, "unreadable", error=f"{path} cannot be read ({reason}).")


def from_bytes(path: str, data: bytes) -> Input:
    """Return what the bytes of a whole file hold; the path is what to call it."""
    if is_picture(data[:HEAD]):
        return Input(path, "ok", size=len(data), picture=data)
    return _from_text(path, data, len(data))


def _from_text(path: str, data: bytes, size: int) -> Input:
    """Return the text that these bytes of a file of that size are."""
    text = decode_marked(data)
    if text is None:
        return Input(path, "binary", size=size, error=f"{path} is neither text nor a picture that can be read.")
    if not text.strip():
        return Input(path, "empty", size=size)
    return Input(path, "ok", text, size, _encoding(data), truncated=size > len(data))


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # read_input says what is wrong with such a name
        return False


def _read_folder(folder: str, pictures_only: bool) -> Iterator[Input]:
    """Yield what lies in a folder and below; links to folders are not followed, for they may lead back."""
    left_out, found, denied = Counter[str](), 0, list[OSError]()
    for place, folders, files in os.walk(folder, onerror=denied.append):
        left_out["hidden"] += sum(map(_is_hidden, folders + files))
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for file in (Path(place, name) for name in sorted(files) if not _is_hidden(name)):
            item = read_input(str(file)) if file.is_file() else None
            if item is None:
                left_out["not regular"] += 1
            elif item.picture is None and (item.status == "binary" or (pictures_only and item.error is None)):
                left_out["binary" if item.status == "binary" else "not a picture"] += 1
            else:
                found += 1
                yield item
    for error in denied:
        yield Input(str(error.filename), "unreadable", error=f"{error.filename} cannot be read ({error.strerror}).")
    if not found and not denied:
        yield Input(folder, "empty")
    if any(left_out.values()):
        counts = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
        log.info("%s: %d files read, left out: %s", folder.encode("utf-8", "backslashreplace").decode(), found, counts)


def _is_hidden(name: str) -> bool:
    """Return whether a file or folder is one that a tool keeps there."""
    return name.startswith(".") or name == "__pycache__"


def _read_file(path: str) -> Input:
    """Return a regular file: a picture, or its text, of a long one the first and the last PART."""
    kind = Path(path).stat().st_mode
    if not stat.S_ISREG(kind):  # opening a pipe would wait for ever
        what = "a folder" if stat.S_ISDIR(kind) else "not a regular file"
        raise OSError(0, f"it is {what}")
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(PART)
        if is_picture(data[:HEAD]):
            return Input(path, "ok", size=size, picture=Path(path))
        if size <= 2 * PART:
            return _from_text(path, data + file.read(), size)
        file.seek(-PART, os.SEEK_END)
        return _from_text(path, _whole_lines(data, file.read()), size)


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


def _read_stdin() -> Input:
    """Return what standard input holds: a picture, or its text, of a long one the start."""
    stream = sys.stdin.buffer
    data = stream.read(2 * PART)
    if is_picture(data[:HEAD]):
        return from_bytes("-", data + stream.read(MAX_BYTES + 1 - len(data)))  # one byte too many is refused
    rest = sum(len(block) for block in iter(lambda: stream.read(PART), b""))
    return _from_text("-", _whole_characters(data) if rest else data, len(data) + rest)


def _encoding(data: bytes) -> str:
    if named := marked(data):
        return named
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
