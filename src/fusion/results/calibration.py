"""Validation logits -> what turns a model's logits into probabilities, answers that are withheld, and sets of labels.

Fitted on validation alone and kept in meta.json under "calibration", by view; "all" is all modalities together.

    probabilities    a temperature for each range of lengths; a scale and a shift for each class, where that pays
    thresholds       high_confidence: 95 % of the answers are right, medium_confidence: 85 %; see thresholds.py
    prediction sets  the labels of at least some probability, which depends on the length: least ambiguous sets (LAC,
                     Sadinle et al. 2019). Adaptive sets (APS) that are never empty hold ten labels where these hold
                     one, for most code is told with a probability near 1.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fusion.config.errors import UserError
from fusion.results import statistics
from fusion.results.thresholds import fit_thresholds
from fusion.results.vector_scaling import fit_vector_scaling, scaling_pays

LENGTHS = (2, 5, 15)  # lines: up to 2, up to 5, up to 15, and more
MIN_ROWS = 200  # of a range of lengths; one with fewer is taken together with all others
PRECISIONS = {"high_confidence": 0.95, "medium_confidence": 0.85}  # of the answers that a mode gives
# Validation holds code in known languages alone, and users have anything: no less is ever enough.
LEAST = {"high_confidence": 0.5, "medium_confidence": 0.25}
UNFITTED = {"high_confidence": 0.75, "medium_confidence": 0.5}  # of a model without calibration
BEST_GUESS = "best_guess"
MODES = (*PRECISIONS, BEST_GUESS)
LEVELS = (*(round(0.5 + i / 100, 2) for i in range(50)), 0.995, 0.999)  # of sets; one between them is rounded up


@dataclass(frozen=True)
class Calibration:
    """Logits -> probabilities, thresholds and sets of labels, for C classes and L ranges of lengths."""

    temperatures: tuple[float, ...]  # (L,)
    thresholds: dict[str, tuple[float, ...]]  # by mode: (C,)
    lengths: tuple[int, ...] = ()  # (L - 1,) lines: the longest snippet of each range but the last
    scale: tuple[float, ...] = ()  # (C,), applied after the temperature; empty: 1 and 0
    shift: tuple[float, ...] = ()
    limits: tuple[tuple[float, ...], ...] = ()  # (L, len(LEVELS)): the least probability in a set; empty: not fitted

    @classmethod
    def of_temperature(cls, temperature: float, classes: int) -> "Calibration":
        """Return that of a model that knows no more than a temperature, with the same thresholds for every class."""
        return cls((temperature,), {mode: (least,) * classes for mode, least in UNFITTED.items()})

    def probabilities(self, logits: np.ndarray, lines: np.ndarray) -> np.ndarray:
        """Logits (N, C) of snippets of so many lines (N,) -> probabilities (N, C)."""
        with np.errstate(invalid="ignore"):  # logits that are no numbers have probabilities that are none
            return statistics.softmax(self._scaled(logits, lines))

    def _scaled(self, logits: np.ndarray, lines: np.ndarray) -> np.ndarray:
        scaled = np.asarray(logits, np.float64) / np.array(self.temperatures)[self._range_of(lines), None]
        return scaled * self.scale + self.shift if self.scale else scaled

    def threshold(self, mode: str) -> np.ndarray:
        """Return how probable an answer of each class must be, (C,), in one of MODES."""
        of_classes = next(iter(self.thresholds.values()))
        return np.array(self.thresholds[mode]) if mode != BEST_GUESS else np.zeros(len(of_classes))

    def prediction_set(self, probabilities: np.ndarray, level: float, lines: np.ndarray) -> np.ndarray:
        """Probabilities (N, C) -> (N, C) bool: the labels that hold the truth with a probability of `level` or more.

        That is so for snippets that are like those of validation. A set always has the most probable label. Raises
        UserError as check_level does.
        """
        self.check_level(level)
        column = next((i for i, known in enumerate(LEVELS) if known >= level - 1e-9), None)
        limits = np.array(self.limits)[:, column] if column is not None else np.zeros(len(self.limits))  # (L,)
        chosen = probabilities >= limits[self._range_of(lines), None]
        chosen[np.arange(len(chosen)), probabilities.argmax(1)] = True
        return chosen

    def check_level(self, level: float) -> None:
        """Raise UserError where there are no sets at a level: it is no probability, or the model has no calibration."""
        if not 0 < level < 1:
            raise UserError(f"There is no set of labels at level {level}; give one between 0 and 1, such as 0.95.")
        if not self.is_fitted:
            raise UserError("This model was trained by a fusion that gave no sets of labels; train it again.")

    @property
    def is_fitted(self) -> bool:
        """Whether it knows more than a temperature."""
        return bool(self.limits)

    def _range_of(self, lines: np.ndarray) -> np.ndarray:
        """Lines (N,) -> the number of the range that each lies in, (N,)."""
        return np.searchsorted(np.array(self.lengths, np.int64), lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Any, classes: int) -> "Calibration":
        """Return what to_dict made of one for so many classes. Raises UserError for anything else."""
        names = tuple(cls.__dataclass_fields__)
        if not isinstance(content, Mapping) or set(content) != set(names):
            raise _broken("it is not an object of " + ", ".join(names))
        thresholds = content["thresholds"]
        if not isinstance(thresholds, Mapping) or set(thresholds) != set(PRECISIONS):
            raise _broken("thresholds is not an object of " + " and ".join(PRECISIONS))
        lengths = _numbers(content["lengths"], "lengths", 0, 1e9)
        if list(lengths) != sorted(set(lengths)):
            raise _broken("lengths are not in ascending order")
        ranges = len(lengths) + 1
        scale = _numbers(content["scale"], "scale", -1e6, 1e6, (0, classes))
        return cls(
            _numbers(content["temperatures"], "temperatures", 1e-6, 1e6, (ranges,)),
            {mode: _numbers(of, f"thresholds.{mode}", 0, 1, (classes,)) for mode, of in thresholds.items()},
            tuple(map(int, lengths)),
            scale,
            _numbers(content["shift"], "shift", -1e6, 1e6, (len(scale),)),
            _limits(content["limits"], ranges),
        )


def _limits(content: Any, ranges: int) -> tuple[tuple[float, ...], ...]:
    if not isinstance(content, (list, tuple)) or len(content) not in (0, ranges):
        raise _broken(f"limits is not a list of {ranges} lists")
    return tuple(_numbers(row, "limits", 0, 1, (len(LEVELS),)) for row in content)


def _numbers(content: Any, name: str, low: float, high: float, sizes: tuple[int, ...] = ()) -> tuple[float, ...]:
    """Return a list of numbers from low to high, as many as one of the sizes says, if any is given."""
    if not isinstance(content, (list, tuple)) or (sizes and len(content) not in sizes):
        raise _broken(f"{name} is not a list of {' or '.join(map(str, sizes)) or 'some'} numbers")
    for value in content:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise _broken(f"{name} has {value!r}, which is not a number from {low:g} to {high:g}")
    return tuple(content)


def _broken(why: str) -> UserError:
    return UserError(f"meta.json holds a calibration that cannot be read: {why}; copy or train the model again.")


def read_calibrations(meta: Mapping[str, Any]) -> dict[str, Calibration]:
    """meta.json -> the calibration of each view; of an older model that of all modalities, by the temperature alone."""
    classes, content = len(meta["classes"]), meta.get("calibration")
    if content is None:
        return {"all": Calibration.of_temperature(meta["temperature"], classes)}
    if not isinstance(content, Mapping) or "all" not in content:
        raise _broken("it has no object of the name all")
    return {view: Calibration.from_dict(of_view, classes) for view, of_view in content.items()}


def fit_calibration(logits: np.ndarray, truth: np.ndarray, lines: np.ndarray, groups: np.ndarray) -> Calibration:
    """Validation logits (N, C), classes (N,), lines (N,) and projects (N,) -> their calibration.

    Rows whose logits are no numbers are left out; without any other the calibration is that of a temperature of 1.
    """
    kept = np.isfinite(logits).all(1)
    logits, truth, lines, groups = logits[kept].astype(np.float64), truth[kept], lines[kept], groups[kept]
    if not len(truth):
        return Calibration.of_temperature(1.0, logits.shape[1])
    number = np.searchsorted(np.array(LENGTHS), lines)
    of_ranges = [number == i for i in range(len(LENGTHS) + 1)]
    rows = [chosen if chosen.sum() >= MIN_ROWS else np.full(len(truth), True) for chosen in of_ranges]
    temperatures = np.array([statistics.fit_temperature(logits[chosen], truth[chosen]) for chosen in rows])
    scaled = logits / temperatures[number, None]
    scale, shift = np.zeros((2, 0))
    if len(truth) >= MIN_ROWS and scaling_pays(scaled, truth, groups):
        scale, shift = fit_vector_scaling(scaled, truth)
        scaled = scaled * scale + shift
    probabilities = statistics.softmax(scaled)
    of_truth = probabilities[np.arange(len(truth)), truth]
    return Calibration(
        _rounded(temperatures),
        {mode: _thresholds(probabilities, truth, groups, mode) for mode in PRECISIONS},
        LENGTHS,
        _rounded(scale),
        _rounded(shift),
        tuple(set_limits(of_truth[chosen]) for chosen in rows),
    )


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)


def _thresholds(probabilities: np.ndarray, truth: np.ndarray, groups: np.ndarray, mode: str) -> tuple[float, ...]:
    if len(truth) < MIN_ROWS:
        return (PRECISIONS[mode],) * probabilities.shape[1]
    return _rounded(np.maximum(fit_thresholds(probabilities, truth, groups, PRECISIONS[mode]), LEAST[mode]))


def set_limits(of_truth: np.ndarray) -> tuple[float, ...]:
    """Probabilities of the truth (N,) -> for each of LEVELS the least that a label of a set must have.

    The share of new snippets whose truth has as much is the level or more, whatever the model (split conformal); 0,
    which all labels have, where N rows cannot tell.
    """
    ordered = np.sort(of_truth)[::-1]
    ranks = [int(np.ceil((len(ordered) + 1) * level - 1e-9)) for level in LEVELS]
    return tuple(float(np.floor(ordered[rank - 1] * 1e6) / 1e6) if rank <= len(ordered) else 0.0 for rank in ranks)


def calibration_scores(
    calibration: Calibration, logits: np.ndarray, truth: np.ndarray, lines: np.ndarray
) -> dict[str, float]:
    """Logits (N, C), classes (N,), lines (N,) -> NLL and ECE, and what high_confidence makes of these rows.

    coverage_at_95_precision is the share that is answered with the thresholds fitted on validation,
    precision_at_95 the share of those answers that is right: the 95 % that was aimed at, or what became of it.
    """
    probabilities = calibration.probabilities(logits, lines)
    best, correct = probabilities.argmax(1), probabilities.argmax(1) == truth
    answered = probabilities.max(1) >= calibration.threshold("high_confidence")[best]
    scores = {
        "nll": statistics.negative_log_likelihood(calibration._scaled(logits, lines), truth),
        "ece": statistics.calibration_error(probabilities, truth),
    }
    if calibration.is_fitted:
        scores["coverage_at_95_precision"] = float(answered.mean())
        if answered.any():
            scores["precision_at_95"] = float(correct[answered].mean())
    return scores
