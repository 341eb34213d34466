"""metrics.csv of rows -> their curves over the epochs, training and validation, several seeds as a band."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from fusion.results.comparison import Row
from fusion.results.record import read_metrics
from fusion.results.report.drawing import Chart, new_figure, row_style, styled, to_svg
from fusion.results.report.shown import Shown

MEASURES = ("loss", "accuracy")
LOOKS: dict[str, dict[str, Any]] = {
    "train": {"linestyle": "--", "marker": "", "linewidth": 1.2, "alpha": 0.8},
    "val": {"markersize": 4.5},
}

Epochs = dict[float, list[float]]  # epoch -> a value of each seed that has it


def curves(shown: Shown) -> Iterator[Chart]:
    """Yield a chart of the loss and one of the accuracy, of rows whose metrics can be read."""
    read = [(number, [_read(folder) for folder in row.answers or row.runs]) for number, row in enumerate(shown.rows)]
    for measure in MEASURES:
        lines = [(number, split, of) for number, runs in read for split in LOOKS
                 if (of := over_epochs(runs, f"{split}_{measure}"))]  # fmt: skip
        if lines:
            yield _chart(shown, measure, lines)


def _read(folder: Path) -> list[dict[str, float]]:
    try:
        return read_metrics(folder)
    except (OSError, ValueError, TypeError, csv.Error):  # not there, or not as a run writes it
        return []


def over_epochs(runs: list[list[dict[str, float]]], name: str) -> Epochs:
    """Epochs of several seeds -> what each epoch has of a metric; what is no number is left out."""
    found: Epochs = {}
    for epochs in runs:
        for place, values in enumerate(epochs, 1):
            if np.isfinite(values.get(name, np.nan)):
                found.setdefault(values.get("epoch", place), []).append(values[name])
    return dict(sorted(found.items()))


@styled
def _chart(shown: Shown, measure: str, lines: list[tuple[int, str, Epochs]]) -> Chart:
    figure, axes = new_figure(250)
    for number, split, of in lines:
        style, at = row_style(number), [*of]
        axes.plot(at, [np.mean(values) for values in of.values()], **style | LOOKS[split], zorder=10 - number)
        if any(len(values) > 1 for values in of.values()):
            low, high = [min(values) for values in of.values()], [max(values) for values in of.values()]
            axes.fill_between(at, low, high, color=style["color"], alpha=0.15, linewidth=0)
    axes.set(xlabel="epoch", ylabel=measure)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    heading = f"{measure.capitalize()} by epoch"
    reading = f"Solid with marks: validation; dashed: training.{_bands(shown.rows)}{shown.note}"
    legend = tuple((number, shown.names[number]) for number in dict.fromkeys(number for number, _, _ in lines))
    return Chart(f"curve-{measure}", heading, reading, to_svg(figure, f"curve-{measure}", heading), legend)


def _bands(rows: tuple[Row, ...]) -> str:
    seeds = any(len(row.answers) > 1 for row in rows)
    return " Of several seeds the mean, in a band from the least to the most." if seeds else ""
