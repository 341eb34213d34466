"""Intervals and calibration against known values and other implementations of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from scipy.stats import binomtest

from fusion.results import statistics
from fusion.results.statistics import (
    calibration_error,
    coverage_at_precision,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    risk_coverage,
    scores,
    softmax,
    wilson,
)

any_logits = arrays(np.float32, (5, 3), elements=st.floats(-1e4, 1e4, width=32))
any_truth = arrays(np.int64, 5, elements=st.integers(0, 2))


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_gives_the_published_intervals(right, total, low, high):
    """The last is of Newcombe (1998), table I."""
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_everything_is_possible():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_what_scipy_says(counted):
    right, total = counted
    known = binomtest(right, total).proportion_ci(method="wilson")
    low, high = wilson(right, total)
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-6)
    assert 0 <= low <= right / total + 1e-12 and right / total - 1e-12 <= high <= 1


def test_scores_of_a_small_case():
    found = scores(["a", "a", "a", "b"], ["a", "a", "b", "b"])
    assert found["accuracy"] == 0.75 and found["n"] == 4
    assert found["accuracy_95"] == list(wilson(3, 4))
    assert found["f1_macro"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["f1_weighted"] == pytest.approx((3 * 0.8 + 2 / 3) / 4)


def test_a_label_never_answered_and_an_answer_never_true_count_as_zero():
    found = scores(["a", "b"], ["a", "c"])
    assert found["accuracy"] == 0.5
    assert found["f1_macro"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("labels", [("1", "01"), ("NA", "nan"), ("a", "a "), ("", "None")])
def test_labels_that_look_alike_are_not_the_same(labels):
    one, other = labels
    assert scores([one, other], [other, one])["accuracy"] == 0
    assert scores([one, other], [one, other])["f1_macro"] == 1


@given(any_logits, any_truth, st.floats(0.05, 20))
def test_the_likelihood_is_what_scipy_says_and_finite(logits, truth, temperature):
    known = -log_softmax(logits.astype(np.float64) / temperature, 1)[np.arange(5), truth].mean()
    found = negative_log_likelihood(logits, truth, temperature)
    assert found == pytest.approx(known, rel=1e-4, abs=1e-4) and found >= -1e-6


@given(any_logits)
def test_softmax_sums_to_one_for_any_logits(logits):
    assert softmax(logits).sum(-1) == pytest.approx(np.ones(5), abs=1e-5)
    assert softmax(logits[0]) == pytest.approx(softmax(logits)[0])


def drawn(scale: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels drawn from their own probabilities; the logits are then made `scale` times as sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (6000, 4))
    truth = (softmax(logits).cumsum(1) > rng.random((6000, 1))).argmax(1)
    return logits * scale, truth


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_too_much_and_too_little_sureness(scale):
    logits, truth = drawn(scale)
    assert fit_temperature(logits, truth) == pytest.approx(scale, rel=0.1)


@pytest.mark.parametrize("scale", [0.25, 4.0])
def test_the_fitted_temperature_calibrates_other_samples_too(scale):
    temperature = fit_temperature(*drawn(scale))
    logits, truth = drawn(scale, seed=1)
    after = expected_calibration_error(logits, truth, temperature)
    assert after < 0.03 < 0.1 < expected_calibration_error(logits, truth, 1.0)
    assert negative_log_likelihood(logits, truth, temperature) < negative_log_likelihood(logits, truth)


@pytest.mark.parametrize("right", [True, False])
def test_the_temperature_stays_within_bounds_when_all_are_right_or_wrong(right):
    logits = np.eye(3)[[0, 1, 2, 0]] * 5
    truth = np.array([0, 1, 2, 0] if right else [1, 2, 0, 1])
    assert 0.04 < fit_temperature(logits, truth) < 20.1


def test_calibration_error_of_a_small_case():
    """Two bins: 2 of 2 right at 0.9, 1 of 2 right at 0.6."""
    sure = np.log([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.6, 0.4]])
    assert expected_calibration_error(sure, np.array([0, 1, 0, 1]), 1.0) == pytest.approx((0.1 + 0.1) / 2)


@pytest.mark.parametrize(("truth", "error"), [([0, 1], 0.0), ([1, 0], 1.0)])
def test_certainty_is_perfect_or_perfectly_wrong(truth, error):
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]])  # confidence 1.0, the upper edge of the last bin
    assert expected_calibration_error(logits, np.array(truth), 1.0) == pytest.approx(error)


@given(any_logits, any_truth, st.floats(0.05, 20))
def test_calibration_error_is_a_share(logits, truth, temperature):
    assert -1e-6 <= expected_calibration_error(logits, truth, temperature) <= 1 + 1e-6


def test_calibration_error_of_probabilities_is_that_of_their_logits():
    logits, truth = np.random.default_rng(0).normal(0, 2, (200, 4)), np.arange(200) % 4
    assert calibration_error(softmax(logits / 2), truth) == expected_calibration_error(logits, truth, 2.0)


def test_risk_and_coverage_of_a_small_case():
    coverage, risk = risk_coverage(np.array([0.5, 0.9, 0.7, 0.7]), np.array([False, True, True, False]))
    assert coverage.tolist() == [0.25, 0.75, 1.0], "equally sure answers are given together"
    assert risk == pytest.approx([0, 1 / 3, 0.5])


@pytest.mark.parametrize(("precision", "coverage"), [(1.0, 0.25), (0.66, 0.75), (0.5, 1.0), (0.0, 1.0)])
def test_coverage_at_a_precision_of_a_small_case(precision, coverage):
    confidence, correct = np.array([0.5, 0.9, 0.7, 0.7]), np.array([False, True, True, False])
    assert coverage_at_precision(confidence, correct, precision) == coverage
    assert coverage_at_precision(confidence, np.zeros(4, bool), 0.5) == 0


def test_results_know_no_torch():
    import subprocess
    import sys
    from pathlib import Path

    source = str(Path(statistics.__file__).parents[2])
    code = "import sys; from fusion.results import plots, record, statistics, table; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, text=True).stdout == "False\n"
