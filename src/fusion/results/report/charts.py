"""Rows -> charts of their accuracy: with its interval, by length, by label, against what it costs."""

from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fusion.results.answers import EvalRows
from fusion.results.by_length import LENGTHS, of_lengths
from fusion.results.comparison import Row
from fusion.results.report.cells import shorten
from fusion.results.report.drawing import (
    BETTER,
    FAINT,
    INK,
    WORSE,
    Chart,
    add_tip,
    label_ticks,
    new_figure,
    row_style,
    styled,
    to_svg,
)  # fmt: skip
from fusion.results.report.shown import Shown
from fusion.results.statistics import DIFFERENCES, MIN_PROJECTS, ProjectBootstrap

MOST_LABELS = 40  # of the differences by label
ON_TEST = "Test split."


@styled
def accuracy(shown: Shown) -> Chart | None:
    """Return the accuracy of each row as a dot on its interval."""
    reached = [row.mean("metrics", "test", "accuracy") for row in shown.rows]
    if not any(value is not None for value in reached):
        return None
    figure, axes = new_figure(46 + 30 * len(reached))
    for number, (value, standing) in enumerate(zip(reached, shown.standings, strict=True)):
        words, name = "", shown.names[number]
        if value is not None:
            words = f"{value:.3f}"
            if standing.interval:
                axes.plot(standing.interval, [number] * 2, color=row_style(number)["color"], linewidth=2.4, alpha=0.55)
                words += f" [{standing.interval[0]:.3f}, {standing.interval[1]:.3f}]"
            (dot,) = axes.plot([value], [number], **row_style(number) | {"markersize": 8})
            add_tip(dot, f"{name}: {words}")
        above: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "bottom", "fontsize": 10}
        add_tip(axes.text(0, number - 0.22, shorten(name, 36), **above), name)
        axes.text(1, number - 0.22, words, ha="right", **above)
    axes.set(ylim=(len(reached) - 0.5, -0.85), yticks=[], xlabel="accuracy")
    axes.margins(x=0.08)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    reading = (f"{ON_TEST} The dot is the accuracy, the line its 95 % interval over projects (of several seeds over "
               f"seeds too). Best on validation at the top.{shown.note}")  # fmt: skip
    heading = "Accuracy with its interval"
    return Chart("accuracy", heading, reading, to_svg(figure, "accuracy", heading))


@styled
def by_length(shown: Shown) -> Chart | None:
    """Return the accuracy of each row on short and on long snippets."""
    rows = [(number, row, row.rows) for number, row in enumerate(shown.rows) if row.rows is not None]
    if not rows:
        return None
    figure, axes = new_figure(250)
    for place, (number, row, snippets) in enumerate(rows):
        shift = 0.06 * (place - (len(rows) - 1) / 2)  # so that intervals do not hide each other
        ranges = [(at, chosen) for at, (_, chosen) in enumerate(of_lengths(snippets.lines, LENGTHS)) if chosen.any()]
        points = np.array([[at + shift, *_of_length(row, snippets, chosen)] for at, chosen in ranges])
        axes.plot(points[:, 0], points[:, 1], **row_style(number), zorder=10 - place)
        if row in (shown.best, shown.other):  # those of all would hide each other
            colour = row_style(number)["color"]
            axes.vlines(points[:, 0], points[:, 2], points[:, 3], color=colour, linewidth=1.4, alpha=0.5)
    counts = [int(chosen.sum()) for _, chosen in of_lengths(rows[0][2].lines, LENGTHS)]
    names = [f"{low}–{high}\nn={count:,}" for (low, high), count in zip(LENGTHS, counts, strict=True)]
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel="lines of the snippet", ylabel="accuracy")
    heading = "Accuracy by length"
    of = " and ".join(shown.name(row) for row in (shown.best, shown.other) if row is not None)
    reading = f"{ON_TEST} Upright lines are 95 % intervals over projects, of {of}.{shown.note}"
    legend = tuple((number, shown.names[number]) for number, _, _ in rows)
    return Chart("length", heading, reading, to_svg(figure, "length", heading), legend)


def _of_length(row: Row, snippets: EvalRows, chosen: np.ndarray) -> tuple[float, float, float]:
    """Return the accuracy of a row on some snippets (N,), and its interval."""
    reached, interval = ProjectBootstrap(snippets.project[chosen]).mean_with_interval(row.correct[:, chosen])
    return reached, *interval


@styled
def by_label(shown: Shown) -> Chart | None:
    """Return the difference of two rows for each label, sorted."""
    if shown.best is None or shown.other is None or shown.best.rows is None:
        return None
    gains = sorted(_gains(shown.best, shown.other, shown.best.rows), key=lambda gain: (-gain[1], gain[0]))
    cut = len(gains) > MOST_LABELS
    kept = [*gains[: MOST_LABELS // 2], *gains[-(MOST_LABELS // 2) :]] if cut else gains
    figure, axes = new_figure(50 + 15 * len(kept))
    axes.axvline(0, color=FAINT, linewidth=1)
    for at, (label, gain, low, high, projects, count) in enumerate(kept):
        can_tell = projects >= MIN_PROJECTS
        colour = BETTER if low > 0 else WORSE if high < 0 else INK
        if can_tell:
            axes.plot([low, high], [at, at], color=colour, linewidth=1.6, alpha=0.55)
        (dot,) = axes.plot([gain], [at], "o", color=colour, markersize=5.5, fillstyle="full" if can_tell else "none")
        interval = f" [{low:+.3f}, {high:+.3f}]" if can_tell else ""
        add_tip(dot, f"{label}: {gain:+.3f}{interval}, {count} snippets of {projects} project{'s' * (projects > 1)}")
    label_ticks(axes, "y", [gain[0] for gain in kept], 16)
    axes.set(ylim=(len(kept) - 0.4, -0.6), xlabel="difference in accuracy")
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+.2f}" if abs(x) > 1e-9 else "0"))
    heading = "Differences by label"
    some = f" Shown are the {MOST_LABELS} largest of {len(gains)}." if cut else ""
    reading = (f"{ON_TEST} {shown.name(shown.best)} against {shown.name(shown.other)}: to the right the first is right "
               "more often. Paired, with the 95 % interval over the label's projects; coloured where it does not hold "
               f"0; hollow, and without one, are labels of fewer than {MIN_PROJECTS} projects.{some}")  # fmt: skip
    return Chart("labels", heading, reading, to_svg(figure, "labels", heading))


def _gains(best: Row, other: Row, snippets: EvalRows) -> list[tuple[str, float, float, float, int, int]]:
    """Return for each true label what one row reaches above another, with its interval, projects and snippets."""
    right = [row.correct for row in (best, other)]  # (S, N) each
    found = []
    for number in np.unique(snippets.label):
        chosen = snippets.label == number
        bootstrap = ProjectBootstrap(snippets.project[chosen])
        drawn = [bootstrap.over_seeds(bootstrap.mean(of[:, chosen]), stream) for stream, of in enumerate(right)]
        gain = float(right[0][:, chosen].mean() - right[1][:, chosen].mean())
        low, high = bootstrap.interval(drawn[0] - drawn[1], DIFFERENCES)
        found.append((snippets.labels[number], gain, low, high, bootstrap.count, int(chosen.sum())))
    return found
