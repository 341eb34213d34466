"""Validation answers -> thresholds: what projects, few rows and wrong classes do to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.results.thresholds import design_effect, fit_thresholds, lower_bound

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def answers(count: int, seed: int, classes: int = 2) -> Rows:
    """Return probabilities (N, C), truth that is drawn by them, and a project for each row."""
    random = np.random.default_rng(seed)
    sure, best = random.uniform(1 / classes, 1, count), random.integers(classes, size=count)
    probabilities = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, 1)
    probabilities[np.arange(count), best] = sure
    other = (best + random.integers(1, classes, count)) % classes
    return probabilities, np.where(random.random(count) < sure, best, other), np.arange(count)


def test_the_threshold_is_where_the_answers_above_it_reach_the_precision() -> None:
    thresholds = fit_thresholds(*answers(100_000, 0), precision=0.9)
    assert thresholds == pytest.approx(0.8, abs=0.02), "for uniform confidence the mean above 0.8 is 0.9"


def test_projects_that_are_right_or_wrong_together_ask_for_more() -> None:
    probabilities, truth, alone = answers(4000, 1)
    order = np.argsort(probabilities.argmax(1) == truth, kind="stable")  # projects of 100, each all right or all wrong
    probabilities, truth, together = probabilities[order], truth[order], np.repeat(np.arange(40), 100)
    assert design_effect(probabilities, truth, alone, 0.5) == 1.0
    assert design_effect(probabilities, truth, together, 0.5) > 50
    assert (
        fit_thresholds(probabilities, truth, together, 0.8) > fit_thresholds(probabilities, truth, alone, 0.8)
    ).all()


def test_a_class_with_few_answers_takes_the_threshold_of_all() -> None:
    probabilities, truth, groups = answers(20_000, 2)
    probabilities = np.hstack([probabilities, np.zeros((20_000, 1))])
    probabilities[:3] = (0.0, 0.1, 0.9)
    truth[:3] = 1  # three answers, all of them wrong
    first, second, third = fit_thresholds(probabilities, truth, groups, 0.9)
    assert third == pytest.approx((first + second) / 2, abs=0.1)


def test_a_class_that_is_often_wrong_asks_for_more_and_one_that_is_never_right_is_never_answered() -> None:
    probabilities, truth, groups = answers(20_000, 3, classes=4)
    best = probabilities.argmax(1)
    truth = np.where(best == 0, best, truth)  # always right
    truth = np.where(best == 3, 2, truth)  # never
    thresholds = fit_thresholds(probabilities, truth, groups, 0.7)
    assert thresholds[0] < thresholds[1] < thresholds[3] == 1.0


def test_where_validation_cannot_show_the_precision_it_is_asked_of_each_answer() -> None:
    probabilities, _, groups = answers(300, 4)
    wrong = 1 - probabilities.argmax(1)
    assert fit_thresholds(probabilities, wrong, groups, 0.95).tolist() == [0.95, 0.95]
    assert fit_thresholds(probabilities[:3], 1 - wrong[:3], groups[:3], 0.95).tolist() == [0.95, 0.95]


@given(share=st.floats(0, 1), trials=st.floats(0, 1e6), more=st.floats(1, 100))
def test_the_bound_is_below_the_share_and_nears_it_with_more_trials(share: float, trials: float, more: float) -> None:
    low, high = lower_bound(np.array([share, share]), np.array([trials, trials * more]))
    assert -1e-9 <= low <= high + 1e-9 and high <= share + 1e-9
