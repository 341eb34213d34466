"""Logits and labels -> accuracy, F1, intervals, calibration."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

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
    _, number = np.unique(projects, return_inverse=True)
    sums, sizes = np.bincount(number, weights=values), np.bincount(number)  # (P,)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))  # (draws, P)
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)  # (draws,)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


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
