"""Exported models answer as the runs do, without torch; folders that are none, or damaged, get a sentence."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.fake_reader import some_picture
from tests.reading.test_shipped import drawn
from tests.tiny import CODE, sample

from fusion.config.errors import UserError
from fusion.reading.reader import read_picture
from fusion.serving import onnx_classifier, onnx_folder
from fusion.serving.classifier import Sample, make_classifier
from fusion.serving.inputs import Input
from fusion.serving.onnx_classifier import OnnxClassifier
from fusion.serving.predictor import Predictor

TEXTS = [sample(label, i, blocks=1 + 12 * i) for i in range(3) for label in CODE]


def alike(run: Path, folder: Path, samples: list[Sample]) -> bool:
    ours, theirs = make_classifier(run)(samples), make_classifier(folder)(samples)
    assert isinstance(make_classifier(folder), OnnxClassifier) and ours.keys() == theirs.keys()
    return all(np.allclose(ours[view], theirs[view], atol=1e-5) for view in ours)


def test_texts_are_answered_as_by_torch(nano: Path, nano_run: Path) -> None:
    assert alike(nano_run, nano, [Sample(text) for text in TEXTS])


def test_later_texts_are_read_by_compiled_code_to_the_same_answers(nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = OnnxClassifier(nano)([Sample(text) for text in TEXTS])["all"]
    monkeypatch.setattr(onnx_classifier, "FEW", 0)
    assert np.allclose(OnnxClassifier(nano)([Sample(text) for text in TEXTS])["all"], first, atol=1e-6)


def test_texts_and_pictures_of_a_fused_model_are_answered_as_by_torch(fused: Path, trained: Path) -> None:
    classifier = make_classifier(fused)
    given = [classifier.sample(text, np.asarray(some_picture())) for text in TEXTS[:2]]
    assert alike(trained, fused, [*given, *(Sample(text) for text in TEXTS)])


def test_a_picture_is_read_as_by_torch(nano: Path) -> None:
    picture = drawn(theme="vs")
    read = OnnxClassifier(nano).read(picture)
    assert read.is_code and read.text == read_picture(picture).text


def test_predictions_say_which_model_answered(nano: Path, nano_run: Path) -> None:
    (ours,), (theirs,) = (list(Predictor(place).predict([Input("a", "ok", TEXTS[0])])) for place in (nano_run, nano))
    assert ours.model == theirs.model and ours.raw["label"] == theirs.raw["label"]


@pytest.mark.parametrize("kind", ["text", "picture"])
def test_torch_is_never_imported(nano: Path, tmp_path: Path, kind: str, environment: dict[str, str]) -> None:
    (tmp_path / "a.txt").write_text(TEXTS[0])
    some_picture().save(tmp_path / "a.png")
    code = (
        "import sys, json\nfrom fusion.predict import main\n"
        f"main(['--run', {str(nano)!r}, '--mode', 'best_guess', '--json', {'a.txt' if kind == 'text' else 'a.png'!r}])\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer, modules = map(json.loads, done.stdout.splitlines())
    assert answer["status"] in ("ok", "no_code") and answer["error"] is None
    heavy = {"torch", "torchvision", "timm", "transformers", "pytorch_lightning", "safetensors.torch"}
    assert not (heavy | ({"numba"} if kind == "text" else set())) & set(modules)


def test_without_onnxruntime_the_command_that_installs_it_is_told(nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "onnxruntime" else known(name, *rest)
    )
    with pytest.raises(UserError, match=r"needs onnxruntime.*pip install 'fusion\[onnx\]'"):
        Predictor(nano).probabilities(TEXTS[:1])


def damaged(folder: Path, place: Path, name: str, content: bytes | None) -> Path:
    """A copy of an export, one file of it replaced or missing."""
    shutil.copytree(folder, place)
    (place / name).unlink()
    if content is not None:
        (place / name).write_bytes(content)
    return place


@pytest.mark.parametrize("name", ["text.onnx", "tokenizer.json"])
@pytest.mark.parametrize(("content", "words"), [(b"no", "is damaged"), (None, "has no")])
def test_a_file_that_is_damaged_or_missing_is_named(
    nano: Path, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    with pytest.raises(UserError, match=rf"(?s){name}.*{words}|{words} {name}"):
        Predictor(damaged(nano, tmp_path / "copy", name, content)).probabilities(TEXTS[:1])


@pytest.mark.parametrize(("content", "words"), [
    ("{", "cannot be read"), ("[]", "is not a file of fusion export"), ('{"kind": "x"}', "is not a file of fusion export"),
    ('{"kind": "fusion export", "schema": 99}', "newer fusion"),
    ('{"kind": "fusion export", "schema": 1}', "is damaged"),
    ('{"kind": "fusion export", "schema": 1, "meta": {}, "graphs": {}, "preprocessing": {}}', "is damaged"),
])  # fmt: skip
def test_a_model_json_that_describes_no_export_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / onnx_folder.MODEL).write_text(content)
    with pytest.raises(UserError, match=words):
        Predictor(tmp_path)


def test_a_graph_that_onnxruntime_cannot_open_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_bytes(b"no graph")
    with pytest.raises(UserError, match=r"text\.onnx cannot be opened by onnxruntime"):
        onnx_folder.open_graph(tmp_path / "text.onnx")


def test_files_outside_of_the_folder_are_never_opened(nano: Path, tmp_path: Path) -> None:
    export = onnx_folder.open_export(nano)
    with pytest.raises(UserError, match="has no"):
        export.checked(str(tmp_path / "elsewhere.onnx"), "0")


def test_a_model_that_reads_pictures_is_answered_as_by_torch(reads: Path, read_run: Path) -> None:
    classifier, picture = make_classifier(reads), drawn(theme="vs")
    transcript = read_picture(picture)
    given = [classifier.sample("", picture, transcript), classifier.sample(TEXTS[0], picture, transcript)]
    assert [classifier.view_of(each) for each in [*given, classifier.sample(TEXTS[0])]] == ["picture", "all", "text"]
    assert alike(read_run, reads, [*given, *(classifier.sample(text) for text in TEXTS)])
