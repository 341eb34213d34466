"""Damaged test snippets and a trained model: what is given, what is asked, and when an answer counts as right."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.fake_reader import FakeReader, fake_reader  # noqa: F401, fixture

from fusion.config.errors import UserError
from fusion.results.curves import ANSWERS, KINDS
from fusion.serving.classifier import Sample
from fusion.serving.robustness import Trial, load_snippets, measure
from fusion.snippets.sources import no_progress

LIMITS = {"text": 5, "picture": 2}


class Recorder:
    """Stands in for the classifier of a model: remembers what it is asked, and answers with the first class."""

    def __init__(self, modalities: list[str], classes: list[str]):
        self.modalities, self.classes, self.renderer, self.reads = modalities, classes, None, False
        self.asked: list[Sample] = []

    def sample(self, text: str, picture: np.ndarray | None = None, transcript: object = None) -> Sample:
        return Sample(text, picture)

    def __call__(self, samples: list[Sample]) -> dict[str, np.ndarray]:
        self.asked += samples
        answer = np.tile(np.eye(len(self.classes))[0], (len(samples), 1))
        return dict.fromkeys(["all", *(self.modalities if len(self.modalities) > 1 else ())], answer)


def recorded(trained: Path, *modalities: str) -> tuple[Trial, Recorder, pa.Table]:
    trial, snippets = Trial(trained, 0), load_snippets(trained)
    recorder = Recorder([*modalities], trial.classifier.classes)
    trial.classifier = recorder  # type: ignore[assignment]
    return trial, recorder, snippets


def test_the_test_snippets_are_those_that_the_run_was_tested_on(trained: Path) -> None:
    snippets, run = load_snippets(trained), json.loads((trained / "run.json").read_text())
    assert snippets.num_rows == run["samples"]["test"] and set(snippets["split"].to_pylist()) == {"test"}


def test_other_data_and_unfinished_runs_are_refused(trained: Path, tmp_path: Path) -> None:
    run = json.loads((trained / "run.json").read_text())
    for changes, why in (
        ({"data_hash": "0123"}, "no longer those it was trained on .hash 0123 then"),
        ({"status": "failed"}, "is failed; give the folder of a completed run"),
        ({"config": run["config"] | {"data": run["config"]["data"] | {"path": str(tmp_path / "gone")}}}, "gone"),
    ):
        (tmp_path / "run.json").write_text(json.dumps(run | changes))
        with pytest.raises(UserError, match=why):
            load_snippets(tmp_path)


def test_a_damaged_text_is_asked_about_and_no_damage_is_the_text(trained: Path) -> None:
    trial, recorder, snippets = recorded(trained, "text")
    texts = snippets["text"].to_pylist()
    right = trial(snippets, "text", "typos", 0.0)
    assert [sample.text for sample in recorder.asked] == texts
    expected = np.array(snippets["label"].to_pylist()) == recorder.classes[0]
    assert [*right] == ["text"] and right["text"].tolist() == expected.tolist()
    recorder.asked.clear()
    for _ in range(2):
        trial(snippets, "text", "typos", 0.2)
    asked = [sample.text for sample in recorder.asked]
    assert asked[: len(texts)] == asked[len(texts) :] and all(a != b for a, b in zip(asked, texts, strict=False))


def test_first_lines_are_given(trained: Path) -> None:
    trial, recorder, snippets = recorded(trained, "text")
    trial(snippets, "text", "lines", 3)
    assert [s.text for s in recorder.asked] == ["\n".join(t.split("\n")[:3]) for t in snippets["text"].to_pylist()]


def test_pictures_are_drawn_damaged_and_read(trained: Path, reader: FakeReader) -> None:
    trial, recorder, snippets = recorded(trained, "text")
    trial(snippets, "picture", "blur", 0.0)
    trial(snippets, "picture", "blur", 1.0)
    clean, blurred = np.array_split(np.array(reader.seen), 2)
    assert (
        clean.std() > 1
        and abs(np.diff(blurred.astype(int), axis=2)).mean() < abs(np.diff(clean.astype(int), axis=2)).mean()
    )
    assert {sample.text for sample in recorder.asked} == {reader.text}


def test_where_no_code_is_read_only_a_branch_that_looks_is_right(trained: Path, reader: FakeReader) -> None:
    trial, recorder, snippets = recorded(trained, "text", "image")
    reader.reason = "it cannot be read"
    right = trial(snippets, "picture", "cut", 0.5)
    assert not right[ANSWERS["picture", "text"]].any() and not right[ANSWERS["picture", "all"]].any()
    expected = np.array(snippets["label"].to_pylist()) == recorder.classes[0]
    assert right[ANSWERS["picture", "image"]].tolist() == expected.tolist() and expected.any()


def test_a_model_that_only_looks_needs_no_reading(trained: Path, reader: FakeReader) -> None:
    trial, recorder, snippets = recorded(trained, "image")
    right = trial(snippets, "picture", "cover", 0.3)
    assert not reader.seen and [*right] == ["picture, seen"] and right["picture, seen"].any()
    assert trial.given("lines") == ["text"] and trial.given("cover") == ["picture"]
    assert len(recorder.asked) == snippets.num_rows


def test_every_curve_of_both_branches_is_measured_on_a_sample(trained: Path, reader: FakeReader) -> None:
    snippets, trial = load_snippets(trained), Trial(trained, 0)
    points = [*measure(trial, snippets, ["lines", "ocr", "scale"], LIMITS, no_progress)]
    assert {one.answer for one in points if one.kind == "lines"} == {*ANSWERS.values()}
    assert {one.answer for one in points if one.kind == "ocr"} == {a for (g, _), a in ANSWERS.items() if g == "text"}
    scale = [one for one in points if one.kind == "scale"]
    assert len(scale) == 3 * len(KINDS["scale"].values) and {one.snippets for one in scale} == {2}
    assert all(one.snippets <= LIMITS["text"] for one in points)
    assert points == [*measure(Trial(trained, 0), snippets, ["lines", "ocr", "scale"], LIMITS, no_progress)]


def test_a_run_that_moved_is_measured_where_it_lies(trained: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(trained, tmp_path / "moved")
    (point, *_) = measure(Trial(moved, 0), load_snippets(moved), ["typos"], LIMITS, no_progress)
    assert point.value == 0 and 0 <= point.low <= point.accuracy <= point.high <= 1


def test_a_model_that_reads_pictures_answers_texts_by_themselves_and_pictures_by_what_it_sees(read_run: Path) -> None:
    points = [*measure(Trial(read_run, 0), load_snippets(read_run), ["lines"], LIMITS, no_progress)]
    assert {point.answer for point in points} == {"text", "picture, read", "picture, seen", "picture, seen and read"}
