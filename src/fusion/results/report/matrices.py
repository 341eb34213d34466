"""A block -> heat maps: of two keys that were swept, of what is taken for what."""

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from fusion.console import printable
from fusion.results.comparison import Block, Comparison, Row
from fusion.results.report.drawing import INK, WIDTH, Chart, add_tip, label_ticks, new_figure, styled, to_svg
from fusion.results.report.shown import Shown

BLUE, ORANGE = (0.0, 0.447, 0.698), (0.835, 0.369, 0.0)
ON_DARK = 0.85  # from this opacity on the text of a cell is white, in a light page too
FEW = 12  # labels of a matrix that fits a card
CELL = 16  # points, side of a cell of a larger one
SCALE = 1.2  # pixels a point of those, which scroll
MOST_VALUES = 16  # of a swept key


def shade(values: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """Values from 0 to 1 (R, C) -> one colour, as opaque as they are large, (R, C, 4): it suits light and dark."""
    return np.dstack([np.broadcast_to(colour, (*values.shape, 3)), values])


def sweep_grid(comparison: Comparison, block: Block) -> tuple[str, str, np.ndarray, list[str], list[str]] | None:
    """Return the two keys that are swept most fully, the mean accuracy of each pair of values, and these values.

    None with fewer than two keys of two values each. A pair that no row has is nan.
    """
    rows = [(row, reached) for row in block.rows if (reached := row.mean("metrics", "test", "accuracy")) is not None]
    best = None
    for first, second in itertools.combinations(comparison.keys, 2):
        cells: dict[tuple[str, str], list[float]] = {}
        for row, reached in rows:
            if first in row.keys and second in row.keys:
                cells.setdefault((row.keys[first], row.keys[second]), []).append(reached)
        down, across = (_ordered({pair[side] for pair in cells}) for side in (0, 1))
        longest = max(len(down), len(across))
        if min(len(down), len(across)) < 2 or longest > MOST_VALUES or len(cells) <= longest:  # keys that never cross
            continue
        fullness = (len(cells) / (len(down) * len(across)), len(cells))
        if best is None or fullness > best[0]:
            means = np.array([[np.mean(cells.get((one, other), [np.nan])) for other in across] for one in down])
            best = fullness, (first, second, means, down, across)
    return best and best[1]


def _ordered(values: set[str]) -> list[str]:
    """Return values in their order: as numbers where all are some."""
    try:
        return sorted(values, key=lambda value: (float(value), value))
    except ValueError:
        return sorted(values)


@styled
def sweep(comparison: Comparison, block: Block) -> Chart | None:
    """Return the heat map of two swept keys."""
    grid = sweep_grid(comparison, block)
    if grid is None:
        return None
    down, across, means, rows, columns = grid
    if len(columns) > len(rows):  # the longer side goes down, for a phone is high
        down, across, means, rows, columns = across, down, means.T, columns, rows
    figure, axes = new_figure(90 + 26 * len(rows))
    low, high = np.nanmin(means), np.nanmax(means)
    strength = 0.12 + 0.78 * (means - low) / max(high - low, 1e-9)
    axes.imshow(shade(np.nan_to_num(strength), BLUE), interpolation="none", aspect="auto")
    small = len(columns) > 6
    for (row, column), mean in np.ndenumerate(means):
        if np.isfinite(mean):
            words = f"{mean:.3f}".lstrip("0") if small else f"{mean:.3f}"
            text = _write(axes, row, column, words, strength[row, column], 8 if small else 10)
            add_tip(text, f"{down} {rows[row]}, {across} {columns[column]}: {mean:.4f}")
    label_ticks(axes, "x", columns, 9 if small else 14, rotation=45 if small else 0, ha="right" if small else "center")
    label_ticks(axes, "y", rows, 16)
    _frame(axes, across, down)
    heading = printable(f"{down} × {across}")
    reading = ("Test split. Mean accuracy of the rows with these two values; the darker, the better. Empty: no such "
               "run.")  # fmt: skip
    return Chart("sweep", heading, reading, to_svg(figure, "sweep", heading))


def confusions(shown: Shown) -> Iterator[Chart]:
    """Yield what the best row takes for what, the same of the other one, and the difference."""
    if shown.best is None:
        return
    labels = shown.best.rows.labels if shown.best.rows else ()
    best = shares(shown.best)
    reading = "Test split. A line of cells is a true label, a column an answer: the share of that label, in percent."
    yield _confusion("confusion", f"What is taken for what: {shown.name(shown.best)}", reading, best, labels)
    if shown.other is None:
        return
    other, name = shares(shown.other), shown.name(shown.other)
    yield _confusion("confusion-other", f"What is taken for what: {name}", reading, other, labels)
    reading = (f"Test split. {shown.name(shown.best)} less {name}, in points of percent of the true label: blue is "
               "more often, orange less often. Blue on the diagonal is good, elsewhere orange is.")  # fmt: skip
    yield _confusion("confusion-change", "The difference of the two", reading, best - other, labels)


def shares(row: Row) -> np.ndarray:
    """Return how often a true label (C) is given each answer (C), over all seeds, (C, C), as a share of the label."""
    assert row.rows is not None
    size = len(row.rows.labels)
    pairs = [row.rows.label.astype(int) * size + answers.predicted for answers in row.answers.values()]
    counts = np.bincount(np.concatenate(pairs), minlength=size * size).reshape(size, size)
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


@styled
def _confusion(key: str, heading: str, reading: str, values: np.ndarray, labels: tuple[str, ...]) -> Chart:
    size, is_large = len(labels), len(labels) > FEW
    width = CELL * size + 130 if is_large else WIDTH
    figure, axes = new_figure(width if is_large else 130 + 250 * size / (size + 2), width)
    strength = np.abs(values) / (max(np.abs(values).max(), 1e-9) if (values < 0).any() else 1)
    image = np.where(values[..., None] < 0, shade(strength, ORANGE), shade(strength, BLUE))
    axes.imshow(image, interpolation="none", aspect="equal" if is_large else "auto")
    for row, column in np.argwhere(np.abs(values) >= 0.005):
        value = 100 * values[row, column]
        words = f"{value:+.0f}" if (values < 0).any() else f"{value:.0f}"
        text = _write(axes, row, column, words, strength[row, column], 7 if is_large else 10 if size < 7 else 9)
        add_tip(text, f"{labels[row]} taken for {labels[column]}: {words} %")
    label_ticks(axes, "x", [*labels], 14, rotation=90 if is_large else 40, ha="center" if is_large else "right")
    label_ticks(axes, "y", [*labels], 14)
    _frame(axes, "answer", "true label")
    return Chart(key, heading, reading, to_svg(figure, key, heading), (), round(width * SCALE) if is_large else None,
                 is_large and key != "confusion")  # fmt: skip


def _write(axes: Axes, row: int, column: int, words: str, strength: float, size: float) -> Text:
    """Write into a cell and return the text; it is no part of the layout, which would ask for the place of each."""
    colour = "#ffffff" if strength > ON_DARK else INK
    text = axes.text(column, row, words, ha="center", va="center", color=colour, fontsize=size)
    text.set_in_layout(False)
    return text


def _frame(axes: Axes, across: str, down: str) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel=printable(across), ylabel=printable(down))
