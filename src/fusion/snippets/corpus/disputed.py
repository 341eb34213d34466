"""Snippets whose label models of other projects dispute: what no rule knows, found by disagreement.

Three linear models are each trained on two thirds of the projects and asked about the rest. Where one is sure of
another label, the snippet is hard, or its label wrong: C in a file of C++, JSON in one of JavaScript, a project in the
style of another language.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FOLDS = 3
MARGIN = 1.0  # by which another label is ahead of the snippet's own, in units of the hinge loss


@dataclass(frozen=True)
class Disputed:
    """What is disputed of one label."""

    snippets: int  # asked about
    disputed: int
    taken_for: list[tuple[str, int]]  # the most frequent first


def disputed(counts: Any, labels: Sequence[str], projects: Sequence[str], seed: int) -> dict[str, Disputed]:
    """Sparse counts of n-grams (N, F), labels and projects (N) -> what is disputed of each label."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import SGDClassifier

    names, project = np.unique(np.array(projects, object).astype(str), return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % FOLDS)[project]  # (N,)
    truth, taken = np.array(labels, object).astype(str), np.array([""] * len(labels), object)
    rows = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    for held_out in range(FOLDS):
        train, asked = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        if len(set(truth[train])) < 2:  # of one label there is nothing to tell apart
            continue
        model = SGDClassifier(alpha=3e-5, class_weight="balanced", random_state=seed, max_iter=8, tol=None)
        model.fit(rows[train], truth[train])
        margins = model.decision_function(rows[asked])  # (A, C)
        if margins.ndim == 1:  # of two labels scikit-learn gives the second's
            margins = np.stack([-margins, margins], 1)
        column = {name: number for number, name in enumerate(model.classes_)}
        own = np.array([margins[i, column[label]] if label in column else -np.inf
                        for i, label in enumerate(truth[asked])])  # fmt: skip
        sure = margins.max(1) > own + MARGIN
        taken[asked[sure]] = model.classes_[margins[sure].argmax(1)]
    return {label: _of_label(taken[truth == label]) for label in sorted(set(truth))}


def _of_label(taken: np.ndarray) -> Disputed:
    others = Counter(name for name in taken.tolist() if name)
    return Disputed(len(taken), sum(others.values()), others.most_common(3))
