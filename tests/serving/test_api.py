"""from fusion import load: texts, files, pictures and both -> the answers of a model that is loaded once."""

import doctest
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fake_reader import FakeReader, fake_reader, some_picture  # noqa: F401, fixture
from tests.tiny import Command, sample

import fusion
from fusion import load, weights
from fusion.config.errors import UserError
from fusion.serving import api
from fusion.serving.api import TrainedModel, as_input
from fusion.serving.predictor import INPUTS_AT_ONCE

TEXT = sample("python", 1)


@pytest.fixture(scope="module")
def model(trained: Path) -> TrainedModel:
    return load(trained)


@pytest.mark.parametrize(("module", "name"), [(fusion, "load"), (api, "TrainedModel")])
def test_examples_are_true(trained: Path, module: object, name: str) -> None:
    globs = {"RUN": str(trained), "Path": Path, "TrainedModel": TrainedModel}
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(module, name), name, globs=globs)
    results = doctest.DocTestRunner().run(test)
    assert results.attempted and not results.failed


def test_import_does_not_bring_torch(trained: Path) -> None:
    code = "import sys; from fusion import load; print('torch' in sys.modules, 'numpy' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(fusion.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr


def test_a_text_gets_the_answer_that_the_command_line_gives(
    model: TrainedModel, trained: Path, tmp_path: Path, call: Command
) -> None:
    (tmp_path / "a.py").write_text(TEXT)
    done = call("predict", "--run", trained, "--json", "--set", "0.8", "a.py", cwd=tmp_path)
    expected = json.loads(done.stdout) | {"path": ""}
    assert model.predict(TEXT, set=0.8).to_dict() == expected
    assert model.modalities == ("text", "image") and model.classes == ("c", "css", "python")


def test_a_run_folder_and_its_model_folder_are_loaded(model: TrainedModel, trained: Path) -> None:
    assert load(str(trained / "model")).predict(TEXT) == model.predict(TEXT)


def test_options_are_those_of_each_call(model: TrainedModel) -> None:
    found = model.predict(TEXT, mode="best_guess", labels=["c"], top=1, set=0.9)
    assert (found.label, found.mode, found.set) == ("c", "best_guess", {"level": 0.9, "labels": ["c"]})
    again = model.predict(TEXT)
    assert again.mode == "medium_confidence" and again.set is None and len(again.top_k) == 3
    assert "set" not in again.to_dict()


def test_a_picture_is_whatever_read_screenshot_takes(model: TrainedModel, reader: FakeReader, tmp_path: Path) -> None:
    reader.text = TEXT.rstrip("\n")
    picture, file = some_picture(), tmp_path / "a.png"
    picture.save(file)
    data = file.read_bytes()
    sources = (file, str(file), data, io.BytesIO(data), picture, np.asarray(picture))
    answers = [model.predict(image=source) for source in sources]
    assert len({(answer.raw["label"], answer.raw["score"]) for answer in answers}) == 1
    assert [answer.path for answer in answers] == [str(file)] * 2 + [""] * 4
    facts = answers[-1].input
    assert (facts["image_source"], facts["text_source"], facts["text"]) == ("given", "ocr", reader.text)


def test_a_text_and_its_picture_are_both_used_and_the_picture_is_not_read(
    model: TrainedModel, reader: FakeReader
) -> None:
    picture = some_picture(300, 200)
    both, text, other = model.predict(TEXT, picture), model.predict(TEXT), model.predict(sample("c", 3), picture)
    assert not reader.seen
    facts = both.input
    assert (facts["image_source"], facts["text_source"], facts["kind"]) == ("given", "given", "picture")
    assert (facts["width"], facts["height"], facts["reading"], facts["text"]) == (300, 200, None, TEXT)
    assert (facts["encoding"], facts["bytes"]) == ("utf-8", len(TEXT.encode()))
    assert {name: answer["source"] for name, answer in both.by_modality.items()} == {"text": "given", "image": "given"}
    assert both.by_modality["text"] == text.by_modality["text"]
    assert both.by_modality["image"]["score"] == pytest.approx(other.by_modality["image"]["score"], abs=1e-5)
    assert both.by_modality["image"]["score"] != text.by_modality["image"]["score"]
    blank = model.predict(" \n", picture)
    assert len(reader.seen) == 1 and blank.input["text_source"] == "ocr"


