"""Validation answers -> how probable an answer of each class must be, so that a given share of the answers is right.

What makes this hard is that snippets of one project are right or wrong together: the answers to thousands of snippets
of forty projects say no more about other projects than some hundred independent ones would. So rows are counted as
the fewer independent ones that vary as much, the pooled precision of all classes is taken at its lower bound, and a
class departs from it only as far as its own answers bear out.
"""

import numpy as np

GRID = np.arange(1001) / 1000  # (G,) the thresholds that are tried
ONE_SIDED = 0.841621  # of the normal distribution: the lower bound holds in 80 % of the cases
PRIOR = 100.0  # independent answers of all classes, which those of one class are added to


def fit_thresholds(probabilities: np.ndarray, truth: np.ndarray, groups: np.ndarray, precision: float) -> np.ndarray:
    """Probabilities (N, C), classes (N,) and projects (N,) -> (C,): from which an answer of each class may be given.

    Each is the smallest probability from which the share of right answers, as bounded here, is `precision` or more.
    Where validation cannot show that of any, it is `precision` itself, as calibrated probabilities promise; where it
    can, but not of this class, it is 1.
    """
    right, answered = _counts(probabilities, truth)  # (C, G)
    pooled = right.sum(0) / np.maximum(answered.sum(0), 1)  # (G,)
    reached = pooled >= precision
    effect = design_effect(probabilities, truth, groups, GRID[reached.argmax()] if reached.any() else 0.0)
    bound = lower_bound(pooled, answered.sum(0) / effect)
    if not (bound >= precision).any():
        return np.full(probabilities.shape[1], precision)
    shares = (right / effect + PRIOR * bound) / (answered / effect + PRIOR)  # (C, G)
    reached = shares >= precision
    return np.where(reached.any(1), GRID[reached.argmax(1)], 1.0)


def _counts(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return right answers and answers, (C, G) each, of each class from each probability of the grid."""
    best, last = probabilities.argmax(1), len(GRID) - 1
    step = np.clip(np.floor(probabilities.max(1) * last + 1e-9), 0, last).astype(int)
    right, answered = np.zeros((2, probabilities.shape[1], len(GRID)))
    np.add.at(answered, (best, step), 1)
    np.add.at(right, (best, step), best == truth)
    return tuple(counts[:, ::-1].cumsum(1)[:, ::-1] for counts in (right, answered))  # type: ignore[return-value]


def design_effect(probabilities: np.ndarray, truth: np.ndarray, groups: np.ndarray, threshold: float) -> float:
    """Return how many snippets count as one independent one, 1 or more, of those answered from the threshold (Kish)."""
    kept = probabilities.max(1) >= threshold
    correct = (probabilities.argmax(1) == truth)[kept]
    if not len(correct):
        return 1.0
    deviation = correct - correct.mean()
    _, number = np.unique(groups[kept], return_inverse=True)
    of_rows = (deviation**2).sum()
    return max(1.0, (np.bincount(number, weights=deviation) ** 2).sum() / of_rows) if of_rows else 1.0


def lower_bound(share: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Shares (...) of trials (...), whole or not -> Wilson's lower bound of each; 0 of no trials."""
    trials = np.maximum(trials, 1e-9)
    centre = share + ONE_SIDED**2 / (2 * trials)
    half_width = ONE_SIDED * np.sqrt(share * (1 - share) / trials + ONE_SIDED**2 / (4 * trials**2))
    return (centre - half_width) / (1 + ONE_SIDED**2 / trials)
