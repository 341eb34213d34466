"""Differences and ties of rows on the same snippets."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from fusion.results.answers import Answers, EvalRows
from fusion.results.paired import PairedTests
from fusion.results.statistics import holm, project_interval


def rows_of(count: int, projects: int = 25, classes: int = 2) -> EvalRows:
    rng = np.random.default_rng(0)
    labels = tuple(f"l{n}" for n in range(classes))
    number = rng.integers(projects, size=count)
    return EvalRows(pa.array([str(n) for n in range(count)]), rng.integers(classes, size=count), labels, number,
                    tuple(map(str, range(projects))), np.ones(count, int))  # fmt: skip


def answers(rows: EvalRows, correct: np.ndarray) -> Answers:
    return Answers(rows, np.where(correct, rows.label, (rows.label + 1) % len(rows.labels)))


def pair(rows: EvalRows, *of_rows: list[np.ndarray], metric="accuracy") -> PairedTests:
    made = PairedTests(rows, metric)
    for number, corrects in enumerate(of_rows):
        made.add(number, [answers(rows, correct) for correct in corrects])
    return made


def some(rows: EvalRows, accuracy: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(len(rows)) < accuracy


def test_the_difference_is_paired_over_projects_and_mcnemar_adjusted():
    rows = rows_of(800)
    first, second, third = some(rows, 0.8, 1), some(rows, 0.7, 2), some(rows, 0.79, 3)
    none, of_second, of_third = pair(rows, [first], [second], [third]).differences(0)
    assert none is None
    gain = second.astype(float) - first
    assert of_second.gain == pytest.approx(gain.mean())
    assert of_second.interval == pytest.approx(project_interval(gain, rows.project))
    exact = [binomtest(int((first & ~other).sum()), int((first ^ other).sum())).pvalue for other in (second, third)]
    assert [of_second.p, of_third.p] == pytest.approx(holm(np.array(exact)).tolist())
    assert not of_second.is_tie and of_third.is_tie


def test_a_row_against_itself_is_a_tie_of_nothing():
    rows = rows_of(100)
    same = some(rows, 0.5, 1)
    _, difference = pair(rows, [same], [same]).differences(0)
    assert (difference.gain, difference.interval, difference.p, difference.is_tie) == (0, (0, 0), 1.0, True)


def test_ties_share_a_letter_and_what_is_told_apart_begins_another():
    rows = rows_of(2000)
    of_rows = [[some(rows, accuracy, seed)] for seed, accuracy in enumerate((0.9, 0.9, 0.7, 0.895, 0.7, 0.3))]
    assert pair(rows, *of_rows).tie_letters() == ["a", "a", "b", "a", "b", "c"]


def test_after_the_last_letter_there_is_none():
    rows = rows_of(4000, projects=40)
    of_rows = [[np.arange(4000) < 4000 - 130 * n] for n in range(29)]
    assert pair(rows, *of_rows).tie_letters()[24:] == ["y", "z", "", "", ""]


def test_seeds_are_drawn_too_so_their_spread_widens_the_interval():
    rows = rows_of(1000)
    close = [some(rows, 0.8, seed) for seed in range(3)]
    far = [some(rows, accuracy, seed) for seed, accuracy in enumerate((0.6, 0.8, 1.0))]
    made = pair(rows, [some(rows, 0.8, 9)], close, far)
    single, of_close, of_far = (high - low for low, high in made.intervals())
    assert of_far > 2 * max(single, of_close)
    assert made.differences(0)[1].p is None, "no p of several seeds, whose answers are not independent"


@pytest.mark.parametrize("metric", ["f1_macro", "f1_weighted"])
def test_another_metric_is_compared_by_itself(metric):
    from sklearn.metrics import f1_score

    rows = rows_of(600, classes=3)
    one, other = some(rows, 0.8, 1), some(rows, 0.5, 2)
    _, difference = pair(rows, [one], [other], metric=metric).differences(0)
    f1 = [f1_score(rows.label, answers(rows, of).predicted, average=metric[3:]) for of in (one, other)]
    assert difference.gain == pytest.approx(f1[1] - f1[0]) and difference.p is None
    assert difference.interval[0] < difference.gain < difference.interval[1] < 0


def test_of_two_projects_nothing_can_be_told():
    """Drawn again they are the same two: an interval of them would be too narrow, or of no width at all."""
    rows = rows_of(400, projects=2)
    made = pair(rows, [some(rows, 0.9, 1)], [some(rows, 0.2, 2)])
    assert made.intervals() == [(0, 1), (0, 1)] and made.tie_letters() == ["a", "a"]
    assert made.differences(0)[1].interval == (-1, 1) and made.differences(0)[1].is_tie


def test_without_a_reference_among_them_there_are_no_differences():
    rows = rows_of(10)
    assert pair(rows, [some(rows, 0.5, 1)]).differences("elsewhere") == [None]
