"""Validation logits -> probabilities, thresholds and sets that hold on fresh rows, and what is read back from a file."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.config.errors import UserError
from fusion.results import statistics
from fusion.results.calibration import (
    LEAST,
    LEVELS,
    MIN_ROWS,
    PRECISIONS,
    Calibration,
    calibration_scores,
    fit_calibration,
    read_calibrations,
    set_limits,
)

CLASSES = 5
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def rows(count: int, seed: int, times: float = 1.0) -> Rows:
    """Return logits, so many times too large, truth that is drawn by their probabilities, lines, and projects."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (count, CLASSES))
    truth = (statistics.softmax(logits).cumsum(1) > random.random((count, 1))).argmax(1)
    return logits * times, truth, random.integers(1, 41, count), random.integers(0, 200, count)


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    return fit_calibration(*rows(10000, 0, times=3.0))


def test_probabilities_are_calibrated_for_each_range_of_lengths() -> None:
    short, long, lines = rows(3000, 1, times=4.0), rows(3000, 2, times=0.5), np.repeat([1, 30], 3000)
    both = [np.concatenate(pair) for pair in zip(short, long, strict=True)]
    found = fit_calibration(both[0], both[1], lines, np.arange(6000))
    assert found.temperatures[0] == pytest.approx(4, rel=0.1) and found.temperatures[3] == pytest.approx(0.5, rel=0.1)
    assert found.temperatures[1] == found.temperatures[2], "without rows of its own it is that of all"
    logits, truth, *_ = rows(3000, 3, times=4.0)
    assert statistics.calibration_error(found.probabilities(logits, np.full(3000, 2)), truth) < 0.03
    assert statistics.calibration_error(found.probabilities(logits, np.full(3000, 40)), truth) > 0.1


def test_few_rows_of_a_length_take_the_temperature_of_all() -> None:
    logits, truth, _, groups = rows(2000, 4)
    lines = np.where(np.arange(2000) < MIN_ROWS - 1, 1, 20)
    logits[lines == 1] *= 8
    assert fit_calibration(logits, truth, lines, groups).temperatures[0] == pytest.approx(
        statistics.fit_temperature(logits, truth), abs=1e-6
    )


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_a_set_holds_the_truth_as_often_as_it_says_at_every_length(fitted: Calibration, level: float) -> None:
    logits, truth, lines, _ = rows(20000, 5, times=3.0)
    held = fitted.prediction_set(fitted.probabilities(logits, lines), level, lines)
    covered = held[np.arange(len(truth)), truth]
    assert covered.mean() >= level - 0.01, "more where a set would be empty but for the most probable label"
    for low, high in ((3, 5), (6, 15), (16, 40)):
        assert covered[(lines >= low) & (lines <= high)].mean() >= level - 0.04
    assert held.any(1).all() and held.sum(1).mean() < CLASSES * level


def test_a_surer_set_holds_what_one_less_sure_does(fitted: Calibration) -> None:
    logits, _, lines, _ = rows(200, 6, times=3.0)
    probabilities = fitted.probabilities(logits, lines)
    sets = [
        fitted.prediction_set(probabilities, level, lines) for level in (0.3, 0.5, 0.801, 0.81, 0.97, 0.999, 0.9999)
    ]
    assert all((more | less == more).all() for less, more in pairwise(sets))
    assert np.array_equal(sets[2], sets[3]), "rounded up"
    assert sets[-1].all(), "surer than so many rows can tell"


def test_limits_are_the_rank_of_split_conformal_prediction() -> None:
    limits = dict(zip(LEVELS, set_limits(np.arange(1, 100) / 100), strict=True))  # 99 rows, so 90 % is rank 90
    assert (
        limits[0.9] == pytest.approx(0.10)
        and limits[0.5] == pytest.approx(0.50)
        and limits[0.99] == pytest.approx(0.01)
    )
    assert limits[0.995] == 0 and set(set_limits(np.zeros(0))) == {0.0}


