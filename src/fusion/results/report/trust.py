"""Predictions of rows -> how far their probabilities can be trusted: by calibration, and by answering less."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusion.results.calibration import fit_calibration
from fusion.results.calibration_table import read_predictions
from fusion.results.comparison import Row
from fusion.results.report.drawing import FAINT, Chart, add_tip, new_figure, row_style, styled, thin, to_svg
from fusion.results.report.shown import Shown
from fusion.results.statistics import calibration_error, risk_coverage

MOST = 4  # rows; more lie on each other
BINS = 10
MOST_POINTS = 150  # of a curve


@dataclass(frozen=True, eq=False)
class Judged:
    """Test answers of a run with their calibrated probabilities."""

    ids: np.ndarray  # (N,)
    truth: np.ndarray  # (N,) class numbers
    answer: np.ndarray  # (N,)
    confidence: np.ndarray  # (N,) probability of the answer
    error: float  # expected calibration error
    lines: np.ndarray  # (N,)
    groups: np.ndarray  # (N,)

    @property
    def correct(self) -> np.ndarray:
        """Return which answers are right, (N,) bool."""
        return self.answer == self.truth


def judge(row: Row) -> Judged | None:
    """Return what the first run of a row answered, calibrated on its validation side; None of one without both."""
    if not row.answers:
        return None
    folder = next(iter(row.answers))
    val, test = (read_predictions(folder, row.runs[folder], split) for split in ("val", "test"))
    if val is None or test is None or not np.isfinite(test.logits).all():
        return None
    fitted = fit_calibration(val.logits, val.truth, val.lines, val.groups)
    probabilities = fitted.probabilities(test.logits, test.lines)  # (N, C)
    return Judged(test.ids, test.truth, probabilities.argmax(1), probabilities.max(1),
                  calibration_error(probabilities, test.truth), test.lines, test.groups)  # fmt: skip


def trust(shown: Shown, judged: dict[int, Judged]) -> Iterator[Chart]:
    """Yield the reliability diagram and the risk-coverage curve of the rows that are judged, by their number."""
    if judged:
        yield _reliability(shown, judged)
        yield _risk(shown, judged)


@styled
def _reliability(shown: Shown, judged: dict[int, Judged]) -> Chart:
    figure, axes = new_figure(280)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle=":", linewidth=1.2)
    for number, one in judged.items():
        points = reliability(one.confidence, one.correct)
        axes.plot(points[:, 0], points[:, 1], **row_style(number), label=shown.names[number])
        for confidence, accuracy, count in points:
            (ring,) = axes.plot([confidence], [accuracy], "o", markersize=9, alpha=0)
            add_tip(ring, f"{shown.names[number]}: {accuracy:.3f} right of {count:.0f} with {confidence:.3f}")
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.02))
    heading = "Reliability"
    errors = "; ".join(f"{shown.names[number]} {one.error:.3f}" for number, one in judged.items())
    reading = ("Test split, probabilities calibrated on validation, the first seed of a row. On the dotted line "
               "answers are right as often as they are sure; below it they are too sure. Bins of a tenth; expected "
               f"calibration error: {errors}.")  # fmt: skip
    return Chart("reliability", heading, reading, to_svg(figure, "reliability", heading), _legend(shown, judged))


def reliability(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Confidence (N,), right or not (N,) -> mean confidence, share right and count of each bin, (B, 3)."""
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return np.array([[confidence[bin_of == b].mean(), correct[bin_of == b].mean(), (bin_of == b).sum()]
                     for b in np.unique(bin_of)])  # fmt: skip


@styled
def _risk(shown: Shown, judged: dict[int, Judged]) -> Chart:
    figure, axes = new_figure(280)
    for number, one in judged.items():
        coverage, risk = risk_coverage(one.confidence, one.correct)
        kept = thin(coverage, MOST_POINTS)
        style = row_style(number)
        axes.plot(coverage[kept], risk[kept], **style, markevery=0.12)
    axes.axhline(0.05, color=FAINT, linestyle=":", linewidth=1.2)
    axes.set(xlabel="share that is answered, surest first", ylabel="share of those that is wrong", xlim=(0, 1.02))
    axes.set_ylim(bottom=0)
    heading = "Risk against coverage"
    reading = ("Test split, the first seed of a row. The lower, the better the confidence tells wrong answers from "
               "right ones: where a curve crosses the dotted line, 95 % of what is answered is right.")  # fmt: skip
    return Chart("risk", heading, reading, to_svg(figure, "risk", heading), _legend(shown, judged))


def _legend(shown: Shown, judged: dict[int, Judged]) -> tuple[tuple[int, str], ...]:
    return tuple((number, shown.names[number]) for number in judged)
