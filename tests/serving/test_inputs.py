"""Whatever lies under a path gets a status; only text becomes text, only pictures pictures."""

import io
import logging
import os
import resource
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fusion.screenshots.user_images import MAX_BYTES
from fusion.serving.inputs import PART, Input, from_bytes, read_input, read_inputs

CODE = "def f():\n    return 'é'\n"


@pytest.fixture
def put(tmp_path):
    """Return what writes bytes to a file and returns its path as text."""

    def write(data: bytes, name: str = "file") -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


@pytest.fixture
def stdin(monkeypatch):
    """Return what makes bytes the standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_code_is_read_as_it_is(put):
    path = put(CODE.encode())
    assert read_input(path) == Input(path, "ok", CODE, len(CODE.encode()), "utf-8")


@pytest.mark.parametrize("data", [b"", b" ", b"\n\n\t \r\n", b"\x0c\x0b", b"\xef\xbb\xbf", "\u3000\u00a0\n".encode()])
def test_nothing_to_see_is_empty(put, data):
    found = read_input(put(data))
    assert (found.status, found.text, found.size, found.error) == ("empty", "", len(data), None)


@pytest.mark.parametrize("length", range(1, 9))
def test_the_shortest_files_are_text(put, length):
    found = read_input(put(b"int a=1;"[:length]))
    assert (found.status, found.text) == ("ok", "int a=1;"[:length])


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (CODE.encode("utf-8"), "utf-8"),
        (CODE.encode("utf-8-sig"), "utf-8"),
        (CODE.encode("latin-1"), "latin-1"),
        (CODE.replace("\n", "\r\n").encode(), "utf-8"),
        (CODE.replace("\n", "\r").encode(), "utf-8"),
        (CODE.encode("utf-16"), "utf-16"),
        (CODE.encode("utf-32"), "utf-32"),
    ],
)
def test_encodings_and_line_ends_come_out_as_one_text(put, data, encoding):
    found = read_input(put(data))
    assert (found.status, found.text, found.encoding) == ("ok", CODE, encoding)


@pytest.mark.parametrize("data", [b"\x7fELF\0\1", CODE.encode("utf-16-le"), b"\xff\xfeodd", b"text\0text"])
def test_what_holds_nul_is_binary(put, data):
    path = put(data)
    found = read_input(path)
    assert (found.status, found.text, found.encoding) == ("binary", "", None)
    assert path in found.error


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    found = read_input(str(path))
    assert found.status in ("ok", "empty", "binary") and found.size == len(data) and not found.truncated
    assert (found.status == "ok") == bool(found.text.strip() or found.picture)
    found.text.encode()  # no lone surrogates


def test_a_long_file_is_read_at_both_ends_in_whole_lines(put):
    lines = [f"line number {i} of many, é" for i in range(200_000)]
    data = "\n".join(lines).encode()
    found = read_input(put(data))
    assert (found.status, found.size, found.truncated, found.encoding) == ("ok", len(data), True, "utf-8")
    read = found.text.split("\n")
    assert read[0] == lines[0] and read[-1] == lines[-1]
    assert set(read) <= set(lines)  # none was cut
    assert 1.9 * PART < len(found.text.encode()) <= 2 * PART


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_long_line_is_not_cut_within_a_character(put, shift):
    found = read_input(put(("x" * shift + "日本" * PART).encode()))
    assert found.encoding == "utf-8"
    assert set(found.text) <= set("x日本")


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_long_standard_input_is_not_cut_within_a_character(stdin, shift):
    stdin(("x" * shift + "日本語コード\n" * PART).encode())
    found = read_input("-")
    assert found.encoding == "utf-8" and found.truncated


def test_the_last_size_that_is_read_whole_and_the_first_that_is_not(put):
    assert not read_input(put(b"a\n" * PART)).truncated
    assert read_input(put(b"a\n" * PART + b"b")).truncated


def test_of_a_gigabyte_only_the_ends_are_read(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"int main(void);\n" * (PART // 16))
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\nint last;\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    found = read_input(str(path))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (found.status, found.truncated, found.size) == ("ok", True, (1 << 30) + 11)
    assert found.text.startswith("int main(void);\n") and found.text.endswith("int last;\n")
    assert len(found.text) <= 2 * PART
    assert grown < 100 << 10


def test_a_missing_path_is_not_found(tmp_path):
    found = read_input(str(tmp_path / "absent.py"))
    assert found.status == "not_found" and "absent.py" in found.error


def test_a_folder_cannot_be_read(tmp_path):
    found = read_input(str(tmp_path))
    assert found.status == "unreadable" and "a folder" in found.error


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = read_input(str(tmp_path / "pipe"))
    assert found.status == "unreadable" and "not a regular file" in found.error


def test_a_device_is_not_read():
    assert read_input("/dev/zero").status == "unreadable"


def test_a_loop_of_links_cannot_be_read(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_input(str(tmp_path / "a")).status == "unreadable"


def test_a_link_is_followed_and_a_dangling_one_is_not_found(tmp_path, put):
    (tmp_path / "link").symlink_to(put(CODE.encode()))
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    assert read_input(str(tmp_path / "link")).text == CODE
    assert read_input(str(tmp_path / "dangling")).status == "not_found"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_cannot_be_read(tmp_path, put):
    path = put(CODE.encode())
    Path(path).chmod(0)
    assert read_input(path).status == "unreadable"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux only")
def test_a_file_whose_reading_fails_cannot_be_read():
    found = read_input("/proc/self/mem")
    assert found.status == "unreadable" and found.error


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_a_name_no_file_can_have_gets_a_status(name):
    assert read_input(name).status in ("unreadable", "not_found")


def test_a_name_that_is_no_utf_8_is_read(put):
    found = read_input(put(CODE.encode(), os.fsdecode(b"caf\xe9.py")))
    assert (found.status, found.text) == ("ok", CODE)
    assert os.fsencode(found.path).endswith(b"caf\xe9.py")


def test_standard_input_is_read_and_counted_to_its_end(stdin):
    stdin(CODE.encode())
    assert read_input("-") == Input("-", "ok", CODE, len(CODE.encode()), "utf-8")
    stdin(b"int a;\n" * PART)
    found = read_input("-")
    assert (found.size, found.truncated) == (7 * PART, True)
    assert len(found.text) <= 2 * PART


def encoded(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_told_by_what_is_in_it_not_by_its_name(put, stdin, kind):
    data = encoded(kind)
    path = put(data, "code.py")
    assert read_input(path) == Input(path, "ok", size=len(data), picture=Path(path))
    stdin(data)
    assert read_input("-") == from_bytes("-", data) == Input("-", "ok", size=len(data), picture=data)


@pytest.mark.parametrize("text", ["BM25 = rank(query)\n", "RIFF of a guitar\n", "GIF8 is no picture\n", "II*x = 3\n"])
def test_a_text_that_begins_as_pictures_do_is_a_text(put, text):
    found = read_input(put(text.encode(), "a.png"))
    assert (found.status, found.text, found.picture) == ("ok", text, None)


def test_a_large_picture_on_standard_input_is_read_to_its_end(stdin):
    data = encoded("PNG") + bytes(3 * PART)
    stdin(data)
    assert read_input("-").picture == data
    assert len(data) < MAX_BYTES


def test_a_folder_is_read_to_its_bottom_without_what_is_hidden_or_binary(tmp_path, put, caplog):
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    (tmp_path / "__pycache__").mkdir()
    put(b"x = 1\n", "b.py"), put(encoded("PNG"), "a"), put(b"\0\1", "z.o"), put(b"", "empty"), put(b"h", ".hidden")
    put(CODE.encode(), "sub/c.py"), put(b"config", "sub/.git/config"), put(b"c", "__pycache__/x.py")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    with caplog.at_level(logging.INFO):
        found = list(read_inputs([str(tmp_path), str(tmp_path / "z.o")]))
    assert [(Path(item.path).name, item.status) for item in found] == [
        ("a", "ok"), ("b.py", "ok"), ("empty", "empty"), ("c.py", "ok"), ("z.o", "binary"),
    ]  # fmt: skip
    assert found[0].picture is not None and found[3].text == CODE
    assert all(words in caplog.text for words in ("4 files read", "3 hidden", "1 binary", "1 not regular"))


def test_of_a_folder_only_pictures_are_read_where_nothing_else_is_wanted(tmp_path, put, caplog):
    put(b"x = 1\n", "b.py"), put(encoded("GIF"), "a.gif"), put(b"", "empty")
    with caplog.at_level(logging.INFO):
        assert [Path(item.path).name for item in read_inputs([str(tmp_path)], pictures_only=True)] == ["a.gif"]
    assert "2 not a picture" in caplog.text


def test_a_folder_of_nothing_is_empty(tmp_path):
    (tmp_path / ".hidden").write_text("x")
    assert list(read_inputs([str(tmp_path)])) == [Input(str(tmp_path), "empty")]


def test_in_a_list_each_path_gets_its_own_answer_in_order(tmp_path, put):
    paths = [put(CODE.encode(), "a"), str(tmp_path), str(tmp_path / "absent"), put(b"", "e"), put(b"\0", "z")]
    found = [read_input(path) for path in paths]
    assert [item.path for item in found] == paths
    assert [item.status for item in found] == ["ok", "unreadable", "not_found", "empty", "binary"]
