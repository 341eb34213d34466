"""Intervals and calibration against known values and other implementations of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import f1_score

from fusion.results import statistics
from fusion.results.statistics import (
    ProjectBootstrap,
    calibration_error,
    coverage_at_precision,
    expected_calibration_error,
    fit_temperature,
    holm,
    interval_95,
    mcnemar,
    negative_log_likelihood,
    project_interval,
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


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_of_scipy(only_first, only_second):
    known = binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    assert mcnemar(np.array([only_first]), np.array([only_second])) == pytest.approx([known])


def test_mcnemar_of_a_case_worked_by_hand():
    """1 of 6 discordant pairs: 2 * (1 + 6) / 64."""
    assert mcnemar(np.array([1, 3, 0]), np.array([5, 3, 0])).tolist() == pytest.approx([14 / 64, 1.0, 1.0])


def test_holm_of_a_case_worked_by_hand():
    """The case of Holm (1979) as textbooks have it: ordered p times 4, 3, 2, 1, never falling."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0]) and holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_makes_smaller_and_keeps_the_order(p_values):
    adjusted = holm(np.array(p_values))
    assert (adjusted >= np.array(p_values)).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


def test_the_interval_over_projects_is_the_percentile_bootstrap_of_scipy():
    """Projects of one size, so that the mean of snippets is the mean of projects."""
    rng = np.random.default_rng(3)
    of_projects = rng.random(60).repeat(5)
    found = project_interval(of_projects, np.arange(60).repeat(5), draws=20_000)
    known = bootstrap((of_projects[::5],), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert found == pytest.approx((known.low, known.high), abs=0.004)


def test_the_interval_over_projects_holds_the_truth_as_often_as_it_says():
    """Simulated: 40 projects whose accuracies differ; an interval that counts snippets is far too narrow."""
    rng, held, counted = np.random.default_rng(0), 0, 0
    for _ in range(300):
        of_project = rng.beta(4, 2, 40)  # its mean is 2 / 3
        projects = np.arange(40).repeat(25)
        right = rng.random(1000) < of_project[projects]
        low, high = project_interval(right.astype(float), projects, draws=400)
        held += low <= 2 / 3 <= high
        low, high = wilson(int(right.sum()), 1000)
        counted += low <= 2 / 3 <= high
    assert 0.90 <= held / 300 <= 0.98 and counted / 300 < 0.75


@pytest.mark.parametrize(("seeds", "share"), [(2, 0.74), (3, 0.85), (5, 0.90), (8, 0.93)])
def test_how_often_the_bootstrap_over_seeds_and_projects_holds_the_truth(seeds, share):
    """Simulated: seeds that differ by more than projects do. Few seeds are too few; projects alone are far too narrow.

    docs/comparing.md has these shares.
    """
    rng, held, without = np.random.default_rng(1), 0, 0
    draws = ProjectBootstrap(np.arange(50).repeat(20), draws=400)
    for _ in range(400):
        accuracy = 0.7 + 0.05 * rng.standard_normal((seeds, 1))
        values = draws.mean(rng.random((seeds, 1000)) < accuracy)
        low, high = interval_95(draws.over_seeds(values))
        held += low <= 0.7 <= high
        low, high = interval_95(values.mean(1))
        without += low <= 0.7 <= high
    assert held / 400 == pytest.approx(share, abs=0.04) and without < held


def test_the_f1_of_a_draw_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    projects, truth = rng.integers(6, size=80), rng.integers(4, size=80)
    predicted = np.where(rng.random((2, 80)) < 0.6, truth, rng.integers(4, size=(2, 80)))
    draws = ProjectBootstrap(projects, draws=5)
    rows = [np.concatenate([np.flatnonzero(projects == p) for p, n in enumerate(times) for _ in range(int(n))])
            for times in draws.times]  # fmt: skip
    for weighted, average in ((False, "macro"), (True, "weighted")):
        found = draws.f1(predicted, truth, 4, weighted)
        known = [[f1_score(truth[row], of[row], average=average, zero_division=0) for of in predicted] for row in rows]
        assert found == pytest.approx(np.array(known))


def test_results_know_no_torch():
    import subprocess
    import sys
    from pathlib import Path

    source = str(Path(statistics.__file__).parents[2])
    code = "import sys; from fusion.results import plots, record, statistics, table; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env={"PYTHONPATH": source}, capture_output=True, text=True).stdout == "False\n"
