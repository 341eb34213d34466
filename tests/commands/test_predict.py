"""python -m fusion.predict, with a model that the command line trained."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fake_reader import BLANK, FakeReader, fake_reader, some_picture  # noqa: F401, fixture
from tests.tiny import CODE, Command, sample

from fusion import predict
from fusion.config.errors import UserError


def answers(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    code = predict.main([*map(str, arguments), "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_file_and_standard_input_get_the_same_answer(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.c"
    file.write_text(sample("c", 7))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    code, (given, piped) = answers(capsys, "--run", trained, file, "-")
    assert code == 0
    assert given["raw"] == piped["raw"] and piped["path"] == "-"
    assert given["input"]["modalities"] == ["text", "image"] and given["input"]["bytes"] == file.stat().st_size


def test_what_cannot_be_read_is_said_and_the_rest_is_answered(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, binary, empty = tmp_path / "good.py", tmp_path / "x.bin", tmp_path / "empty"
    good.write_text(sample("python", 1))
    binary.write_bytes(b"\0\1\2\3" * 50)
    empty.write_text(" \n\n")
    code, found = answers(capsys, "--run", trained, tmp_path / "no", binary, "a\0b", empty, good)
    assert code == 3
    assert [answer["status"] for answer in found] == ["not_found", "binary", "unreadable", "empty", "ok"]
    assert [answer["label"] for answer in found[:4]] == [None, None, None, "unknown"]
    assert found[-1]["raw"]["label"] in CODE


def test_abstaining_is_an_answer(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = tmp_path / "short"
    short.write_text("x = 1")
    code, (answer,) = answers(capsys, "--run", trained, short)
    assert code == 0
    assert (answer["label"], answer["decision"], answer["reason"]) == ("unknown", "abstained", "too_short")
    assert predict.main(["--run", str(trained), str(short)]) == 0
    shown = capsys.readouterr().out
    assert shown == f"{short}: unknown, perhaps {answer['raw']['label']} ({answer['score']:.2f})\n"


def test_mode_labels_and_top_reach_the_answer(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a"
    file.write_text(sample("python", 1))
    words = ("--run", trained, "--mode", "best_guess", "--labels", "c, css", "--top", "1", file)
    _, (answer,) = answers(capsys, *words)
    assert answer["label"] in ("c", "css") and answer["mode"] == "best_guess" and answer["threshold"] == 0
    assert [item["label"] for item in answer["top_k"]] == [answer["label"]]
    with pytest.raises(UserError, match="did you mean css"):
        predict.main(["--run", str(trained), "--labels", "ccs", str(file)])


def test_a_set_of_labels_is_given_where_it_is_asked_for(trained: Path, tmp_path: Path, call: Command) -> None:
    (tmp_path / "a.py").write_text(sample("python", 1))
    done = call("predict", "--run", trained, "--set", "0.9", "--json", "a.py", cwd=tmp_path)
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["set"]["level"] == 0.9 and found["raw"]["label"] in found["set"]["labels"] and found["schema"] == 1
    done = call("predict", "--run", trained, "--set", "0.9", "a.py", cwd=tmp_path)
    assert done.stdout.endswith(f"; 90 % set: {', '.join(found['set']['labels'])}\n")
    done = call("predict", "--run", trained, "--set", "95", "a.py", cwd=tmp_path)
    assert done.returncode == 1 and "at level 95.0; give one between 0 and 1" in done.stderr and not done.stdout


def test_a_model_of_an_older_fusion_answers_by_its_temperature_and_has_no_sets(
    trained: Path, tmp_path: Path, call: Command
) -> None:
    shutil.copytree(trained / "model", tmp_path / "old")
    meta = json.loads((tmp_path / "old" / "meta.json").read_text())
    assert meta.pop("calibration")["all"]["thresholds"].keys() == {"high_confidence", "medium_confidence"}
    (tmp_path / "old" / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "a.py").write_text(sample("python", 1))
    for mode, threshold in (("high_confidence", 0.75), ("medium_confidence", 0.5), ("best_guess", 0)):
        done = call("predict", "--run", "old", "--mode", mode, "--json", "a.py", cwd=tmp_path)
        assert json.loads(done.stdout)["threshold"] == threshold
    done = call("predict", "--run", "old", "--set", "0.9", "a.py", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "train it again" in done.stderr
    (tmp_path / "old" / "meta.json").write_text(json.dumps(meta | {"calibration": {"all": {"temperatures": "cold"}}}))
    done = call("predict", "--run", "old", "a.py", cwd=tmp_path)
    assert done.returncode == 1 and "calibration that cannot be read" in done.stderr


def test_a_hostile_file_name_cannot_write_to_the_terminal(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a\x1b[2J\u202e.py"
    file.write_text(sample("python", 1))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    predict.main(["--run", str(trained), str(file)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown and "\\x1b" in shown


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give the folder of a completed run"):
        predict.main(["--run", str(tmp_path), "x"])


def test_standard_input_can_be_given_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only once"):
        predict.main(["--run", str(tmp_path), "-", "a.py", "-"])


def test_a_folder_of_code_and_pictures_is_answered_in_order(
    trained: Path, tmp_path: Path, call: Command, reader: FakeReader
) -> None:
    reader.texts = {(321, 120): sample("css", 4), (90, 90): ""}
    for place in ("mixed/a", "mixed/.git"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "mixed/z.py").write_text(sample("python", 1))
    (tmp_path / "mixed/.git/config").write_text("hidden")
    (tmp_path / "mixed/lib.so").write_bytes(b"\x7fELF\0\0\0")
    some_picture(321).save(tmp_path / "mixed/a/shot.webp", lossless=True)
    some_picture(90, 90).save(tmp_path / "mixed/photo", "JPEG")
    done = call("predict", "--run", trained, "--json", "mixed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(item["path"], item["status"], item["input"]["kind"]) for item in found] == [
        ("mixed/photo", "no_code", "picture"), ("mixed/z.py", "ok", "text"), ("mixed/a/shot.webp", "ok", "picture"),
    ]  # fmt: skip
    assert found[2]["input"]["text"] == reader.texts[321, 120] and found[2]["by_modality"]["text"]["source"] == "ocr"
    assert "mixed: 3 files read, left out: 1 hidden, 1 binary" in done.stderr


def test_answers_about_pictures_are_told_in_a_line(
    trained: Path, tmp_path: Path, call: Command, reader: FakeReader
) -> None:
    reader.text = sample("python", 3)
    some_picture().save(tmp_path / "shot.png")
    some_picture().point(lambda _: 7).save(tmp_path / "sky.png")
    done = call("predict", "--run", trained, "--mode", "best_guess", "shot.png", "sky.png", "no.png", cwd=tmp_path)
    shot, sky = done.stdout.splitlines()
    lines = reader.text.count("\n")
    assert shot.startswith("shot.png: ") and shot.endswith(f"), lines read in the picture: {lines}")
    assert sky == f"sky.png: unknown, no code: {BLANK}"
    assert done.returncode == 3 and "no.png does not exist." in done.stderr


def test_a_picture_pasted_on_standard_input_is_answered(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    reader: FakeReader,
) -> None:  # fmt: skip
    reader.text = sample("c", 6)
    file = tmp_path / "shot.bmp"
    some_picture().save(file)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    code, (given, pasted) = answers(capsys, "--run", trained, file, "-")
    assert code == 0 and pasted["path"] == "-" and pasted["raw"] == given["raw"]
    assert pasted["input"] == given["input"] and pasted["input"]["bytes"] == file.stat().st_size
