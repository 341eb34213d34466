"""Inputs and a trained model -> predictions."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fusion import __version__
from fusion.model import checkpoint
from fusion.results.calibration import BEST_GUESS
from fusion.serving.classifier import ALL, Classifier, Sample
from fusion.serving.decision import AnswerOptions, Decider, Probabilities
from fusion.serving.inputs import Input
from fusion.serving.pictures import SeenPicture, see
from fusion.serving.prediction import Prediction

INPUTS_AT_ONCE = 16


class Predictor:
    """A run folder, or its model folder -> predictions."""

    def __init__(
        self, run: Path, mode: str = "medium_confidence", labels: Sequence[str] = (), top: int = 5,
        level: float | None = None,
    ):  # fmt: skip
        """Load the model; the rest is what AnswerOptions holds."""
        model = checkpoint.load(run if (run / "meta.json").is_file() else run / "model")
        meta, self.classifier = model.meta, Classifier(model)
        self.classes = self.classifier.classes
        self.decider = Decider(self.classifier, AnswerOptions(mode, tuple(labels), top, level))
        self._model = {
            "name": meta["name"], "id": f"sha256:{meta['sha256']}",
            "calibrated": self.decider.calibration.is_fitted or meta["temperature"] != 1.0,
            "classes": len(self.classes), "version": __version__,
        }  # fmt: skip

    def with_options(self, options: AnswerOptions) -> "Predictor":
        """Return one that answers by other options with the same model, which is not loaded again."""
        other = copy(self)
        other.decider = Decider(self.classifier, options)
        return other

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
        seen = see(item)
        sample = self.classifier.sample(seen.item.text, seen.picture) if self._can_answer(seen) else None
        return replace(seen, picture=None), sample  # a block of large pictures would fill the memory

    def _can_answer(self, seen: SeenPicture) -> bool:
        """Return whether to ask the model about an input.

        About a picture without code that is so where a guess is asked for of a model that reads no text: what else it
        was trained on, its user knows.
        """
        wants_any = self.decider.options.mode == BEST_GUESS and "text" not in self.classifier.modalities
        return seen.item.status == "ok" or (seen.item.status == "no_code" and wants_any)

    def _answer(self, seen: SeenPicture, of: Probabilities) -> Prediction:
        """Return the answer about an input from its calibrated probabilities."""
        if not np.isfinite(of[ALL]).all():  # weights that overflowed in training
            return self._abstain(seen, "no_number")
        return Prediction(
            path=seen.item.path,
            status=seen.item.status,
            mode=self.decider.options.mode,
            by_modality=self._by_modality(seen, of),
            input=self._facts(seen),
            model=self._model,
            **self.decider.decide(of, seen.item.text),
        )

    def _by_modality(self, seen: SeenPicture, of: Probabilities) -> dict[str, dict[str, Any]]:
        """Return what each modality says alone, whatever the allowed labels, and where it comes from."""
        answers = {}
        for name in self.classifier.modalities:
            probability = of.get(name, of[ALL])  # of a model with one branch, it is the answer
            if np.isfinite(probability).all():
                best = self.decider.rank(probability)[0]
                answers[name] = {"label": best["label"], "score": best["prob"], "source": _source(seen, name)}
        return answers

    def _abstain(self, seen: SeenPicture, reason: str) -> Prediction:
        """Return `unknown` for what was read and tells nothing, no label for what could not be read."""
        return Prediction(
            path=seen.item.path,
            status=seen.item.status,
            label="unknown" if seen.item.error is None else None,
            decision="abstained",
            reason=reason,
            threshold=self.decider.least_threshold,
            mode=self.decider.options.mode,
            input=self._facts(seen),
            model=self._model,
            error=seen.item.error,
        )

    def _facts(self, seen: SeenPicture) -> dict[str, Any]:
        item, modalities = seen.item, self.classifier.modalities
        is_picture = item.picture is not None
        facts = {
            "kind": "picture" if is_picture else "text", "modalities": modalities if self._can_answer(seen) else [],
            "image_source": _source(seen, "image") if "image" in modalities else "missing",
            "text_source": _source(seen, "text") if item.text or not is_picture else "missing",
            "bytes": item.size, "lines": item.text.count("\n") + bool(item.text) - item.text.endswith("\n"),
            "encoding": item.encoding, "truncated": item.truncated,
        }  # fmt: skip
        return facts | seen.facts() | {"text": item.text} if is_picture else facts


def _source(seen: SeenPicture, modality: str) -> str:
    """Return where what a modality is told comes from."""
    if modality == "text":
        return "given" if seen.transcript is None else "ocr"
    return "rendered" if seen.item.picture is None else "given"
