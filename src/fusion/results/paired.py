"""Rows of runs on the same test snippets -> differences by paired tests, and which of them are ties."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.results.answers import Answers, EvalRows
from fusion.results.schema import MetricName
from fusion.results.statistics import (
    ACCURACIES,
    DIFFERENCES,
    ProjectBootstrap,
    holm,
    mcnemar,
)

ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """What a row reaches above another on the same snippets."""

    gain: float
    interval: tuple[float, float]  # 95 %, projects drawn again, and seeds where there are several
    p: float | None  # McNemar, exact, Holm over all that are compared with the same row; None of several seeds

    @property
    def is_tie(self) -> bool:
        """Whether the two cannot be told apart: the interval holds 0, or McNemar's test does not reject."""
        low, high = self.interval
        return low <= 0 <= high or (self.p is not None and self.p >= ALPHA)


class PairedTests:
    """Rows, each of one or several seeds, on the same test snippets."""

    def __init__(self, snippets: EvalRows, metric: MetricName = "accuracy"):
        self.snippets, self.metric = snippets, metric
        self.bootstrap = ProjectBootstrap(snippets.project)
        self.rows: list[Any] = []
        self._single: list[np.ndarray | None] = []  # (N,) bool of each row of one run, which answers are right
        self._reached: list[float] = []
        self._drawn: list[np.ndarray] = []  # (D,) of each row: the metric in each draw
        self._accuracy: list[np.ndarray] = []  # the same of the accuracy

    def add(self, row: Any, answers: Sequence[Answers]) -> None:
        """Add a row with the answers of each of its runs, in the order of the ranks."""
        correct = np.stack([one.correct for one in answers])  # (S, N)
        stream, accuracy = len(self.rows), self.bootstrap.mean(correct)
        self.rows.append(row)
        self._single.append(correct[0] if len(answers) == 1 else None)
        self._accuracy.append(self.bootstrap.over_seeds(accuracy, stream))
        if self.metric == "accuracy":
            self._reached.append(float(correct.mean()))
            self._drawn.append(self._accuracy[-1])
        else:
            predicted, truth = np.stack([one.predicted for one in answers]), self.snippets.label
            classes, weighted = len(self.snippets.labels), self.metric == "f1_weighted"
            drawn = self.bootstrap.f1(predicted, truth, classes, weighted)
            self._drawn.append(self.bootstrap.over_seeds(drawn, stream))
            self._reached.append(float(np.mean([self._f1(one) for one in predicted])))

    def _f1(self, predicted: np.ndarray) -> float:
        from sklearn.metrics import f1_score

        average = self.metric.removeprefix("f1_")
        return float(f1_score(self.snippets.label, predicted, average=average, zero_division=0))

    def intervals(self) -> list[tuple[float, float]]:
        """Return the 95 % interval of the accuracy of each row, projects drawn again, seeds too."""
        return [self.bootstrap.interval(drawn, ACCURACIES) for drawn in self._accuracy]

    def differences(self, reference: Any) -> list[Difference | None]:
        """Return the difference of each row to one of them; None of that row itself, and where it is not among them."""
        at = next((number for number, row in enumerate(self.rows) if row is reference), None)
        if at is None:
            return [None] * len(self.rows)
        others = [number for number in range(len(self.rows)) if number != at]
        found: list[Difference | None] = [None] * len(self.rows)
        for number, difference in zip(others, self._against(at, others), strict=True):
            found[number] = difference
        return found

    def tie_letters(self) -> list[str]:
        """Return a letter for each row: a for the first and all that tie with it, b for the first that does not, ...

        Rows after the 26th letter have none.
        """
        letters, open_ = [""] * len(self.rows), list(range(len(self.rows)))
        for letter in string.ascii_lowercase:
            if not open_:
                break
            leader, *rest = open_
            letters[leader] = letter
            tied = [n for n, one in zip(rest, self._against(leader, rest), strict=True) if one.is_tie]
            for number in tied:
                letters[number] = letter
            open_ = [number for number in rest if not letters[number]]
        return letters

    def _against(self, first: int, others: Sequence[int]) -> list[Difference]:
        """Return the differences of some rows to one of them; the p values are adjusted for how many there are."""
        if not others:
            return []
        gains = np.stack([self._drawn[number] for number in others]) - self._drawn[first]  # (R, D)
        lows, highs = np.quantile(gains, [0.025, 0.975], axis=1)
        if not self.bootstrap.can_tell:
            lows[:], highs[:] = DIFFERENCES
        p_values = self._mcnemar(first, others)
        return [
            Difference(self._reached[number] - self._reached[first], (float(low), float(high)), p_values.get(number))
            for number, low, high in zip(others, lows, highs, strict=True)
        ]

    def _mcnemar(self, first: int, others: Sequence[int]) -> dict[int, float]:
        """Return the adjusted p of each row of one run, where the first is of one run too and accuracy is asked for."""
        one = self._single[first]
        single = {number: of for number in others if (of := self._single[number]) is not None}
        if one is None or not single or self.metric != "accuracy":
            return {}
        rest = np.stack([*single.values()])  # (R, N)
        only_one, only_other = (one & ~rest).sum(1), (rest & ~one).sum(1)
        return dict(zip(single, holm(mcnemar(only_one, only_other)).tolist(), strict=True))
