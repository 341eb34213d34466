"""Texts -> predictions: which label, how sure, and when none is given."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.fake_reader import BLANK, FakeReader, fake_reader, some_picture  # noqa: F401, fixture
from tests.tiny import CODE, IMAGE_ONLY, TEXT_ONLY, TINY, configured, sample

from fusion.config.errors import UserError
from fusion.results.calibration import Calibration
from fusion.serving.classifier import MAX_WINDOWS, count_lines, spread
from fusion.serving.decision import Decider
from fusion.serving.inputs import Input, from_bytes
from fusion.serving.prediction import Prediction
from fusion.serving.predictor import Predictor
from fusion.snippets.snippet import text_id
from fusion.training import run

TEXT = sample("python", 1)
FIELDS = {
    "schema", "path", "status", "label", "decision", "reason", "score", "threshold", "mode", "raw", "top_k",
    "by_modality", "input", "model", "error",
}  # fmt: skip


@pytest.fixture(scope="module")
def predictor(trained: Path) -> Predictor:
    return Predictor(trained)


class Net:
    """A network that answers the windows of a batch with given logits: (W, C), or (1, C) for all of them."""

    branches = ("text",)

    def __init__(self, logits: torch.Tensor):
        self.logits = logits

    def __call__(self, batch: dict) -> torch.Tensor:
        windows = len(batch["present"]["text"])
        return self.logits.expand(windows, -1) if len(self.logits) == 1 else self.logits[:windows]


def give(predictor: Predictor, *logits: list[float]) -> None:
    """Let the network of a predictor answer with these logits, a row for each window or one for all."""
    predictor.classifier.net = Net(torch.tensor(logits))
    calibrate(predictor, Calibration.of_temperature(1.0, 3))


def calibrate(predictor: Predictor, calibration: Calibration, **of_views: Calibration) -> None:
    """Let a predictor have these calibrations."""
    predictor.classifier.calibrations = {"all": calibration, **of_views}
    predictor.decider = Decider(predictor.classifier, predictor.decider.options)


def answer(
    trained: Path, logits: list[float], mode: str = "medium_confidence", labels=(), text: str = TEXT, top: int = 5
):
    """Return the prediction for a text that the network gives these logits of c, css and python."""
    predictor = Predictor(trained, mode, labels, top)
    give(predictor, logits)
    (prediction,) = predictor.predict([Input("a", "ok", text)])
    return prediction


def test_probabilities_do_not_depend_on_the_order_or_the_company_of_texts(predictor: Predictor) -> None:
    texts = [sample(label, i, blocks=1 + 20 * i) for i in range(3) for label in CODE]
    together = predictor.probabilities(texts)
    alone = np.concatenate([predictor.probabilities([text]) for text in texts])
    assert together.shape == (9, 3) and np.allclose(together.sum(1), 1, atol=1e-6)
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(predictor.probabilities(texts[::-1])[::-1], together, atol=1e-5)
    assert [answer.path for answer in predictor.predict(Input(str(i), "ok", t) for i, t in enumerate(texts))] == [
        str(i) for i in range(len(texts))
    ]
    assert predictor.probabilities([]).shape == (0, 3)


def test_a_prediction_has_every_field_and_its_probabilities_are_ranked(predictor: Predictor) -> None:
    (prediction,) = predictor.predict([Input("a.css", "ok", sample("css", 3), 99, "utf-8")])
    content = prediction.to_dict()
    assert content.keys() == FIELDS and json.loads(json.dumps(content)) == content
    shares = [item["prob"] for item in content["top_k"]]
    assert sum(shares) == pytest.approx(1, abs=1e-5) and shares == sorted(shares, reverse=True)
    assert content["raw"] == {"label": content["top_k"][0]["label"], "score": shares[0]}
    assert content["input"]["modalities"] == ["text", "image"] and content["input"]["bytes"] == 99
    assert content["input"]["kind"] == "text" and content["input"]["image_source"] == "rendered"
    assert content["model"]["id"].startswith("sha256:") and content["model"]["classes"] == 3
    alone = content["by_modality"]
    assert {name: item["source"] for name, item in alone.items()} == {"text": "given", "image": "rendered"}
    assert all(item["label"] in CODE and 1 / 3 <= item["score"] <= 1 for item in alone.values())


@pytest.mark.parametrize(("mode", "decision"), [
    ("high_confidence", "abstained"), ("medium_confidence", "accepted"), ("best_guess", "accepted"),
])  # fmt: skip
def test_how_sure_an_answer_must_be_depends_on_the_mode(trained: Path, mode: str, decision: str) -> None:
    found = answer(trained, [0.0, 1.2, 0.0], mode)  # css: 0.62
    assert found.score == pytest.approx(0.624, abs=0.001)
    assert (found.decision, found.label) == (decision, "css" if decision == "accepted" else "unknown")
    assert found.reason == ("none" if decision == "accepted" else "low_confidence")


def test_probabilities_are_calibrated_by_the_temperature(trained: Path) -> None:
    predictor = Predictor(trained)
    give(predictor, [4.0, 0.0, 0.0])
    calibrate(predictor, Calibration.of_temperature(2.0, 3))
    assert predictor.probabilities([TEXT])[0, 0] == pytest.approx(np.exp(2) / (np.exp(2) + 2), abs=1e-6)


def test_windows_of_a_file_are_averaged(trained: Path) -> None:
    predictor = Predictor(trained)
    text = sample("python", 1, blocks=40)
    count = len(spread(text))
    assert 1 < count <= MAX_WINDOWS
    rows = torch.randn(count, 3, generator=torch.Generator().manual_seed(0)).tolist()
    give(predictor, *rows)
    assert np.allclose(predictor.probabilities([text])[0], torch.tensor(rows).softmax(1).mean(0), atol=1e-6)


def test_only_allowed_labels_are_answered(trained: Path) -> None:
    found = answer(trained, [1.0, 0.0, 3.0], "best_guess", ["c", "css"])
    assert found.label == "c" and found.raw["label"] == "python"
    assert {item["label"]: item["prob"] for item in found.top_k} == {
        "c": pytest.approx(0.731, abs=0.001), "css": pytest.approx(0.269, abs=0.001),
    }  # fmt: skip
    with pytest.raises(UserError, match=r"no label 'ccs' \(did you mean css\?\)"):
        Predictor(trained, labels=["ccs"])


def test_a_label_that_is_not_allowed_is_abstained_from_unless_a_guess_is_asked_for(trained: Path) -> None:
    found = answer(trained, [1.0, 0.0, 3.0], labels=["c", "css"])
    assert (found.label, found.decision, found.reason) == ("unknown", "abstained", "not_in_allowed_labels")


@pytest.mark.parametrize("label", ["css", "python"])
def test_the_one_allowed_label_is_the_guess_even_where_its_probability_is_zero(trained: Path, label: str) -> None:
    found = answer(trained, [300.0, 0.0, 0.0], "best_guess", [label])
    assert found.raw == {"label": "c", "score": 1.0}
    assert (found.label, found.decision, found.score) == (label, "accepted", 0.0)
    assert [item["label"] for item in found.top_k] == [label]


def test_a_text_too_short_tells_nothing_and_is_guessed_if_asked_for(trained: Path) -> None:
    found = answer(trained, [0.0, 9.0, 0.0], text="x = 1 \n")
    assert (found.label, found.decision, found.reason) == ("unknown", "abstained", "too_short")
    guess = answer(trained, [0.0, 9.0, 0.0], "best_guess", text="x = 1 \n")
    assert (guess.label, guess.decision, guess.reason) == ("css", "accepted", "none")


@pytest.mark.parametrize("mode", ["high_confidence", "best_guess"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_never_accepted(trained: Path, mode: str, value: float) -> None:
    found = answer(trained, [value, 0.0, 0.0], mode)
    assert found.to_dict().keys() == FIELDS
    assert (found.label, found.decision, found.reason) == ("unknown", "abstained", "no_number")
    assert found.score is None and found.raw is None and found.top_k == []


def test_only_the_best_labels_are_listed(trained: Path) -> None:
    found = answer(trained, [1.0, 2.0, 0.0], top=2)
    assert [item["label"] for item in found.top_k] == ["css", "c"]


def test_what_could_not_be_read_keeps_its_status_and_its_place(predictor: Predictor) -> None:
    inputs = [Input("no", "not_found", error="no is not there"), Input("a", "ok", TEXT), Input("e", "empty")]
    found = list(predictor.predict(inputs))
    assert [(item.path, item.status, item.label is None) for item in found] == [
        ("no", "not_found", True), ("a", "ok", False), ("e", "empty", False),
    ]  # fmt: skip
    assert found[0].error == "no is not there" and found[2].label == "unknown" and found[2].reason == "empty"


def test_a_moved_run_still_predicts_and_so_does_its_model_folder_alone(
    trained: Path, predictor: Predictor, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere" / "my run"
    shutil.copytree(trained, moved)
    before = predictor.probabilities([TEXT])
    for place in (moved, moved / "model"):
        assert np.array_equal(Predictor(place).probabilities([TEXT]), before)


def test_a_model_without_the_size_of_its_pictures_is_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "model", tmp_path / "model")
    meta = json.loads((tmp_path / "model" / "meta.json").read_text())
    del meta["source_size"]
    (tmp_path / "model" / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="source_size"):
        Predictor(tmp_path)


@pytest.fixture(scope="module")
def single(corpus: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return what trains a tiny model with one branch, once for each set of options, and opens it."""
    folders: dict[str, Path] = {}

    def predictor(overrides: list[str], mode: str = "medium_confidence") -> Predictor:
        key = " ".join(overrides)
        if key not in folders:
            options = [*overrides, f"data.path={corpus}"]
            folders[key] = run.run(configured(*options), options, tmp_path_factory.mktemp("single"))
        return Predictor(folders[key], mode)

    return predictor


