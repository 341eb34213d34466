"""python -m fusion.predict, with a model that the command line trained."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tiny import CODE, Command, sample

from fusion import predict
from fusion.config.errors import UserError
from fusion.serving.inputs import Input
from fusion.serving.predictor import Predictor

FIELDS = {
    "schema", "path", "status", "label", "decision", "reason", "score", "threshold", "mode", "raw", "top_k",
    "by_modality", "input", "model", "error",
}  # fmt: skip


def answers(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    code = predict.main([*map(str, arguments), "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_file_and_standard_input_get_the_same_answer(trained: Path, tmp_path: Path, fusion: Command) -> None:
    file = tmp_path / "a.c"
    file.write_text(sample("c", 7))
    done = fusion("predict", "--run", trained, "--json", file, "-", input=file.read_text())
    assert done.returncode == 0, done.stderr
    given, piped = map(json.loads, done.stdout.splitlines())
    assert set(given) == FIELDS
    assert given["raw"] == piped["raw"] and piped["path"] == "-"
    assert given["input"]["modalities"] == ["text", "image"] and given["input"]["bytes"] == file.stat().st_size
    assert given["model"]["id"].startswith("sha256:")


def test_probabilities_sum_to_one_and_top_k_is_ranked(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.css"
    file.write_text(sample("css", 3))
    _, (answer,) = answers(capsys, "--run", trained, file)
    shares = [item["prob"] for item in answer["top_k"]]
    assert sum(shares) == pytest.approx(1, abs=1e-5) and shares == sorted(shares, reverse=True)


def test_what_cannot_be_read_is_said_and_the_rest_is_answered(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, binary, empty = tmp_path / "good.py", tmp_path / "x.bin", tmp_path / "empty"
    good.write_text(sample("python", 1))
    binary.write_bytes(b"\0\1\2\3" * 50)
    empty.write_text(" \n\n")
    code, found = answers(capsys, "--run", trained, tmp_path / "no", binary, tmp_path, empty, good)
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
    _, (guess,) = answers(capsys, "--run", trained, "--mode", "best_guess", short)
    assert guess["label"] == guess["raw"]["label"] and guess["decision"] == "accepted"


def test_only_allowed_labels_are_answered(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a"
    file.write_text(sample("python", 1))
    _, (answer,) = answers(capsys, "--run", trained, "--mode", "best_guess", "--labels", "c,css", file)
    assert answer["label"] in ("c", "css")
    shares = {item["label"]: item["prob"] for item in answer["top_k"]}
    assert shares["python"] == 0 and shares["c"] + shares["css"] == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match="did you mean css"):
        predict.main(["--run", str(trained), "--labels", "ccs", str(file)])


def test_a_moved_run_still_predicts(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.py"
    file.write_text(sample("python", 2))
    to_device = tmp_path / "elsewhere" / "my run"
    shutil.copytree(trained, to_device)
    _, before = answers(capsys, "--run", trained, file)
    _, after = answers(capsys, "--run", to_device, file)
    assert before == after


def test_one_many_and_another_order_give_the_same_probabilities(trained: Path) -> None:
    predictor = Predictor(trained)
    texts = [sample(label, i, blocks=1 + 20 * i) for i in range(3) for label in CODE]
    together = predictor.probabilities(texts)
    alone = np.concatenate([predictor.probabilities([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(predictor.probabilities(texts[::-1])[::-1], together, atol=1e-5)
    assert [answer.path for answer in predictor.predict(Input(str(i), "ok", t) for i, t in enumerate(texts))] == [
        str(i) for i in range(len(texts))
    ]


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


@pytest.mark.parametrize("mode", ["high_confidence", "best_guess"])
def test_what_is_no_number_is_never_accepted(
    mode: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.py"
    file.write_text(sample("python", 1))
    monkeypatch.setattr(Predictor, "probabilities", lambda self, texts: np.full((len(texts), 3), np.nan))
    code, (answer,) = answers(capsys, "--run", trained, "--mode", mode, file)
    assert code == 0 and answer.keys() == FIELDS
    assert (answer["label"], answer["decision"], answer["reason"]) == ("unknown", "abstained", "no_number")
    assert answer["score"] is None and answer["raw"] is None and answer["top_k"] == []


def test_a_model_without_the_size_of_its_pictures_is_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "model", tmp_path / "model")
    meta = json.loads((tmp_path / "model" / "meta.json").read_text())
    del meta["source_size"]
    (tmp_path / "model" / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="source_size"):
        Predictor(tmp_path)
