"""Texts that were read, and those that stand there -> labels, by one trained model."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusion.config.errors import UserError
from fusion.serving.classifier import ALL, Classifier, Sample
from fusion.serving.predictor import Predictor

Row = dict[str, Any]  # one picture read by one reader
ANSWERS = ("from_truth", "from_read", "from_both")  # the text that stands there, that was read, and it with its picture
AT_ONCE = 16  # pictures are large


def classify(rows: list[Row], run: Path) -> tuple[list[Row], list[str]]:
    """Return the rows whose label the model knows, with its answers, and the labels that it chose from.

    Raises UserError for a model without a text branch, or that knows fewer than two of the labels.
    """
    model = Predictor(run).classifier
    if "text" not in model.modalities:
        raise UserError(f"--model={run} has no text branch; give a run that has one.")
    labels = sorted({row["label"] for row in rows} & set(model.classes))
    if len(labels) < 2:
        raise UserError(f"--model={run} knows {len(labels)} of the labels of these pictures; give one that knows more.")
    known = [row for row in rows if row["label"] in labels]
    texts = {row["path"]: Sample(row["text"]) for row in known}
    alone = "text" if len(model.modalities) > 1 else ALL
    of_truth = dict(zip(texts, best(model, list(texts.values()), alone, labels), strict=True))
    answers = {"from_read": best(model, [Sample(row["read"]) for row in known], alone, labels)}
    if "image" in model.modalities:
        answers["from_both"] = [
            label
            for start in range(0, len(known), AT_ONCE)
            for label in best(model, [_with_picture(model, row) for row in known[start : start + AT_ONCE]], ALL, labels)
        ]
    return [
        row | {"from_truth": of_truth[row["path"]]} | {name: labels[i] for name, labels in answers.items()}
        for i, row in enumerate(known)
    ], labels


def _with_picture(model: Classifier, row: Row) -> Sample:
    with Image.open(row["path"]) as file:
        return model.sample(row["read"], np.asarray(file.convert("RGB")))


def best(model: Classifier, samples: list[Sample], view: str, labels: list[str]) -> list[str]:
    """Return for each sample the most probable of these labels, as one view of the model has it."""
    columns = [model.classes.index(label) for label in labels]
    return [labels[i] for i in model(samples)[view][:, columns].argmax(1)]
