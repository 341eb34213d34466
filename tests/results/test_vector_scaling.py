"""A scale and a shift for each class, where they pay on other projects."""

import numpy as np
import pytest

from fusion.results.statistics import softmax
from fusion.results.vector_scaling import fit_vector_scaling, log_likelihood, scaling_pays


def rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return calibrated logits (N, 4), classes and projects."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (count, 4))
    truth = (softmax(logits).cumsum(1) > random.random((count, 1))).argmax(1)
    return logits, truth, random.integers(0, 50, count)


@pytest.mark.parametrize("seed", range(5))
def test_it_does_not_pay_on_calibrated_logits(seed: int) -> None:
    assert not scaling_pays(*rows(3000, seed))


def test_it_pays_where_a_class_is_preferred_and_makes_fresh_rows_better() -> None:
    bias = np.array([1.5, 0, 0, -1.0])
    logits, truth, groups = rows(4000, 9)
    assert scaling_pays(logits + bias, truth, groups)
    scale, shift = fit_vector_scaling(logits + bias, truth)
    fresh, fresh_truth, _ = rows(4000, 10)
    fresh = fresh + bias
    gain = log_likelihood(fresh * scale + shift, fresh_truth) - log_likelihood(fresh, fresh_truth)
    assert gain.mean() > 0.1 and shift[0] < -0.5 < 0.3 < shift[3]


def test_it_is_not_tried_on_few_projects() -> None:
    logits, truth, groups = rows(2000, 11)
    assert not scaling_pays(logits + np.array([3.0, 0, 0, 0]), truth, groups % 9)


def test_a_class_that_is_never_the_truth_is_left_as_it_is() -> None:
    logits, truth, _ = rows(2000, 12)
    scale, shift = fit_vector_scaling(logits[truth != 2], truth[truth != 2])
    assert (scale[2], shift[2]) == (1.0, 0.0) and scale[0] != 1.0


def test_a_preference_of_one_project_alone_does_not_pay_on_the_others() -> None:
    logits, truth, groups = rows(3000, 13)
    truth = np.where(groups < 2, 0, truth)  # two of fifty projects are of one class
    assert not scaling_pays(logits, truth, groups) or fit_vector_scaling(logits, truth)[1][0] > 0