def shot(width: int = 320, height: int = 120, path: str = "shot.png") -> Input:
    out = io.BytesIO()
    some_picture(width, height).save(out, "PNG")
    return from_bytes(path, out.getvalue())


def blank(path: str = "blank.png") -> Input:
    out = io.BytesIO()
    some_picture().point(lambda _: 9).save(out, "PNG")
    return from_bytes(path, out.getvalue())


def answered(predictor: Predictor, *inputs: Input) -> list[Prediction]:
    found = list(predictor.predict(inputs))
    for prediction in found:
        content = prediction.to_dict()
        assert content.keys() == FIELDS and json.loads(json.dumps(content, allow_nan=False)) == content
    return found


def test_a_picture_is_answered_from_its_text_and_from_itself(predictor: Predictor, reader: FakeReader) -> None:
    reader.text = sample("c", 5)
    (found,) = answered(predictor, shot())
    assert (found.status, found.error) == ("ok", None) and found.raw["label"] in CODE
    assert {name: item["source"] for name, item in found.by_modality.items()} == {"text": "ocr", "image": "given"}
    facts = found.input
    assert (facts["kind"], facts["width"], facts["height"], facts["text"]) == ("picture", 320, 120, reader.text)
    assert (facts["modalities"], facts["image_source"], facts["text_source"]) == (["text", "image"], "given", "ocr")
    assert facts["reading"]["characters"] == sum(map(str.isprintable, "".join(reader.text.split())))
    assert facts["reading"]["reason"] == "" and facts["lines"] == reader.text.count("\n") and facts["bytes"] > 100


