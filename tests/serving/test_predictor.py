"""Texts -> predictions: which label, how sure, and when none is given."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny import CODE, sample

from fusion.config.errors import UserError
from fusion.serving.inputs import Input
from fusion.serving.predictor import MAX_WINDOWS, Predictor, _spread

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
        windows = len(batch["id"])
        return self.logits.expand(windows, -1) if len(self.logits) == 1 else self.logits[:windows]


def give(predictor: Predictor, *logits: list[float]) -> None:
    """Let the network of a predictor answer with these logits, a row for each window or one for all."""
    predictor.net, predictor.temperature = Net(torch.tensor(logits)), 1.0


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
    assert content["model"]["id"].startswith("sha256:") and content["model"]["classes"] == 3


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
    predictor.temperature = 2.0
    assert predictor.probabilities([TEXT])[0, 0] == pytest.approx(np.exp(2) / (np.exp(2) + 2), abs=1e-6)


def test_windows_of_a_file_are_averaged(trained: Path) -> None:
    predictor = Predictor(trained)
    text = sample("python", 1, blocks=40)
    count = len(_spread(text))
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
