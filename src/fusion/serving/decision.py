"""Calibrated probabilities -> a label, or none and the reason why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.config.errors import UserError, did_you_mean
from fusion.languages import OTHER
from fusion.results.calibration import BEST_GUESS, MODES, Calibration
from fusion.serving.classifier import ALL, Classifier, count_lines

MIN_CHARACTERS = 8  # that are no white space; a shorter text tells nothing
NOTHING = 1e-30  # a probability that single precision hardly tells from 0

Probabilities = dict[str, np.ndarray]  # of all modalities together and, where there are two, of each: (C,)


@dataclass(frozen=True)
class AnswerOptions:
    """What is asked for."""

    mode: str = "medium_confidence"  # one of MODES
    labels: tuple[str, ...] = ()  # the only ones to answer with; empty for all
    top: int = 5  # labels that are listed
    level: float | None = None  # of a set of labels, if one is wanted


class Decider:
    """Decides about inputs, by the calibration of a model and the options that were asked for."""

    def __init__(self, classifier: Classifier, options: AnswerOptions):
        self.classes, self.options, self._calibration_of = classifier.classes, options, classifier.calibration
        if options.mode not in MODES:
            hint = did_you_mean(options.mode, MODES)
            raise UserError(f"There is no mode {options.mode!r}{hint}; the modes are {', '.join(MODES)}.")
        for label in options.labels:
            if label not in self.classes:
                hint = did_you_mean(label, self.classes)
                raise UserError(f"The model knows no label {label!r}{hint}; it knows {', '.join(self.classes)}.")
        if options.level is not None:
            self.calibration.check_level(options.level)
        self.allowed = [i for i, label in enumerate(self.classes) if not options.labels or label in options.labels]
        self._thresholds = self.calibration.threshold(options.mode)  # (C,)

    @property
    def calibration(self) -> Calibration:
        """That of all modalities together."""
        return self._calibration_of(ALL)

    @property
    def least_threshold(self) -> float:
        """What the score of any label must reach."""
        return float(self._thresholds.min())

    def decide(self, of: Probabilities, text: str, view: str = ALL) -> dict[str, Any]:
        """Return the parts of a Prediction that follow from the probabilities and the text.

        view: whose calibration and thresholds are those of the answer.
        """
        probability, calibration = of[ALL], self._calibration_of(view)
        raw, ranking = self.rank(probability)[0], self.rank(self._among_allowed(probability), self.allowed)
        best, guessing = ranking[0], self.options.mode == BEST_GUESS
        threshold = float(calibration.threshold(self.options.mode)[self.classes.index(best["label"])])
        reason = self._reason(of, text, raw["label"], best, threshold)
        accepted = reason == "none" or (guessing and not self._is_other(best["label"]))
        return {
            "label": best["label"] if accepted else "unknown",
            "decision": "accepted" if accepted else "abstained",
            "reason": "none" if accepted else reason,
            "score": best["prob"],
            "threshold": threshold,
            "raw": {"label": raw["label"], "score": raw["prob"]},
            "top_k": ranking[: max(1, self.options.top)],
            "set": self._set(probability, text, calibration),
        }

    def _reason(self, of: Probabilities, text: str, raw: str, best: dict[str, Any], threshold: float) -> str:
        """Return why the best allowed label cannot be relied on; none where it can."""
        if sum(not character.isspace() for character in text[:1000]) < MIN_CHARACTERS:
            return "too_short"
        if self.options.mode != BEST_GUESS and self._disagree(of):
            return "modalities_disagree"
        if best["prob"] < threshold:
            return "low_confidence"
        if self._is_other(raw):
            return "not_code"
        return "none" if raw == best["label"] else "not_in_allowed_labels"

    def _is_other(self, label: str) -> bool:
        """Return whether a label says that something is no code, and is not asked for."""
        return label == OTHER and OTHER not in self.options.labels

    def _disagree(self, of: Probabilities) -> bool:
        """Return whether modalities that are sure enough by themselves say different things."""
        if not self.calibration.is_fitted:  # an older model answers as it did then
            return False
        sure = set()
        for view in of.keys() - {ALL}:
            probability = self._among_allowed(of[view])
            best = max(self.allowed, key=lambda i: probability[i])
            if probability[best] >= self._calibration_of(view).threshold("medium_confidence")[best]:
                sure.add(best)
        return len(sure) > 1

    def _among_allowed(self, probability: np.ndarray) -> np.ndarray:
        """(C,) -> the same so that the allowed ones sum to 1, where they are more than nothing."""
        total = probability[self.allowed].sum()
        return probability / total if total > NOTHING else probability

    def rank(self, probability: np.ndarray, classes: Iterable[int] | None = None) -> list[dict[str, Any]]:
        """Return the classes given by number, or all, most probable first."""
        numbers = range(len(self.classes)) if classes is None else classes
        order = sorted(numbers, key=lambda i: -probability[i])  # stable: ties keep the order of the classes
        return [{"label": self.classes[i], "prob": round(float(probability[i]), 6)} for i in order]

    def _set(self, probability: np.ndarray, text: str, calibration: Calibration) -> dict[str, Any] | None:
        """Return the labels that the truth is among, most probable first; if need be, the best of the allowed ones."""
        level = self.options.level
        if level is None:
            return None
        (held,) = calibration.prediction_set(probability[None], level, np.array([count_lines(text)]))
        ranked: Sequence[str] = [item["label"] for item in self.rank(probability, self.allowed)]
        kept = [label for label in ranked if held[self.classes.index(label)]]
        return {"level": level, "labels": kept or ranked[:1]}
