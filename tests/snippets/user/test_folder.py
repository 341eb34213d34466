"""The user's own files and given splits: what is a label, what is text, and which labels can be judged."""

import os
from collections import Counter
from pathlib import Path

import pytest
from tests.own_rows import conf, rows

from fusion.config.errors import UserError
from fusion.snippets import sources


def fill(root: Path, labels: list[str], each: int = 4) -> Path:
    """Files that resemble each other in nothing."""
    for n, row in enumerate(rows([label.replace("/", "_") for label in labels], each)):
        folder = root / labels[n // each]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n % each}.txt").write_text(row["text"])
    return root


@pytest.mark.parametrize("name", [".git", ".ipynb_checkpoints", "__pycache__"])
def test_what_tools_leave_is_no_label_and_no_project(name: str, tmp_path, cache_folder, caplog) -> None:
    root = fill(tmp_path / "own", ["a", "b", name, f"a/{name}"])
    (root / "a" / ".profile").write_text("a dotfile is what somebody wrote")
    table = sources.load(conf("folder", root), cache_folder)
    assert Counter(table["label"].to_pylist()) == {"a": 5, "b": 4}
    assert caplog.text.count(f"{name} not taken for a label") == 1


@pytest.mark.parametrize("data", [None, b"", b"\x89PNG\0\0"])
def test_a_label_without_a_readable_file_is_named(data: bytes | None, tmp_path, cache_folder, caplog) -> None:
    root = fill(tmp_path / "own", ["a", "b"])
    (root / "empty").mkdir()
    if data is not None:
        (root / "empty" / "one").write_bytes(data)
    assert set(sources.load(conf("folder", root), cache_folder)["label"].to_pylist()) == {"a", "b"}
    assert "empty holds no readable file: there is no label 'empty'" in caplog.text


def test_a_label_of_copies_is_said_to_be_one_and_how_it_is_left_out(tmp_path, cache_folder) -> None:
    root = fill(tmp_path / "own", ["a", "b"])
    (root / "c").mkdir()
    for n in range(6):
        (root / "c" / f"{n}.txt").write_text("the very same\n")
    told = r"'c' has 1 file\(s\).* \(5 more are copies of one another\); .* \(rename its folder to '.c', for example\)"
    with pytest.raises(UserError, match=told):
        sources.load(conf("folder", root), cache_folder)
    (root / "c").rename(root / ".c")
    assert set(sources.load(conf("folder", root), cache_folder)["label"].to_pylist()) == {"a", "b"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_a_byte_order_mark_is_honoured(encoding: str, tmp_path, cache_folder) -> None:
    root = fill(tmp_path / "own", ["a", "b"])
    (root / "a" / "more.txt").write_bytes("größe = 1\r\n".encode(encoding))
    assert "größe = 1" in sources.load(conf("folder", root), cache_folder)["text"].to_pylist()


def test_a_mark_before_what_is_no_utf_16_is_binary(tmp_path, cache_folder, caplog) -> None:
    root = fill(tmp_path / "own", ["a", "b"])
    (root / "a" / "odd.txt").write_bytes(b"\xff\xfe\x00\xd8")
    assert sources.load(conf("folder", root), cache_folder).num_rows == 8
    assert "1 binary or empty file(s) left out" in caplog.text


def test_names_that_are_not_utf_8(tmp_path, cache_folder) -> None:
    root = fill(tmp_path / "own", ["a", "b"])
    (root / "a" / "0.txt").rename(root / "a" / os.fsdecode(b"\xff.txt"))
    paths = sources.load(conf("folder", root), cache_folder)["path"].to_pylist()
    assert r"a/\udcff.txt" in paths
    (root / os.fsdecode(b"\xfc")).mkdir()
    (root / os.fsdecode(b"\xfc") / "file").write_text("x")
    with pytest.raises(UserError, match=r"own/\\udcfc: the folder's name is not UTF-8, so it is no label; rename it"):
        sources.load(conf("folder", root), cache_folder)


def test_folders(tmp_path, cache_folder, caplog) -> None:
    for label in ("NA", "01"):
        for n in range(4):
            (tmp_path / "own" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "own" / label / f"{n}.txt").write_text(rows([f"{label}{n}"], 1)[0]["text"])
    (tmp_path / "own" / "NA" / "picture.png").write_bytes(b"\x89PNG\0\0")
    table = sources.load(conf("folder", tmp_path / "own"), cache_folder)
    assert Counter(table["label"].to_pylist()) == {"NA": 4, "01": 4}
    assert "1 binary or empty file(s) left out" in caplog.text
