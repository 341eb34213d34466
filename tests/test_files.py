"""Files are whole or not there at all; checksums and names of folders."""

import hashlib
import re

import pytest

from fusion.files import replacing, replacing_folder, sha256_of, stamp, write_text


def test_a_file_is_written_and_nothing_is_left_beside_it(tmp_path):
    write_text(tmp_path / "a.txt", "häuser\n")
    assert (tmp_path / "a.txt").read_bytes() == "häuser\n".encode()
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_after_an_error_the_old_file_is_untouched(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as part:
        part.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == path.parent  # a rename, never a copy from another file system
    assert path.read_text() == "new"


def test_who_reads_the_old_file_meanwhile_reads_all_of_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old"


def test_a_body_that_writes_nothing_is_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_text_that_is_no_utf_8_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \udce9")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]


def test_a_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"\x00\xff" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"\x00\xff" * 100_000).hexdigest()


def test_stamps_of_one_second_differ():
    stamps = {stamp() for _ in range(20)}
    assert len(stamps) == 20 and all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", name) for name in stamps)


def test_a_folder_takes_the_place_of_another_or_leaves_it(tmp_path):
    place = tmp_path / "a"
    for content in ("first", "second"):
        with replacing_folder(place) as part:
            (part / "x").write_text(content)
        assert (place / "x").read_text() == content
    with pytest.raises(OSError, match="full"), replacing_folder(place) as part:
        (part / "x").write_text("third")
        raise OSError("full")
    assert (place / "x").read_text() == "second" and [*tmp_path.iterdir()] == [place]
