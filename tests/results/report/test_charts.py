"""What charts are made of: fronts, grids, shares, epochs, bins; and how a figure becomes SVG of the page."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.results.judged_runs import answered, snippets, write_run
from tests.results.report.report_runs import compared, sweep, write

from fusion.console import printable
from fusion.results.comparison import compare
from fusion.results.report.charts import by_label
from fusion.results.report.costs import pareto
from fusion.results.report.drawing import INK, add_tip, new_figure, styled, to_svg
from fusion.results.report.matrices import shares, sweep_grid
from fusion.results.report.shown import shown
from fusion.results.report.training_curves import over_epochs
from fusion.results.report.trust import reliability


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), min_size=1))
def test_no_point_beats_one_of_the_front(points: list[tuple[float, float]]) -> None:
    front = pareto(points)
    beaten = {p for p in points if any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points)}
    assert set(front) == set(points) - beaten


def test_the_grid_of_the_two_keys_that_are_swept_most_fully(tmp_path: Path) -> None:
    comparison = compared(sweep(tmp_path))
    first, second, means, down, across = sweep_grid(comparison, comparison.blocks[0]) or pytest.fail("no grid")
    assert (first, second, down, across) == ("text", "lr", ["micro", "nano", "ngram"], ["0.001", "0.01", "0.1"])
    assert np.isnan(means).sum() == 2  # of 0.1 there is but one with figures
    one = compared([write(tmp_path / f"one{n}", options={"lr": n}) for n in range(3)])
    assert sweep_grid(one, one.blocks[0]) is None
    line = [("nano", 0.1), ("nano", 0.2), ("micro", 0.3), ("ngram", 0.4)]
    apart = compared([write(tmp_path / f"x{lr}", text=text, options={"lr": lr}) for text, lr in line])
    assert sweep_grid(apart, apart.blocks[0]) is None, "keys that never cross are no grid"


def test_labels_of_few_projects_have_no_interval(tmp_path: Path) -> None:
    rows = snippets(300, projects=9)
    rows["group"] = np.where(rows["label"] == "C", "p0", rows["group"])
    runs = write_run(tmp_path / "a", rows, rows["label"]) | write_run(
        tmp_path / "b", rows, answered(rows, 0.5, 1), text="micro", val=0.1
    )
    chart = by_label(shown(compare(runs).blocks[0]))
    tips = {found[1]: found[2] for found in re.finditer(r"<title>(\w+): ([^<]*)</title>", chart.svg)}
    assert "[" not in tips["C"] and tips["C"].endswith("of 1 project")
    assert "[" in tips["Go"] and "var(--better)" in chart.svg


def test_shares_are_of_the_true_label_over_all_seeds(tmp_path: Path) -> None:
    comparison = compared([write(tmp_path / str(seed), seed=seed) for seed in range(2)])
    (row,) = comparison.rows
    share = shares(row)
    accuracy = np.mean([one.correct.mean() for one in row.answers.values()])
    counts = np.bincount(row.rows.label)  # type: ignore[union-attr]
    assert share.sum(1) == pytest.approx(1) and share.diagonal() @ counts / counts.sum() == pytest.approx(accuracy)


def test_rows_of_one_name_are_told_apart(tmp_path: Path) -> None:
    block = compared([write(tmp_path / name) for name in ("20260101-aaaaaa", "20260102-bbbbbb")]).blocks[0]
    assert {name[-9:] for name in shown(block).names} == {" (aaaaaa)", " (bbbbbb)"}


def test_an_epoch_has_the_values_of_those_seeds_that_reached_it() -> None:
    runs = [
        [{"epoch": 1.0, "val_loss": 2.0}, {"epoch": 2.0, "val_loss": 1.0}],
        [{"val_loss": 4.0}, {"val_loss": float("nan")}],
        [],
    ]
    assert over_epochs(runs, "val_loss") == {1: [2.0, 4.0], 2: [1.0]}


def test_bins_of_confidence() -> None:
    points = reliability(np.array([0.31, 0.39, 1.0, 0.95]), np.array([True, False, True, True]))
    assert points == pytest.approx(np.array([[0.35, 0.5, 2], [0.975, 1, 2]]))


@styled
def drawn(key: str, label: str) -> str:
    figure, axes = new_figure(100)
    (line,) = axes.plot([0, 1], [0, 1], color=INK, clip_on=True)
    add_tip(line, label)
    axes.set_title(printable(label))
    return to_svg(figure, key, label)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_label_is_text_of_the_svg(label: str) -> None:
    root = ElementTree.fromstring(drawn("one", label))
    titles = ["".join(each.itertext()) for each in root.iter("title")]
    assert root.find("title") is not None and len(titles) == 2
    assert {each.tag for each in root.iter()} <= {
        "svg",
        "title",
        "defs",
        "clipPath",
        "g",
        "path",
        "use",
        "rect",
        "text",
    }


def test_ids_are_the_charts_own_and_colours_are_the_pages() -> None:
    one, two = (ElementTree.fromstring(drawn(key, "a")) for key in ("one", "two"))
    ids = [{each.get("id") for each in root.iter()} - {None} for root in (one, two)]
    assert ids[0] and not ids[0] & ids[1] and all(name.startswith("one-") for name in ids[0] if name)
    assert "var(--ink)" in drawn("one", "a") and INK not in drawn("one", "a") and drawn("one", "a") == drawn("one", "a")
