"""Inputs and a trained model -> predictions."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fusion import __version__
from fusion.config.errors import UserError, did_you_mean
from fusion.serving.classifier import ALL, Sample, make_classifier
from fusion.serving.inputs import Input
from fusion.serving.pictures import SeenPicture, see
from fusion.serving.prediction import THRESHOLDS, Prediction

INPUTS_AT_ONCE = 16
MIN_CHARACTERS = 8  # that are no white space; a shorter text tells nothing

Probabilities = dict[str, np.ndarray]  # of all modalities together and, where there are two, of each: (C,)


class Predictor:
    """A run folder, its model folder, or what `fusion export` wrote -> predictions."""

    def __init__(self, run: Path, mode: str = "medium_confidence", labels: Sequence[str] = (), top: int = 5):
        """mode: one of THRESHOLDS; labels: the only ones to answer with, () for all; top: how many to list."""
        self.classifier = make_classifier(run)
        meta = self.classifier.meta
        self.classes, self.mode, self.top = self.classifier.classes, mode, top
        for label in labels:
            if label not in self.classes:
                hint = did_you_mean(label, self.classes)
                raise UserError(f"The model knows no label {label!r}{hint}; it knows {', '.join(self.classes)}.")
        self.allowed = [i for i, label in enumerate(self.classes) if not labels or label in labels]
        self._model = {
            "name": meta["name"], "id": f"sha256:{meta['sha256']}", "calibrated": meta["temperature"] != 1.0,
            "classes": len(self.classes), "version": __version__,
        }  # fmt: skip

    def predict(self, inputs: Iterable[Input]) -> Iterator[Prediction]:
        """Yield one Prediction for each input, in their order; what holds no code gets its status as the answer.

        Pictures are opened and read one by one, then classified in batches. Raises UserError for a picture where
        pictures cannot be read at all, because the reader's weights are missing.
        """
        remaining = iter(inputs)
        while block := list(islice(remaining, INPUTS_AT_ONCE)):
            prepared = [self._prepare(item) for item in block]
            answers = self.classifier([sample for _, sample in prepared if sample is not None])
            row = 0
            for seen, sample in prepared:
                if sample is None:
                    yield self._abstain(seen, seen.item.status)
                else:
                    yield self._answer(seen, {view: rows[row] for view, rows in answers.items()})
                    row += 1

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> calibrated probabilities (N, C), each text's averaged over its windows."""
        return self.classifier([Sample(text) for text in texts])[ALL]

    def _prepare(self, item: Input) -> tuple[SeenPicture, Sample | None]:
        """Return the input, its picture read if it is one, and what to ask the model about it, if anything."""
        if item.picture is None or item.status != "ok":
            return SeenPicture(item), Sample(item.text) if item.status == "ok" else None
        seen = see(item, self.classifier.read)
        sample = self.classifier.sample(seen.item.text, seen.picture) if self._can_answer(seen) else None
        return SeenPicture(seen.item, None, seen.transcript), sample  # a block of large pictures would fill the memory

    def _can_answer(self, seen: SeenPicture) -> bool:
        """Return whether to ask the model about an input.

        About a picture without code that is so where a guess is asked for of a model that reads no text: what else it
        was trained on, its user knows.
        """
        wants_any = self.mode == "best_guess" and "text" not in self.classifier.modalities
        return seen.item.status == "ok" or (seen.item.status == "no_code" and wants_any)

    def _answer(self, seen: SeenPicture, of: Probabilities) -> Prediction:
        """Return the answer about an input from its calibrated probabilities."""
        probability = of[ALL]
        if not np.isfinite(probability).all():  # weights that overflowed in training
            return self._abstain(seen, "no_number")
        raw = self._rank(probability, range(len(self.classes)))[0]
        total = probability[self.allowed].sum()
        ranking = self._rank(probability / total if total > 0 else probability, self.allowed)
        best, threshold, reason = ranking[0], THRESHOLDS[self.mode], "none"
        if sum(not character.isspace() for character in seen.item.text[:1000]) < MIN_CHARACTERS:
            reason = "too_short"
        elif best["prob"] < threshold:
            reason = "low_confidence"
        elif raw["label"] != best["label"]:
            reason = "not_in_allowed_labels"
        accepted = reason == "none" or self.mode == "best_guess"
        return Prediction(
            path=seen.item.path,
            status=seen.item.status,
            label=best["label"] if accepted else "unknown",
            decision="accepted" if accepted else "abstained",
            reason="none" if accepted else reason,
            score=best["prob"],
            threshold=threshold,
            mode=self.mode,
            raw={"label": raw["label"], "score": raw["prob"]},
            top_k=ranking[: self.top],
            by_modality=self._by_modality(seen.item, of),
            input=self._facts(seen),
            model=self._model,
        )

    def _rank(self, probability: np.ndarray, classes: Sequence[int]) -> list[dict[str, Any]]:
        """Return the classes given by number, most probable first."""
        order = sorted(classes, key=lambda i: -probability[i])  # stable: ties keep the order of the classes
        return [{"label": self.classes[i], "prob": round(float(probability[i]), 6)} for i in order]

    def _by_modality(self, item: Input, of: Probabilities) -> dict[str, dict[str, Any]]:
        """Return what each modality says alone, whatever the allowed labels, and where it comes from."""
        answers = {}
        for name in self.classifier.modalities:
            probability = of.get(name, of[ALL])  # of a model with one branch, it is the answer
            if np.isfinite(probability).all():
                best = self._rank(probability, range(len(self.classes)))[0]
                answers[name] = {"label": best["label"], "score": best["prob"], "source": self._source(item, name)}
        return answers

    def _source(self, item: Input, modality: str) -> str:
        if item.picture is None:
            return "given" if modality == "text" else "rendered"
        return "ocr" if modality == "text" else "given"

    def _abstain(self, seen: SeenPicture, reason: str) -> Prediction:
        """Return `unknown` for what was read and tells nothing, no label for what could not be read."""
        return Prediction(
            path=seen.item.path,
            status=seen.item.status,
            label="unknown" if seen.item.error is None else None,
            decision="abstained",
            reason=reason,
            threshold=THRESHOLDS[self.mode],
            mode=self.mode,
            input=self._facts(seen),
            model=self._model,
            error=seen.item.error,
        )

    def _facts(self, seen: SeenPicture) -> dict[str, Any]:
        item, modalities = seen.item, self.classifier.modalities
        is_picture = item.picture is not None
        facts = {
            "kind": "picture" if is_picture else "text", "modalities": modalities if self._can_answer(seen) else [],
            "image_source": self._source(item, "image") if "image" in modalities else "missing",
            "text_source": self._source(item, "text") if item.text or not is_picture else "missing",
            "bytes": item.size, "lines": item.text.count("\n") + bool(item.text) - item.text.endswith("\n"),
            "encoding": item.encoding, "truncated": item.truncated,
        }  # fmt: skip
        return facts | seen.facts() | {"text": item.text} if is_picture else facts
