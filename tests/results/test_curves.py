"""Right answers -> points, samples that are even over projects, and what is written of them."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.results.curves import ANSWERS, KINDS, LINES, Point, has_length, point, summaries, to_table
from fusion.results.statistics import draw_evenly, project_interval
from fusion.results.table import to_csv, to_markdown
from fusion.screenshots import damage
from fusion.snippets import corrupt


def some_points(kind: str = "typos", answer: str = "text") -> list[Point]:
    projects = np.array(["a", "a", "b", "c"])
    return [point(kind, answer, value, np.arange(4) >= i % 4, projects) for i, value in enumerate(KINDS[kind].values)]


def test_every_damage_has_a_curve_that_begins_with_none():
    assert {*KINDS} == {"lines", "length", *corrupt.KINDS, *damage.KINDS}
    for name, kind in KINDS.items():
        assert len(kind.values) == len(kind.shown) and [*kind.values] == sorted(kind.values)
        assert name in ("lines", "length") or (kind.values[0] == 0 and kind.values[-1] <= 1)
    assert KINDS["jpeg"].shown[-1] == "5" and KINDS["blur"].shown[-1] == "3.0" and KINDS["scale"].shown[-1] == "4.0"


def test_a_point_is_the_share_of_right_answers_with_the_interval_over_projects():
    correct, projects = np.array([True, True, False, True]), np.array(["a", "a", "b", "c"])
    one = point("typos", "text", 0.05, correct, projects)
    assert (one.accuracy, one.snippets, one.projects, one.shown) == (0.75, 4, 3, "5")
    assert (one.low, one.high) == project_interval(correct, projects)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.integers(1, 40), st.integers(0, 9))
def test_samples_take_projects_in_turn(projects, limit, seed):
    chosen = draw_evenly(np.array(projects), limit, seed)
    assert len(chosen) == len({*chosen.tolist()}) == min(limit, len(projects))
    counts = {project: sum(projects[i] == project for i in chosen) for project in {*projects}}
    least = min([counts[project] for project in counts if counts[project] < projects.count(project)], default=limit)
    assert max(counts.values()) <= least + 1, "no project has two more than one that has more to give"
    assert draw_evenly(np.array(projects), limit, seed).tolist() == chosen.tolist()


def test_another_seed_takes_another_sample():
    projects = np.repeat(["a", "b"], 50)
    assert draw_evenly(projects, 10, 0).tolist() != draw_evenly(projects, 10, 1).tolist()


def test_first_lines_are_of_longer_snippets_and_each_length_counts_once():
    lines = np.arange(1, 60)
    assert has_length("lines", 12, lines).tolist() == (lines >= 12).tolist()
    assert sum(has_length("length", value, lines).astype(int) for value in LINES).tolist() == [1] * len(lines)
    assert lines[has_length("length", 8, lines)].tolist() == [6, 7, 8]
    assert lines[has_length("length", 40, lines)].tolist() == [*range(31, 60)]
    assert has_length("typos", 0.4, lines).all()


def test_all_points_are_rows_of_the_csv():
    points = some_points()
    rows = [*csv.DictReader(io.StringIO(to_csv(to_table(points))))]
    assert len(rows) == len(points) == 8
    assert [float(row["accuracy"]) for row in rows] == [1, 0.75, 0.5, 0.25] * 2
    assert rows[1]["value"] == "0.02" and rows[1]["shown"] == "2" and rows[1]["snippets"] == "4"
    assert all(float(row["low"]) <= float(row["accuracy"]) <= float(row["high"]) for row in rows)


def test_the_summary_has_a_row_a_curve_and_lines_and_damage_apart():
    points = some_points() + some_points("lines") + some_points("lines", ANSWERS["picture", "text"])
    lines, damages = summaries(points)
    assert [(row["lines"], row["answer"]) for row in lines.rows] == [("lines", "text"), ("lines", "picture, read")]
    assert lines.rows[0]["lines: 3"].startswith("0.500 [")
    (row,) = damages.rows
    assert row["strength 0"].startswith("1.000 [") and row["strength 0.1"].startswith("0.250 [")
    assert to_markdown(damages).startswith("| damage | answer | strength 0 |")
    assert summaries([]) == []


@pytest.mark.parametrize("kind", ["cover", "blur"])
def test_the_strengths_of_the_summary_are_measured(kind):
    (table,) = summaries(some_points(kind, ANSWERS["picture", "text"]))
    assert all(table.rows[0].values())
