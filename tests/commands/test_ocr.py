"""python -m fusion.ocr: pictures -> text, JSON, an overlay; in process, with a reader that needs no weights."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.fake_reader import BLANK, LEFT, LINE_HEIGHT, PITCH, TOP, FakeReader, fake_reader, some_picture  # noqa: F401
from tests.tiny import Command


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    some_picture().save(tmp_path / "shot.png")
    return tmp_path / "shot.png"


def documents(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def pasted(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_the_text_and_nothing_else_is_printed(call: Command, reader: FakeReader, shot: Path) -> None:
    done = call("ocr", shot, cwd=shot.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, reader.text + "\n", "")


def test_a_picture_pasted_on_standard_input_is_read(
    call: Command, reader: FakeReader, shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasted(monkeypatch, shot.read_bytes())
    done = call("ocr", "-", cwd=shot.parent)
    assert (done.returncode, done.stdout) == (0, reader.text + "\n")
    assert np.array_equal(reader.seen[0], np.asarray(some_picture()))
    pasted(monkeypatch, b"")
    done = call("ocr", "-", cwd=shot.parent)
    assert done.returncode == 1 and "- is not a picture" in done.stderr


def test_several_files_have_headings_that_are_no_data(call: Command, reader: FakeReader, shot: Path) -> None:
    reader.texts = {(200, 50): "second = 2"}
    some_picture(200, 50).save(shot.parent / "b\x1b.webp", lossless=True)
    done = call("ocr", shot, shot.parent / "b\x1b.webp", cwd=shot.parent)
    assert done.stdout == f"{reader.text}\nsecond = 2\n"
    assert done.stderr == f"==> {shot} <==\n==> {shot.parent}/b\\x1b.webp <==\n"


def test_json_has_a_box_and_a_confidence_for_each_character(call: Command, reader: FakeReader, shot: Path) -> None:
    reader.text, reader.doubtful = "if l:\n\n    I = 'é│'", "lI"
    done = call("ocr", "--json", shot, cwd=shot.parent)
    (document,) = documents(done.stdout)
    assert document.keys() == {
        "schema", "path", "status", "width", "height", "reading", "reason", "lines", "error",
    }  # fmt: skip
    assert (document["path"], document["status"], document["reason"]) == (str(shot), "ok", "")
    assert (document["width"], document["height"], document["error"]) == (320, 120, None)
    assert [line["text"] for line in document["lines"]] == reader.text.split("\n")
    assert [line["number"] for line in document["lines"]] == [1, 2, 3]
    for line in document["lines"]:
        assert len(line["boxes"]) == len(line["confidence"]) == len(line["text"])
    first, last = document["lines"][0], document["lines"][2]
    assert first["boxes"][3] == [LEFT + 3 * PITCH, TOP, LEFT + 4 * PITCH, TOP + 11] and first["confidence"][3] == 0.5
    assert last["boxes"][0][1] == TOP + 2 * LINE_HEIGHT
    assert document["reading"]["doubtful"] == pytest.approx(2 / 10, abs=1e-4)
    assert document["reading"]["lines"] == 3 and document["reading"]["reason"] == ""


def test_a_folder_is_searched_for_pictures(call: Command, reader: FakeReader, tmp_path: Path) -> None:
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / ".thumbs").mkdir()
    for name in ("in/b.png", "in/below/a.jpg", "in/.thumbs/c.png"):
        some_picture().save(tmp_path / name)
    (tmp_path / "in" / "code.py").write_text("x = 1")
    done = call("ocr", "--json", "in", cwd=tmp_path)
    assert done.returncode == 0
    assert [document["path"] for document in documents(done.stdout)] == ["in/b.png", "in/below/a.jpg"]
    assert "2 files read, left out: 1 hidden, 1 not a picture" in done.stderr
    headings = call("ocr", "in", cwd=tmp_path).stderr
    assert "==> in/b.png <==" in headings and "==> in/below/a.jpg <==" in headings


def test_a_folder_without_pictures_says_so(call: Command, reader: FakeReader, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = call("ocr", "empty", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "") and "empty: no pictures in this folder" in done.stderr
    (document,) = documents(call("ocr", "empty", "--json", cwd=tmp_path).stdout)
    assert (document["status"], document["lines"], document["reading"]) == ("empty", [], None)


def test_a_picture_without_code_is_said_to_be_that(call: Command, reader: FakeReader, tmp_path: Path) -> None:
    Image.new("L", (90, 40), 33).save(tmp_path / "sky.png")
    done = call("ocr", "sky.png", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"sky.png: no code: {BLANK}\n")
    (document,) = documents(call("ocr", "sky.png", "--json", cwd=tmp_path).stdout)
    assert (document["status"], document["reason"], document["lines"]) == ("no_code", BLANK, [])
    assert document["error"] is None and document["width"] == 90


def test_what_is_no_code_is_not_printed_as_such(call: Command, reader: FakeReader, shot: Path) -> None:
    reader.reason = "it cannot be read"
    done = call("ocr", shot.name, cwd=shot.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "shot.png: no code: it cannot be read\n")
    (document,) = documents(call("ocr", shot.name, "--json", cwd=shot.parent).stdout)
    assert document["lines"] and document["status"] == "no_code"
    reader.text, reader.reason = " \n ", ""
    assert "no code: nothing was read" in call("ocr", shot.name, cwd=shot.parent).stderr


def test_what_cannot_be_read_is_said_and_the_rest_is_read(call: Command, reader: FakeReader, shot: Path) -> None:
    (shot.parent / "code.png").write_text("x = 1")
    (shot.parent / "half.png").write_bytes(shot.read_bytes()[:150])
    names = ["absent.png", "code.png", "half.png", shot.name]
    done = call("ocr", *names, cwd=shot.parent)
    assert (done.returncode, done.stdout) == (3, reader.text + "\n")
    for message in ("absent.png does not exist.", "code.png is not a picture", "half.png is a damaged picture"):
        assert message in done.stderr
    documents_ = documents(call("ocr", "--json", *names, cwd=shot.parent).stdout)
    assert [each["status"] for each in documents_] == ["not_found", "unreadable", "unreadable", "ok"]
    assert call("ocr", *names[:3], cwd=shot.parent).returncode == 1


def test_the_overlay_draws_what_was_read_in_its_place(call: Command, reader: FakeReader, tmp_path: Path) -> None:
    reader.text, reader.doubtful = "abc\n  ill", "l"
    page = Image.new("RGB", (200, 80), (250, 250, 245))
    page.putpixel((0, 0), (0, 0, 0))
    page.save(tmp_path / "page.png")
    done = call("ocr", "page.png", "--overlay", "read.png", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "abc\n  ill\n")
    drawn = np.asarray(Image.open(tmp_path / "read.png").convert("RGB")).astype(int)
    assert drawn.shape == (80, 200, 3) and sorted(path.name for path in tmp_path.glob("*")) == ["page.png", "read.png"]
    empty = drawn[5, 190]

    def inks(row: int, column: int) -> np.ndarray:
        x, y = round(LEFT + column * PITCH), round(TOP + row * LINE_HEIGHT)
        cell = drawn[y : y + 14, x + 1 : x + 6].reshape(-1, 3)
        return cell[np.abs(cell - empty).sum(1) > 150]

    assert len(inks(0, 0)) and (inks(0, 0)[:, 2] > inks(0, 0)[:, 0]).all(), "sure: blue"
    assert not len(inks(1, 0)), "a space is empty"
    assert len(inks(1, 3)) and (inks(1, 3)[:, 0] > inks(1, 3)[:, 2]).all(), "doubtful: red"


def test_the_overlay_of_a_dark_or_an_empty_picture_is_drawn_too(
    call: Command, reader: FakeReader, tmp_path: Path
) -> None:
    Image.new("RGB", (60, 40), (9, 9, 9)).save(tmp_path / "empty.png")
    assert call("ocr", "empty.png", "--overlay", "read.png", cwd=tmp_path).returncode == 0
    assert np.asarray(Image.open(tmp_path / "read.png")).min() > 200


@pytest.mark.parametrize(("arguments", "message"), [
    (["--overlay", "o.png", "shot.png", "shot.png"], "give one FILE"),
    (["--overlay", "o.png", "."], "give one FILE"),
    (["-", "-"], "only once"),
    ([], "FILE"),
    (["--jsn", "shot.png"], "unrecognized"),
])  # fmt: skip
def test_wrong_usage_is_explained(
    call: Command, reader: FakeReader, shot: Path, arguments: list[str], message: str
) -> None:
    done = call("ocr", *arguments, cwd=shot.parent)
    assert done.returncode == 2 and message in done.stderr and not done.stdout


@pytest.mark.parametrize(("out", "message"), [
    ("o.jpg", "does not end in .png"), ("no/o.png", "does not exist"), ("shot.png", "would replace the picture"),
])  # fmt: skip
def test_an_overlay_that_cannot_be_written_is_refused_before_anything_is_read(
    call: Command, reader: FakeReader, shot: Path, out: str, message: str
) -> None:
    before = shot.read_bytes()
    done = call("ocr", "shot.png", "--overlay", out, cwd=shot.parent)
    assert done.returncode == 1 and message in done.stderr and not done.stdout
    assert shot.read_bytes() == before and not reader.seen


def test_help_is_a_real_command(fusion: Command) -> None:
    done = fusion("ocr", "--help")
    assert done.returncode == 0 and "--overlay" in done.stdout
    done = fusion("ocr", "absent.png")
    assert done.returncode == 1 and "absent.png does not exist." in done.stderr
