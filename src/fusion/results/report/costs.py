"""Rows -> a chart of what each reaches against what it costs, the Pareto front marked."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from fusion.results.comparison import Block, Row
from fusion.results.report.drawing import FAINT, INK, Chart, add_tip, new_figure, row_style, styled, to_svg
from fusion.results.report.shown import Shown

COSTS = (
    (("timings", "ms_per_sample"), 1.0, "milliseconds a snippet"),
    (("timings", "total_seconds"), 1 / 60, "minutes of the run"),
)


Point = tuple[Row, float, float]  # a row, its cost, its accuracy


@styled
def trade_off(block: Block, shown: Shown) -> Chart | None:
    """Return accuracy against latency or, where fewer than two rows have that, against the time of the run."""
    points, unit = _points(block)
    if not points:
        return None
    figure, axes = new_figure(260)
    number_of = {id(row): number for number, row in enumerate(shown.rows)}
    front = pareto([(cost, reached) for _, cost, reached in points])
    axes.plot(*zip(*front, strict=True), color=FAINT, linestyle="--", linewidth=1.4, drawstyle="steps-post")
    for row, cost, reached in points:
        known = number_of.get(id(row))
        look: dict[str, Any] = {"marker": "o", "color": FAINT, "markersize": 4, "alpha": 0.7}
        if known is not None:
            look = row_style(known) | {"markersize": 8, "zorder": 5}
        (dot,) = axes.plot([cost], [reached], linestyle="none", **look)
        if (cost, reached) in front:
            axes.plot([cost], [reached], "o", markersize=14, markerfacecolor="none", color=INK, markeredgewidth=0.9)
        add_tip(dot, f"{row.name}: {reached:.3f}, {cost:.3g} {unit}")
    _log_axis(axes, [cost for _, cost, _ in points])
    axes.set(xlabel=unit, ylabel="accuracy")
    axes.margins(x=0.1, y=0.12)
    heading = f"Accuracy against {'latency' if unit == COSTS[0][2] else 'the time of the run'}"
    reading = ("Test split. The higher and the further left, the better. Rings and the dashed line mark the Pareto "
               "front: no other row is as good in less time. Times are of the machine of each "
               f"run.{_grey(points, number_of)}")  # fmt: skip
    legend = tuple((number_of[id(row)], shown.name(row)) for row, _, _ in points if id(row) in number_of)
    return Chart("cost", heading, reading, to_svg(figure, "cost", heading), legend)


def _points(block: Block) -> tuple[list[Point], str]:
    """Return the rows that have a cost, with it and their accuracy, and the unit of the cost that two of them have."""
    for names, scale, unit in COSTS:
        found: list[Point] = []
        for row in block.rows:
            cost, reached = row.mean(*names), row.mean("metrics", "test", "accuracy")
            if cost and 0 < cost < math.inf and reached is not None:
                found.append((row, cost * scale, reached))
        if len(found) > 1:
            return found, unit
    return [], ""


def _grey(points: Sequence[Point], known: dict[int, int]) -> str:
    return " Grey dots are the other rows." if any(id(row) not in known for row, _, _ in points) else ""


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Costs and what is reached for them -> those that no other reaches for as little, cheapest first."""
    front: list[tuple[float, float]] = []
    for cost, reached in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or reached > front[-1][1]:
            front.append((cost, reached))
    return front


def _log_axis(axes: Any, values: Sequence[float]) -> None:
    """Make the x axis logarithmic, with plain numbers, more of them where the values are close to each other."""
    axes.set_xscale("log")
    plain = FuncFormatter(lambda x, _: f"{x:g}")
    axes.xaxis.set_major_formatter(plain)
    axes.xaxis.set_minor_formatter(NullFormatter())
    if max(values) < 10 * min(values):
        ticks = [tick for tick in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(min(values), max(values)) if tick > 0]
        axes.set_xticks(ticks)
        axes.xaxis.set_minor_locator(MaxNLocator(1))
        axes.xaxis.set_major_formatter(plain)
        axes.minorticks_off()