def test_both_the_text_and_the_picture_count(predictor: Predictor, reader: FakeReader) -> None:
    reader.texts = {(320, 120): sample("c", 5), (321, 120): sample("css", 5), (320, 400): sample("c", 5)}
    first, other_text, other_picture = answered(predictor, shot(), shot(321), shot(320, 400))
    assert other_text.by_modality["text"] != first.by_modality["text"]
    assert other_picture.by_modality["text"] == first.by_modality["text"]
    assert other_picture.by_modality["image"] != first.by_modality["image"]
    assert other_picture.raw != first.raw


def test_the_text_of_a_picture_counts_as_the_text_itself(single, reader: FakeReader) -> None:
    reader.text = sample("python", 4, blocks=30)
    found, given = answered(single(TEXT_ONLY), shot(), Input("a.py", "ok", reader.text))
    assert found.raw == given.raw and found.top_k == given.top_k
    assert found.by_modality == {"text": {**found.raw, "source": "ocr"}}
    assert found.input["modalities"] == ["text"] and found.input["image_source"] == "missing"


def test_a_model_that_reads_no_text_answers_from_the_picture(single, reader: FakeReader) -> None:
    reader.texts = {(321, 120): "something else()\nthat = is_read"}
    predictor = single(IMAGE_ONLY)
    one, same, other = answered(predictor, shot(), shot(path="-"), shot(100, 300))
    assert one.raw == same.raw != other.raw
    assert one.by_modality == {"image": {**one.raw, "source": "given"}} and one.input["modalities"] == ["image"]
    assert one.input["text"] == reader.text and one.input["text_source"] == "ocr"


