"""A model to which what is read in a picture is a modality: texts, pictures, and both."""

from pathlib import Path

import numpy as np
import pytest
from tests.reading.test_shipped import drawn
from tests.tiny import CODE, sample

from fusion.serving.api import TrainedModel


@pytest.fixture(scope="module")
def model(read_run: Path) -> TrainedModel:
    return TrainedModel(read_run)


def test_a_text_alone_is_answered_without_a_picture(model: TrainedModel) -> None:
    answer = model.predict(sample("css", 1), mode="best_guess")
    assert answer.label in CODE and answer.input["modalities"] == ["text"]
    assert set(answer.by_modality) == {"text"} and answer.input["image_source"] == "missing"


def test_a_picture_alone_is_answered_by_what_is_read_and_how_it_looks(model: TrainedModel) -> None:
    answer = model.predict(image=drawn(theme="vs"), mode="best_guess")
    assert answer.label in CODE and answer.input["modalities"] == ["image", "read"]
    assert {name: said["source"] for name, said in answer.by_modality.items()} == {"image": "given", "read": "ocr"}
    assert answer.input["text_source"] == "ocr" and answer.input["reading"]["characters"] > 0


def test_a_text_and_its_picture_are_three_witnesses(model: TrainedModel) -> None:
    answer = model.predict(sample("c", 1), drawn(theme="vs"), mode="best_guess")
    assert answer.input["modalities"] == ["text", "image", "read"] and answer.input["text_source"] == "given"
    assert {name: said["source"] for name, said in answer.by_modality.items()} == {
        "text": "given", "image": "given", "read": "ocr"
    }  # fmt: skip
    assert answer.input["text"] == sample("c", 1) and answer.input["reading"]["characters"] > 0


def test_an_empty_picture_shows_no_code_but_its_text_is_answered(model: TrainedModel) -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)
    assert model.predict(image=blank).status == "no_code"
    answer = model.predict(sample("python", 1), blank, mode="best_guess")
    assert answer.label in CODE and answer.input["modalities"] == ["text", "image"]


def test_many_of_all_kinds_are_answered_as_each_alone(model: TrainedModel) -> None:
    items = [sample("c", 2), {"image": drawn(theme="vs")}, {"text": sample("css", 2), "image": drawn(theme="monokai")}]
    alone = [next(iter(model.predict_many([item], mode="best_guess"))) for item in items]
    together = [*model.predict_many(items, mode="best_guess")]
    for one, other in zip(alone, together, strict=True):
        assert one.raw["label"] == other.raw["label"] and one.raw["score"] == pytest.approx(
            other.raw["score"], abs=1e-4
        )


def test_a_text_of_a_model_that_draws_is_coloured_by_a_guess_where_training_knew_the_label(corpus, tmp_path) -> None:
    from tests.tiny import TINY, configured

    from fusion.serving.classifier import make_renderer
    from fusion.training import run

    options = [*TINY, f"data.path={corpus}", "render.highlight=true", "epochs=1"]
    model = TrainedModel(run.run(configured(*options), options, tmp_path))
    assert model.predict(sample("c", 1), mode="best_guess").input["image_source"] == "rendered"
    meta = model._predictor.classifier.meta
    assert make_renderer(meta).painter.highlight == "guessed"
    assert make_renderer(meta, knows_labels=True).painter.highlight == "true"
