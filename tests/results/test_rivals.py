"""The table of rivals: figures that can be worked out by hand, and rows of tools that could not be asked."""

import numpy as np
import pytest

from fusion.results.rivals import Judged, Snippets, rivals_table
from fusion.results.table import to_csv, to_markdown


@pytest.fixture
def snippets() -> Snippets:
    label = np.array(["C", "Go"] * 20)
    group = np.array([f"p{n // 4}" for n in range(40)])
    return Snippets("as it stands", label, group, np.array([1, 4, 10, 99] * 10))


def test_each_tool_has_its_accuracy_and_its_paired_difference_to_the_run(snippets):
    all_right, half = Judged("nano", "1", snippets.label, ("C", "Go"), 0.5, 9.0), np.array(["C"] * 40)
    tools = [all_right, Judged("tool", "2", half, ("C",), None, None), Judged("same", "3", snippets.label, ("C", "Go"))]
    first, second, third = rivals_table([(snippets, tools)]).rows
    assert first["Accuracy"] == "1.000 [1.000, 1.000]" and first["Against the run"] == ""
    assert (first["Knows"], first["n"], first["ms"], first["MB"]) == ("2 of 2", "40", "0.50", "9.0")
    assert second["Accuracy"] == "0.500 [0.500, 0.500]" and second["Against the run"] == "-0.500 [-0.500, -0.500]"
    assert second["Against the run there"] == "+0.000 [+0.000, +0.000] tie"
    assert second["Knows"] == "1 of 2" and second["Where it knows the label"] == "1.000 [1.000, 1.000]"
    assert [second[f"{lines} lines"] for lines in ("1-2", "3-5", "6-15", "16-40")] == [
        "1.000",
        "0.000",
        "1.000",
        "0.000",
    ]
    assert second["ms"] == second["MB"] == "" and third["Against the run"] == "+0.000 [+0.000, +0.000] tie"


def test_a_difference_within_the_interval_is_a_tie(snippets):
    wrong_in_one = snippets.label.copy()
    wrong_in_one[0] = "Go"
    tools = [Judged("nano", predicted=snippets.label), Judged("tool", predicted=wrong_in_one)]
    assert rivals_table([(snippets, tools)]).rows[1]["Against the run"].endswith("+0.000] tie")


def test_a_tool_that_knows_none_of_the_labels_has_no_figure_for_those_it_knows(snippets):
    tools = [Judged("nano", predicted=snippets.label), Judged("tool", predicted=np.array([""] * 40, object))]
    row = rivals_table([(snippets, tools)]).rows[1]
    assert (
        row["Where it knows the label"] == "" and row["Accuracy"] == "0.000 [0.000, 0.000]" and row["Knows"] == "0 of 2"
    )


def test_what_could_not_be_asked_has_a_row_that_says_why(snippets):
    tools = [Judged("nano", predicted=snippets.label), Judged("tool", status="not\x1b installed")]
    table = rivals_table([(snippets, tools)], [("read by x", "no reader")])
    assert [row["Status"] for row in table.rows] == ["asked", "not\\x1b installed", "no reader"]
    assert table.rows[1]["Accuracy"] == "" and table.rows[2]["Text"] == "read by x"
    assert to_csv(table).count("\n") == 4 and "wrong" in to_markdown(table)


def test_labels_that_a_tool_tells_better_are_named(snippets):
    """Of C the run knows nothing, of Go all but one snippet of one project; a label of few projects is left out."""
    run = np.array(["Go"] * 40)
    run[1] = "C"
    tools = [Judged("nano", predicted=run), Judged("tool", predicted=snippets.label)]
    assert rivals_table([(snippets, tools)]).rows[1]["Ahead on"] == "C +1.00"
    few = Snippets("", snippets.label[:20], snippets.group[:20], snippets.lines[:20])
    tools = [Judged("nano", predicted=run[:20]), Judged("tool", predicted=snippets.label[:20])]
    assert rivals_table([(few, tools)]).rows[1]["Ahead on"] == ""
