"""Rows of characters -> line numbers."""

from dataclasses import replace

import numpy as np
from tests.reading.test_pane import LINE, cells_at, code, together

from fusion.reading.alphabet import CHARACTERS
from fusion.reading.cells import Cells
from fusion.reading.gutter import counted, find_gutter, numbered_rows, split_gutter
from fusion.reading.row import Row


def rows(*lines: str, looks: float = 0.0) -> list[Row]:
    """looks: how much every leading digit looks like a line number to the network."""
    found = []
    for index, line in enumerate(lines):
        columns = [column for column, character in enumerate(line) if character != " "]
        if columns:
            classes = np.array([CHARACTERS.index(line[column]) for column in columns])
            leading = len(line) - len(line.lstrip(" 0123456789"))
            numbers = np.array([looks if column < leading else 0.0 for column in columns])
            found.append(Row(index, index * 18.0, np.array(columns), classes, np.ones(len(columns)), numbers))
    return found


def test_numbers_that_count_up_beside_code_are_a_gutter() -> None:
    assert find_gutter(rows(" 9  x = 1", "10", "11  y")) == (1, [9, 10, 11])


def test_a_gap_in_the_pane_does_not_stop_the_count() -> None:
    assert find_gutter(rows("1  a", "", "3  b", "4  c"))[1] == [1, 3, 4]


def test_numbers_that_touch_the_code_are_part_of_it() -> None:
    assert find_gutter(rows("1+1", "2+2", "3+3")) == (None, [None] * 3)


def test_numbers_that_do_not_count_up_are_code_unless_they_look_like_a_gutter() -> None:
    folded = rows("10  a", "20  b", "35  c")
    assert find_gutter(folded) == (None, [None] * 3)
    assert find_gutter(rows("10  a", "20  b", "35  c", looks=0.9)) == (1, [10, 20, 35])


def test_lines_without_a_number_may_stand_between() -> None:
    assert find_gutter(rows("1  a", "   wrapped", "2  b", "3  c", looks=0.9))[1] == [1, None, 2, 3]


def test_no_rows_have_no_gutter() -> None:
    assert find_gutter([]) == (None, [])


def test_a_terminal_below_is_no_part_of_the_numbered_pane() -> None:
    drawn = rows("7  a", "8  b", "l  c", "", "$ run", "1 passed", looks=0.0)
    assert numbered_rows(drawn, [7, 8, None, None, None], 18.0) == range(3), "a number that was misread counts"


def test_rows_between_numbers_are_of_the_pane() -> None:
    drawn = rows("1  a", "   wrapped", "2  b")
    assert numbered_rows(drawn, [1, None, 2], 18.0) == range(3)


def test_a_digit_that_was_misread_goes_by_its_neighbours() -> None:
    drawn = rows("7 a", "8 b", "3 c", "10 d", "11 e")
    assert counted(drawn, [7, 8, 3, 10, 11]) == [7, 8, 9, 10, 11]
    assert counted(drawn, [10, 20, 35, None, 50]) == [10, 20, 35, None, 50], "numbers of folded code stay"


def numbered(count: int, sign: str = "7", below: float = 0.0) -> Cells:
    """Code in `count` lines with a number before each, and one more line of code that far below them, in lines."""
    pane = together(code(count, 30, 80.0, 50.0), code(1, 30, 80.0, 50.0 + (count - 1 + below) * LINE))
    column = cells_at(np.full(count, 40.0), 50.0 + np.arange(count) * LINE, sign=sign)
    roles = np.tile([0.9, 0.0], (count, 1))
    return together(pane, replace(column, roles=roles))


def test_what_the_network_takes_for_numbers_is_cut_off_where_it_is_digits() -> None:
    cells, numbers = split_gutter(numbered(6, below=1.0))
    assert numbers is not None and len(numbers) == 6 and len(cells) == 7 * 30
    cells, numbers = split_gutter(numbered(6, sign="c"))
    assert numbers is None and len(cells) == 7 * 30 + 6, "a column of letters is code"


def test_a_terminal_far_below_the_last_number_is_another_pane() -> None:
    cells, numbers = split_gutter(numbered(6, below=5.0))
    assert numbers is not None and len(cells) == 6 * 30


def test_labels_in_a_few_lines_are_no_gutter_whatever_the_network_says() -> None:
    drawn = rows("   a", "10 b", "   c", "   d", "20 e", "   f", "   g", "   h", looks=0.9)
    assert find_gutter(drawn) == (None, [None] * 8)