def test_what_cannot_be_read_is_an_answer(model: TrainedModel, reader: FakeReader, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture\n" * 3)
    absent, text, damaged = (
        model.predict(image=tmp_path / "absent.png"), model.predict(image=tmp_path / "text.png"),
        model.predict(image=b"\x89PNG\r\n\x1a\n broken"),
    )  # fmt: skip
    assert [(one.status, one.label) for one in (absent, text, damaged)] == [
        ("not_found", None), ("unreadable", None), ("unreadable", None),
    ]  # fmt: skip
    assert "absent.png does not exist" in absent.error and "not a picture" in text.error
    assert "the picture" in damaged.error
    empty = model.predict("  \n")
    assert (empty.status, empty.label, empty.reason) == ("empty", "unknown", "empty")


def test_many_keep_their_order_and_are_taken_as_they_are_needed(
    model: TrainedModel, reader: FakeReader, tmp_path: Path
) -> None:
    file = tmp_path / "b.css"
    file.write_text(sample("css", 2))
    items = [TEXT, file, {"text": sample("c", 5)}, {"image": some_picture()}, {"text": TEXT, "image": some_picture()}]
    taken: list[int] = []

    def endless() -> Iterator[object]:
        while True:
            taken.append(len(taken))
            yield items[taken[-1] % len(items)]

    answers = model.predict_many(endless(), mode="best_guess")  # type: ignore[arg-type]
    assert not taken
    found = [next(answers) for _ in range(2 * len(items))]
    assert len(taken) == INPUTS_AT_ONCE
    alone = [model.predict(TEXT), *model.predict_many(items[1:], mode="best_guess")]
    for i, one in enumerate(found):
        assert one.raw["score"] == pytest.approx(alone[i % len(items)].raw["score"], abs=1e-5)
        assert one.path == (str(file) if i % len(items) == 1 else "")
    assert list(model.predict_many([])) == []


@pytest.mark.parametrize(("options", "said"), [
    ({"mode": "high"}, "no mode 'high'"), ({"labels": ["ccs"]}, "did you mean css"), ({"labels": "css"}, "give a list"),
    ({"set": 1.5}, "between 0 and 1"),
])  # fmt: skip
def test_options_that_make_no_sense_are_named_at_once(model: TrainedModel, options: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        model.predict(TEXT, **options)
    with pytest.raises(UserError, match=said):
        model.predict_many([TEXT], **options)


@pytest.mark.parametrize(("item", "said"), [
    (7, "int cannot be predicted"), ({}, "cannot be predicted"), ({"text": "x", "path": "y"}, "a dict of text, path"),
    ({"text": b"x"}, "text is bytes"), ({"text": None}, "nothing to predict"),
])  # fmt: skip
def test_items_of_other_types_are_named(model: TrainedModel, item: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list(model.predict_many([item]))  # type: ignore[list-item]


def test_without_a_folder_it_is_the_model_that_fusion_ships(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Command
) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    (tmp_path / "a.py").write_text(TEXT)
    with pytest.raises(UserError, match="ships no trained model; give the folder of a run"):
        load()
    done = call("predict", "a.py", cwd=tmp_path)
    assert done.returncode == 1 and "ships no trained model" in done.stderr and "Traceback" not in done.stderr
    shutil.copytree(trained / "model", tmp_path / "release")
    assert load().predict(TEXT) == load(trained).predict(TEXT)
    done = call("predict", "a.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("a.py: ")


@given(text=st.text(alphabet=st.characters(), max_size=200))
def test_any_text_has_an_answer(model: TrainedModel, text: str) -> None:
    item = as_input(text)
    item.text.encode()
    assert item.status == ("ok" if text.strip() else "empty")
    assert model.predict(text).status == item.status