def test_thresholds_reach_their_precision_on_fresh_rows(fitted: Calibration) -> None:
    logits, truth, lines, _ = rows(40000, 7, times=3.0)
    probabilities = fitted.probabilities(logits, lines)
    best, correct = probabilities.argmax(1), probabilities.argmax(1) == truth
    for mode, precision in PRECISIONS.items():
        answered = probabilities.max(1) >= fitted.threshold(mode)[best]
        assert precision <= correct[answered].mean() < precision + 0.02
        assert all(correct[answered & (best == label)].mean() > precision - 0.015 for label in range(CLASSES))
        assert (fitted.threshold(mode) >= LEAST[mode]).all()
    scores = calibration_scores(fitted, logits, truth, lines)
    assert scores["precision_at_95"] >= 0.95 and 0.3 < scores["coverage_at_95_precision"] < 0.6
    assert scores["ece"] < 0.02 and scores["ece"] == statistics.calibration_error(probabilities, truth)
    assert scores["nll"] == pytest.approx(-np.log(probabilities[np.arange(len(truth)), truth]).mean())
    assert (fitted.threshold("best_guess") == 0).all() and fitted.threshold("best_guess").shape == (CLASSES,)


def test_too_few_rows_ask_for_what_calibrated_probabilities_promise() -> None:
    found = fit_calibration(*rows(MIN_ROWS - 1, 8))
    assert found.thresholds == {mode: (share,) * CLASSES for mode, share in PRECISIONS.items()}
    assert len(set(found.temperatures)) == 1 and not found.scale


def test_rows_without_numbers_are_left_out() -> None:
    logits, truth, lines, groups = rows(600, 9)
    broken = logits.copy()
    broken[::3] = np.nan
    kept = np.arange(600) % 3 > 0
    assert fit_calibration(broken, truth, lines, groups) == fit_calibration(
        logits[kept], truth[kept], lines[kept], groups[kept]
    )
    none = fit_calibration(np.full_like(logits, np.inf), truth, lines, groups)
    assert none == Calibration.of_temperature(1.0, CLASSES)


def test_what_is_written_is_read_again(fitted: Calibration) -> None:
    for one in (fitted, Calibration.of_temperature(2.0, CLASSES), replace(fitted, scale=(1.5,) * 5, shift=(0.5,) * 5)):
        content = json.loads(json.dumps(one.to_dict(), allow_nan=False))
        assert Calibration.from_dict(content, CLASSES) == one
        assert read_calibrations({"classes": [*"abcde"], "calibration": {"all": content, "text": content}}) == {
            "all": one, "text": one,
        }  # fmt: skip


def test_an_older_model_has_its_temperature_and_the_thresholds_of_then() -> None:
    (one,) = read_calibrations({"classes": ["a", "b"], "temperature": 2.0}).values()
    assert one.probabilities(np.array([[4.0, 0.0]]), np.array([3]))[0, 0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert [one.threshold(mode).tolist() for mode in ("high_confidence", "medium_confidence", "best_guess")] == [
        [0.75, 0.75], [0.5, 0.5], [0, 0],
    ]  # fmt: skip
    with pytest.raises(UserError, match="train it again"):
        one.prediction_set(np.ones((1, 2)) / 2, 0.9, np.array([1]))


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, float("nan")])
def test_a_level_is_a_probability(fitted: Calibration, level: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        fitted.prediction_set(np.ones((1, CLASSES)) / CLASSES, level, np.array([1]))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from([*PRECISIONS, "x"]), inner),
    max_leaves=8,
)


@given(part=st.sampled_from(["temperatures", "thresholds", "lengths", "scale", "shift", "limits"]), value=ANYTHING)
def test_any_other_content_is_an_error_in_one_sentence_or_a_calibration(part: str, value: Any) -> None:
    content = {**Calibration.of_temperature(1.0, CLASSES).to_dict(), part: value}
    try:
        found = Calibration.from_dict(content, CLASSES)
    except UserError as error:
        assert "meta.json" in str(error) and "train the model again" in str(error)
    else:
        assert found.probabilities(np.zeros((2, CLASSES)), np.array([1, 99])).shape == (2, CLASSES)
        json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("content", [7, {"all": []}, {"text": {}}, {"all": {"temperatures": [1.0]}}])
def test_a_damaged_calibration_is_named(content: Any) -> None:
    with pytest.raises(UserError, match="holds a calibration that cannot be read"):
        read_calibrations({"classes": ["a"], "calibration": content})


@given(seed=st.integers(0, 99), lines=st.integers(0, 10**6), logit=st.floats(-1e4, 1e4))
def test_probabilities_are_some_whatever_the_logits_and_the_length(seed: int, lines: int, logit: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (1, CLASSES)) + logit
    one = Calibration((0.5, 2.0, 1.0, 3.0), {"high_confidence": (1.0,) * 5}, (2, 5, 15), (1.5,) * 5, (0.1,) * 5)
    probabilities = one.probabilities(logits, np.array([lines]))
    assert probabilities.sum() == pytest.approx(1) and (probabilities >= 0).all()
