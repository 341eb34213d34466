"""Validation logits -> a scale and a shift for each class, where they make probabilities of other projects better."""

import numpy as np

from fusion.results.statistics import softmax

PENALTY = 0.01  # nats for each squared distance of 1 from a scale of 1 and a shift of 0
FOLDS = 5


def fit_vector_scaling(logits: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, C), classes (N,) -> scale (C,) and shift (C,) of least NLL and penalty (Guo et al. 2017).

    A class that is never the truth here keeps 1 and 0: that it is rare says nothing of other projects.
    """
    from scipy.optimize import minimize

    number, classes = np.arange(len(truth)), logits.shape[1]
    seen = np.bincount(truth, minlength=classes) > 0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        scale, shift = flat.reshape(2, classes)
        probabilities = softmax(logits * scale + shift)  # (N, C)
        nll = -np.log(np.maximum(probabilities[number, truth], 1e-30)).mean()
        probabilities[number, truth] -= 1  # now the gradient by the logits, times N
        away = np.stack([scale - 1, shift])
        gradient = np.stack([(probabilities * logits).mean(0), probabilities.mean(0)]) + 2 * PENALTY * away
        return float(nll + PENALTY * (away**2).sum()), (gradient * seen).ravel()

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    scale, shift = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x.reshape(2, classes)
    return scale, shift


def scaling_pays(logits: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> bool:
    """Return whether fitting on some projects lowers the NLL of others by more than its standard error."""
    from sklearn.model_selection import GroupKFold

    _, number = np.unique(groups, return_inverse=True)
    if number.max() + 1 < 2 * FOLDS:
        return False
    gains = np.zeros(len(truth))
    for fitted, held_out in GroupKFold(FOLDS).split(logits, truth, groups):
        scale, shift = fit_vector_scaling(logits[fitted], truth[fitted])
        before, after = logits[held_out], logits[held_out] * scale + shift
        gains[held_out] = log_likelihood(after, truth[held_out]) - log_likelihood(before, truth[held_out])
    of_groups = np.bincount(number, weights=gains - gains.mean())
    return bool(gains.mean() > np.sqrt((of_groups**2).sum()) / len(gains))


def log_likelihood(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Logits (N, C), classes (N,) -> the log of the probability of the truth, (N,) nats."""
    shifted = logits - logits.max(1, keepdims=True)
    return shifted[np.arange(len(truth)), truth] - np.log(np.exp(shifted).sum(1))
