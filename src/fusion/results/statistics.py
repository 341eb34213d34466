"""Logits and labels -> accuracy, F1, intervals, calibration."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

MIN_PROJECTS = 3  # fewer are no ground to say anything of other projects
ACCURACIES, DIFFERENCES = (0.0, 1.0), (-1.0, 1.0)  # all that there can be
Z95 = 1.959964  # two-sided 95 % of the normal distribution


def wilson(successes: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson 1927); (0, 1) of no trials."""
    if total == 0:
        return 0.0, 1.0
    proportion = successes / total
    centre = proportion + Z95**2 / (2 * total)
    half_width = Z95 * np.sqrt(proportion * (1 - proportion) / total + Z95**2 / (4 * total**2))
    scale = 1 + Z95**2 / total
    return float(max(0.0, (centre - half_width) / scale)), float(min(1.0, (centre + half_width) / scale))


def project_interval(values: np.ndarray, projects: np.ndarray, seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """Values (N,) of snippets and their projects (N,) -> the 95 % interval of the mean, whole projects drawn again.

    Snippets of one project are alike, so an interval that counts snippets (wilson) is too narrow for other projects.
    """
    return interval_95(ProjectBootstrap(projects, draws, seed).mean(values[None])[:, 0])


def interval_95(draws: np.ndarray) -> tuple[float, float]:
    """Values of a figure (D,), each of other projects -> the interval that holds the middle 95 % of them."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


class ProjectBootstrap:
    """Draws whole projects again, the same ones for every run, so that the difference of two runs is a paired one.

    Of several seeds of a run, seeds are drawn first, then projects; so their chance is part of the interval.
    """

    def __init__(self, projects: np.ndarray, draws: int = 1000, seed: int = 0):
        """projects: the project of each snippet (N,), by name or number."""
        names, self.projects = np.unique(projects, return_inverse=True)
        self.count = count = len(names)
        drawn = np.random.default_rng(seed).integers(count, size=(draws, count))
        cells = drawn + count * np.arange(draws)[:, None]  # (D, P)
        # (D, P): how often each project was drawn
        self.times = np.bincount(cells.ravel(), minlength=draws * count).reshape(draws, count).astype(float)
        self.sizes = self.times @ np.bincount(self.projects, minlength=count)  # (D,) snippets

    @property
    def can_tell(self) -> bool:
        """Whether there are enough projects to say something of others."""
        return self.count >= MIN_PROJECTS

    def interval(self, draws: np.ndarray, possible: tuple[float, float]) -> tuple[float, float]:
        """Values of a figure (D,) -> its 95 % interval; all that is possible where there are too few projects."""
        return interval_95(draws) if self.can_tell else possible

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Values of runs (S, N) -> their sum over the projects of each draw, (D, S)."""
        return self.times @ np.stack([np.bincount(self.projects, row, self.count) for row in values], 1)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Values of runs (S, N) -> their mean in each draw, (D, S)."""
        return self.sums(values) / self.sizes[:, None]

    def mean_with_interval(
        self, values: np.ndarray, possible: tuple[float, float] = ACCURACIES
    ) -> tuple[float, tuple[float, float]]:
        """Values of the seeds of a run (S, N) -> their mean, and its interval over seeds and projects."""
        return float(values.mean()), self.interval(self.over_seeds(self.mean(values)), possible)

    def f1(self, predicted: np.ndarray, truth: np.ndarray, classes: int, weighted: bool = False) -> np.ndarray:
        """Class numbers predicted by runs (S, N) and true (N,) -> macro-F1, or weighted F1, in each draw, (D, S).

        As scikit-learn has it, a class counts in a draw that has it or in which it is answered.
        """
        found = []
        for row in predicted:
            counts = [np.stack([self.sums(of[None] == c)[:, 0] for c in range(classes)], 1) for of in (truth, row)]
            hits = np.stack([self.sums(((truth == c) & (row == c))[None])[:, 0] for c in range(classes)], 1)  # (D, C)
            total = counts[0] + counts[1]
            f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
            weights = counts[0] if weighted else (total > 0).astype(float)
            found.append((f1 * weights).sum(1) / weights.sum(1))
        return np.stack(found, 1)

    def over_seeds(self, values: np.ndarray, stream: int = 0) -> np.ndarray:
        """Values of runs (D, S) -> in each draw the mean over S seeds that were drawn again, (D,).

        stream: another one for another configuration, whose seeds have nothing in common with these.
        """
        draws, seeds = values.shape
        chosen = np.random.default_rng([seeds, stream]).integers(seeds, size=(draws, seeds))
        return np.take_along_axis(values, chosen, 1).mean(1)


def mcnemar(only_first: np.ndarray, only_second: np.ndarray) -> np.ndarray:
    """Return the exact p (two-sided) of McNemar's test for each pair of runs, (R,).

    only_first, only_second: how many snippets one run of the pair alone answers right, (R,).
    """
    from scipy.stats import binom

    fewer, discordant = np.minimum(only_first, only_second), np.add(only_first, only_second)
    return np.minimum(1.0, 2 * binom.cdf(fewer, discordant, 0.5))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p values (R,) adjusted for how many there are (Holm 1979): each may be held against 5 % by itself."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.minimum(1.0, p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.maximum.accumulate(stepped)
    return adjusted


def draw_evenly(groups: Sequence[str] | np.ndarray, count: int | None, seed: int) -> np.ndarray:
    """Projects (N,) -> the numbers of up to `count` snippets: one of each project, then a second of each; None: all."""
    groups, seen, turns = np.asarray(groups), Counter[str](), list[int]()
    order = np.random.default_rng(seed).permutation(len(groups))
    for group in groups[order].tolist():
        turns.append(seen[group])
        seen[group] += 1
    return order[np.argsort(turns, kind="stable")][:count]


def scores(labels: Sequence[str], predicted: Sequence[str]) -> dict[str, float | list[float]]:
    """True and predicted labels -> accuracy with its interval, macro and weighted F1."""
    from sklearn.metrics import f1_score

    y_true, y_pred = np.asarray(labels), np.asarray(predicted)
    correct = int((y_true == y_pred).sum())
    return {
        "accuracy": correct / len(y_true),
        "accuracy_95": list(wilson(correct, len(y_true))),
        "f1_macro": float(f1_score(y_true, y_pred, average="macro", zero_division=0)),
        "f1_weighted": float(f1_score(y_true, y_pred, average="weighted", zero_division=0)),
        "n": len(y_true),
    }


def negative_log_likelihood(logits: np.ndarray, truth: np.ndarray, temperature: float = 1.0) -> float:
    """Logits (N, C) and class numbers (N,) -> mean NLL in nats."""
    scaled = logits / temperature
    scaled = scaled - scaled.max(1, keepdims=True)  # (N, C)
    log_sum = np.log(np.exp(scaled).sum(1))  # (N,)
    return float((log_sum - scaled[np.arange(len(truth)), truth]).mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Validation logits (N, C), classes (N,) -> the temperature of least NLL (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    minimum = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, truth, float(np.exp(log_t))),
        bounds=(np.log(0.05), np.log(20.0)), method="bounded",
    )  # fmt: skip
    return float(np.exp(minimum.x))


def expected_calibration_error(logits: np.ndarray, truth: np.ndarray, temperature: float, bins: int = 15) -> float:
    """Return the calibration error of logits (N, C) at a temperature."""
    return calibration_error(softmax(logits / temperature), truth, bins)


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Probabilities (N, C), classes (N,) -> mean |confidence - accuracy| over equally wide bins (Guo et al. 2017)."""
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[bin_of == b].mean() - correct[bin_of == b].mean()) * (bin_of == b).mean()
            for b in np.unique(bin_of)]  # fmt: skip
    return float(sum(gaps))


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Confidence (N,), right or not (N,) -> the share answered and the share of wrong answers, (M,) each.

    One point for each different confidence, the surest answers first, for equally sure ones are given together.
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.nonzero(np.append(np.diff(confidence[order]) != 0, True))[0]  # of each confidence
    answered = np.arange(1, len(order) + 1)[last]
    return answered / len(order), 1 - np.cumsum(correct[order])[last] / answered


def coverage_at_precision(confidence: np.ndarray, correct: np.ndarray, precision: float) -> float:
    """Return the largest share of the answers, surest first, of which that share is right; 0 where there is none."""
    coverage, risk = risk_coverage(confidence, correct)
    return float(max(coverage[risk <= 1 - precision + 1e-12], default=0.0))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (..., C) -> probabilities (..., C) that sum to 1."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)
