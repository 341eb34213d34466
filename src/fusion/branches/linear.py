"""Texts -> logits, by a linear model over TF-IDF of character n-grams: the baseline of every table.

Scikit-learn's HashingVectorizer, TfidfTransformer and SGDClassifier fit it; the result is kept as tensors, so that
nothing is pickled.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.characters import Characters

MASKED_LOGIT = -1e4  # of a class without training texts


class Linear(nn.Module):
    """input_ids, attention_mask, weight, each (B, T) -> logits (B, classes); fitted, so nothing in it learns."""

    outputs_logits = True  # its features are the logits
    idf: torch.Tensor  # (features,)
    weights: torch.Tensor  # (features, classes)
    bias: torch.Tensor  # (classes,)

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.dim, self.fitted = classes, features * classes  # see LateFusion.size
        self.register_buffer("idf", torch.zeros(features))
        self.register_buffer("weights", torch.zeros(features, classes))
        self.register_buffer("bias", torch.zeros(classes))

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        mask = text["attention_mask"]
        x = text["weight"] * self.idf[text["input_ids"]] * mask  # (B, T)
        x = F.normalize(x)  # (B, T), of length 1
        starts = F.pad(mask.sum(1).cumsum(0), (1, 0))[:-1]  # (B,)
        ids = text["input_ids"][mask]  # (N,)
        return F.embedding_bag(ids, self.weights, starts, mode="sum", per_sample_weights=x[mask]) + self.bias  # (B, C)


def fit_linear(
    texts: Sequence[str], labels: Sequence[str], classes: Sequence[str], tokenizer: Characters, seed: int
) -> Linear:
    """Training texts and their labels -> the fitted model; a class without training texts is never its answer."""
    from sklearn.feature_extraction.text import TfidfTransformer

    tfidf = TfidfTransformer(sublinear_tf=True)
    weights, bias = fit_one_vs_rest(tfidf.fit_transform(tokenizer.counts(texts)), labels, classes, seed)
    module = Linear(tokenizer.features, len(classes))
    module.idf.copy_(torch.from_numpy(tfidf.idf_))
    module.weights.copy_(torch.from_numpy(weights))
    module.bias.copy_(torch.from_numpy(bias))
    return module


def fit_one_vs_rest(
    rows: Any, labels: Sequence[str], classes: Sequence[str], seed: int, alpha: float = 1e-5
) -> tuple[np.ndarray, np.ndarray]:
    """Sparse rows (B, F) of length 1 and their labels (B) -> weights (F, C) and bias (C,).

    A hinge loss for each class against the others, all of the same weight. A class without rows has the bias
    MASKED_LOGIT.
    """
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(alpha=alpha, class_weight="balanced", max_iter=8, tol=None, random_state=seed)
    model.fit(rows, np.array(labels, object).astype(str))
    coefficients, intercepts = model.coef_, model.intercept_
    if len(coefficients) == 1:  # of two classes scikit-learn keeps the second's alone
        coefficients = np.concatenate([-coefficients, coefficients])
        intercepts = np.concatenate([-intercepts, intercepts])
    columns = [list(classes).index(name) for name in model.classes_]
    weights = np.zeros((coefficients.shape[1], len(classes)), np.float32)
    bias = np.full(len(classes), MASKED_LOGIT, np.float32)
    weights[:, columns], bias[columns] = coefficients.T, intercepts
    return weights, bias
