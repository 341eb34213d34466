"""Probabilities of each view -> a label, or none and why; sets of labels."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fusion.config.errors import UserError
from fusion.results.calibration import LEVELS, Calibration
from fusion.serving.decision import AnswerOptions, Decider

TEXT = "a text that is long enough"
CLASSES = ["c", "css", "python", "Other"]
FITTED = Calibration(
    (1.0, 1.0),
    {"high_confidence": (0.9, 0.6, 0.8, 0.8), "medium_confidence": (0.7, 0.3, 0.5, 0.5)},
    lengths=(5,),
    limits=(tuple(0.3 if level <= 0.9 else 0.05 for level in LEVELS), tuple(0.6 for _ in LEVELS)),
)


def decide(
    *options: Any, calibration: Calibration = FITTED, code: str = TEXT, classes: list[str] = CLASSES,
    views: dict[str, Calibration] | None = None, **of: list[float],
) -> dict[str, Any]:  # fmt: skip
    """Return what is decided of probabilities by view."""
    by_view = {"all": calibration, **(views or {})}
    classifier = SimpleNamespace(classes=classes, calibration=lambda view: by_view.get(view, calibration))
    decider = Decider(classifier, AnswerOptions(*options))  # type: ignore[arg-type]
    return decider.decide({view: np.array(values) for view, values in of.items()}, code)


@pytest.mark.parametrize(("mode", "probability", "decision", "threshold"), [
    ("high_confidence", [0.85, 0.05, 0.05, 0.05], "abstained", 0.9), ("high_confidence", [0.1, 0.7, 0.1, 0.1], "accepted", 0.6),
    ("medium_confidence", [0.65, 0.2, 0.1, 0.05], "abstained", 0.7), ("medium_confidence", [0.2, 0.4, 0.2, 0.2], "accepted", 0.3),
    ("best_guess", [0.3, 0.25, 0.25, 0.2], "accepted", 0),
])  # fmt: skip
def test_the_threshold_is_that_of_the_label_and_the_mode(
    mode: str, probability: list[float], decision: str, threshold: float
) -> None:
    found = decide(mode, all=probability)
    assert (found["decision"], found["threshold"]) == (decision, threshold)
    assert found["reason"] == ("none" if decision == "accepted" else "low_confidence")


SURE = {"all": [0.1, 0.1, 0.8, 0.0], "text": [0.05, 0.05, 0.9, 0.0], "image": [0.1, 0.8, 0.1, 0.0]}


def test_modalities_that_are_sure_of_different_labels_are_not_answered() -> None:
    for mode in ("high_confidence", "medium_confidence"):
        found = decide(mode, **SURE)
        assert (found["label"], found["decision"], found["reason"]) == ("unknown", "abstained", "modalities_disagree")
        assert found["raw"]["label"] == "python"
    assert decide("best_guess", **SURE)["label"] == "python"


def test_a_modality_that_is_not_sure_or_agrees_does_not_count() -> None:
    unsure = SURE | {"image": [0.6, 0.2, 0.2, 0.0]}  # c asks for 0.7
    assert decide(**unsure)["label"] == "python"
    assert decide(**SURE | {"image": [0.2, 0.1, 0.7, 0.0]})["label"] == "python"
    strict = Calibration((1.0,), dict.fromkeys(FITTED.thresholds, (0.95,) * 4), limits=((0.0,) * len(LEVELS),))
    assert decide(**SURE, views={"image": strict})["label"] == "python", "each by the thresholds of its own view"
    assert decide("medium_confidence", ("c", "python"), **SURE)["label"] == "python", "css is not asked for"


def test_an_older_model_answers_whatever_its_modalities_say() -> None:
    found = decide(**SURE, calibration=Calibration.of_temperature(1.0, 4))
    assert (found["label"], found["threshold"]) == ("python", 0.5)


OTHER = [0.1, 0.05, 0.05, 0.8]


@pytest.mark.parametrize("mode", ["high_confidence", "medium_confidence", "best_guess"])
def test_what_is_no_code_is_unknown_unless_it_is_asked_for(mode: str) -> None:
    found = decide(mode, all=OTHER)
    assert (found["label"], found["decision"], found["reason"]) == ("unknown", "abstained", "not_code")
    assert found["raw"] == {"label": "Other", "score": 0.8} and found["top_k"][0]["label"] == "Other"
    assert decide(mode, tuple(CLASSES), all=OTHER)["label"] == "Other"
    assert decide(mode, all=OTHER, classes=["c", "css", "python", "go"])["label"] == "go"


def test_no_code_is_not_taken_for_an_allowed_label_but_for_a_guess() -> None:
    found = decide("medium_confidence", ("c", "css"), all=[0.19, 0.005, 0.005, 0.8])
    assert (found["label"], found["reason"]) == ("unknown", "not_code")
    assert decide("best_guess", ("c", "css"), all=OTHER)["label"] == "c"
    assert decide(all=[0.2, 0.2, 0.2, 0.4])["reason"] == "low_confidence"


def test_a_short_text_comes_first() -> None:
    assert decide(all=OTHER, code="x = 1")["reason"] == "too_short"


def test_a_set_has_the_labels_of_enough_probability_for_the_length() -> None:
    probability = [0.35, 0.1, 0.5, 0.05]
    options = ("medium_confidence", (), 5, 0.9)
    assert decide(all=probability)["set"] is None
    assert decide(*options, all=probability)["set"] == {"level": 0.9, "labels": ["python", "c"]}
    assert decide(*options[:3], 0.95, all=probability)["set"]["labels"] == ["python", "c", "css", "Other"]
    long = "\n".join(["line"] * 6)
    assert decide(*options, all=probability, code=long)["set"]["labels"] == ["python"], "never empty"


def test_a_set_has_allowed_labels_alone_and_never_none() -> None:
    probability = [0.35, 0.1, 0.5, 0.05]
    assert decide("medium_confidence", ("css", "c"), 5, 0.9, all=probability)["set"]["labels"] == ["c"]
    assert decide("medium_confidence", ("css",), 5, 0.9, all=probability)["set"]["labels"] == ["css"]


@pytest.mark.parametrize(("options", "calibration", "said"), [
    (("guess",), FITTED, r"no mode 'guess'.*best_guess"), (("best_guess", ("C",)), FITTED, "no label 'C'"),
    (("best_guess", (), 5, 95.0), FITTED, "between 0 and 1"),
    (("best_guess", (), 5, 0.9), Calibration.of_temperature(1.0, 4), "train it again"),
])  # fmt: skip
def test_options_that_cannot_be_met_are_named(options: tuple, calibration: Calibration, said: str) -> None:
    with pytest.raises(UserError, match=said):
        decide(*options, calibration=calibration, all=OTHER)