def test_a_picture_is_seen_as_one_that_a_model_is_trained_on(
    single, reader: FakeReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusion.screenshots.user_images import Pictures

    predictor, seen = single(IMAGE_ONLY), []
    features = predictor.classifier._image_features
    monkeypatch.setattr(
        predictor.classifier, "_image_features", lambda pictures: seen.append(pictures) or features(pictures)
    )
    answered(predictor, shot())
    some_picture().save(tmp_path / "a.png")
    size = predictor.classifier.renderer.size
    assert np.array_equal(seen[0], Pictures(size, 32, tmp_path)([str(tmp_path / "a.png")]))


@pytest.mark.parametrize("mode", ["medium_confidence", "best_guess"])
def test_a_picture_without_code_is_said_to_be_that(trained: Path, reader: FakeReader, mode: str) -> None:
    (found,) = answered(Predictor(trained, mode), blank())
    assert (found.status, found.label, found.decision, found.reason) == ("no_code", "unknown", "abstained", "no_code")
    assert (found.raw, found.score, found.top_k, found.by_modality, found.error) == (None, None, [], {}, None)
    assert found.input["reading"]["reason"] == BLANK and found.input["text_source"] == "missing"
    assert found.input["modalities"] == [] and (found.input["width"], found.input["text"]) == (320, "")


def test_a_model_of_pictures_alone_guesses_without_code_if_asked_to(single, reader: FakeReader) -> None:
    (found,) = answered(single(IMAGE_ONLY), blank())
    assert found.decision == "abstained" and found.raw is None
    (guess,) = answered(single(IMAGE_ONLY, "best_guess"), blank())
    assert guess.decision == "accepted" and guess.label in CODE and guess.status == "no_code"
    assert guess.input["modalities"] == ["image"]


def test_little_that_was_read_is_too_short(predictor: Predictor, reader: FakeReader) -> None:
    reader.text = "a = 1"
    (found,) = answered(predictor, shot())
    assert (found.status, found.label, found.reason) == ("ok", "unknown", "too_short")


def test_pictures_and_texts_keep_their_order_and_their_answers(predictor: Predictor, reader: FakeReader) -> None:
    reader.texts = {
        (300 + i, 120): sample(label, i, blocks=1 + 10 * i) for i, label in enumerate(["c", "css", "c", "css"])
    }
    texts = [Input(f"{i}.py", "ok", sample("python", i, blocks=1 + 20 * i)) for i in range(20)]
    pictures = [shot(300 + i, path=f"{i}.png") for i in range(4)]
    damaged = from_bytes("damaged.png", pictures[0].picture[:90])
    inputs = [pictures[0], *texts[:3], blank(), pictures[1], damaged, *texts[3:], *pictures[2:], Input("e", "empty")]
    together = answered(predictor, *inputs)
    assert [item.path for item in together] == [item.path for item in inputs]
    for item, found in zip(inputs, together, strict=True):
        (alone,) = predictor.predict([item])
        assert found.label == alone.label and found.status == alone.status
        if found.raw is not None:
            assert found.raw["score"] == pytest.approx(alone.raw["score"], abs=1e-5)
            for name, answer in found.by_modality.items():
                assert answer["score"] == pytest.approx(alone.by_modality[name]["score"], abs=1e-5)
    broken = next(item for item in together if item.path == "damaged.png")
    assert (broken.status, broken.label) == ("unreadable", None) and "damaged.png is a damaged picture" in broken.error


def test_a_reader_that_fails_on_one_picture_does_not_end_the_others(
    predictor: Predictor, reader: FakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = FakeReader.__call__

    def fail(self: FakeReader, picture: np.ndarray):
        if picture.shape[1] == 333:
            raise IndexError("out of bounds")
        return original(self, picture)

    monkeypatch.setattr(FakeReader, "__call__", fail)
    found = answered(predictor, shot(), shot(333, path="bad.png"), shot())
    assert [item.status for item in found] == ["ok", "error", "ok"]
    assert "bad.png could not be read (IndexError: out of bounds)" in found[1].error and found[1].label is None


def test_a_reader_without_weights_is_an_error_the_user_can_fix(
    predictor: Predictor, reader: FakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FakeReader, picture: np.ndarray):
        raise UserError("The reader's weights are missing.")

    monkeypatch.setattr(FakeReader, "__call__", fail)
    with pytest.raises(UserError, match="weights are missing"):
        list(predictor.predict([shot()]))


def test_what_each_modality_says_alone_is_what_the_model_says_without_the_other(predictor: Predictor) -> None:
    text = sample("css", 8, blocks=1)  # one window
    (found,) = answered(predictor, Input("a.css", "ok", text))
    classifier = predictor.classifier
    batch = {"text": classifier.tokenizer([text.strip("\n")]), "image": torch.zeros(1, 32, 32, 3, dtype=torch.uint8)}
    batch["present"] = {"text": torch.ones(1, dtype=torch.bool), "image": torch.zeros(1, dtype=torch.bool)}
    with torch.inference_mode():
        logits = classifier.net(batch)
    alone = classifier.calibration("text").probabilities(logits.numpy(), np.array([count_lines(text)]))[0]
    assert found.by_modality["text"]["score"] == pytest.approx(float(alone.max()), abs=1e-5)


def test_views_of_several_tiles_are_averaged_as_in_evaluation(corpus: Path, tmp_path: Path, reader: FakeReader) -> None:
    tiles = ["render.view=tiles", "render.tile_size=40", "render.tile_margin=0", "render.tile_count=2"]
    options = [*TINY, "epochs=1", *tiles, f"data.path={corpus}"]
    predictor = Predictor(run.run(configured(*options), options, tmp_path))
    classifier, text = predictor.classifier, sample("c", 9, blocks=1)
    images = torch.from_numpy(classifier.renderer([text.strip("\n")], [text_id(text.strip("\n"))], None))  # (1, 2, ...)
    present = {name: torch.ones(1, dtype=torch.bool) for name in ("text", "image")}
    with torch.inference_mode():
        batch = {"text": classifier.tokenizer([text.strip("\n")]), "image": images, "present": present}
        logits = classifier.net(batch)
    expected = classifier.calibration("all").probabilities(logits.numpy(), np.array([count_lines(text)]))
    assert np.allclose(predictor.probabilities([text]), expected, atol=1e-5)
    (found,) = answered(predictor, shot())
    assert found.status == "ok" and found.by_modality.keys() == {"text", "image"}
