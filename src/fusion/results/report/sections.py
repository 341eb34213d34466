"""A comparison -> the sections of the page below its tables, those left out that there are no data for."""

from collections.abc import Iterable
from dataclasses import dataclass

from fusion.results.comparison import Comparison
from fusion.results.report import charts, matrices
from fusion.results.report.costs import trade_off
from fusion.results.report.drawing import Chart
from fusion.results.report.errors import Errors, worst_errors
from fusion.results.report.shown import Shown, shown
from fusion.results.report.training_curves import curves
from fusion.results.report.trust import MOST, Judged, judge, trust


@dataclass(frozen=True)
class Section:
    """A heading with charts below it."""

    key: str
    heading: str
    charts: tuple[Chart, ...]

    @property
    def full(self) -> set[str]:
        """Return the keys of charts that would stand alone where two have room, and so take the room of both."""
        alone: set[str] = set()
        pending: Chart | None = None
        for chart in self.charts:
            if chart.width is not None:
                alone |= {pending.key} if pending else set()
            pending = chart if pending is None and chart.width is None else None
        return alone | ({pending.key} if pending else set())


@dataclass(frozen=True)
class Body:
    """What stands below the tables."""

    sections: tuple[Section, ...]
    errors: Errors | None


def body_of(comparison: Comparison) -> Body:
    """Return the charts and the worst errors of the first block, which is the largest; the others have tables alone."""
    if not comparison.blocks:
        return Body((), None)
    block = comparison.blocks[0]
    rows = shown(block)
    judged = _judged(rows)
    found = {
        ("accuracy", "Who is best, and how surely"): [
            charts.accuracy(rows), trade_off(block, rows), charts.by_length(rows),
            matrices.sweep(comparison, block),
        ],
        ("training", "Training"): curves(rows),
        ("labels", "Label by label"): [charts.by_label(rows), *matrices.confusions(rows)],
        ("trust", "How far confidence can be trusted"): trust(rows, judged),
    }  # fmt: skip
    sections = [_section(key, heading, of) for (key, heading), of in found.items()]
    best = next((number for number, row in enumerate(rows.rows) if row is rows.best), None)
    errors = worst_errors(rows, judged[best]) if best in judged else None
    return Body(tuple(section for section in sections if section.charts), errors)


def _section(key: str, heading: str, found: Iterable[Chart | None]) -> Section:
    return Section(key, heading, tuple(chart for chart in found if chart is not None))


def _judged(rows: Shown) -> dict[int, Judged]:
    """Return the calibrated answers of a few rows by their number: of the first, and of the one beside the best."""
    wanted = [number for number, row in enumerate(rows.rows) if number < MOST or row is rows.other]
    return {number: one for number in wanted if (one := judge(rows.rows[number])) is not None}
