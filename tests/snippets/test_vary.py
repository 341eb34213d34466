"""Training texts as others would have written them: what changes, what does not, and that chance is keyed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.config.training import Vary
from fusion.snippets.vary import Varying, indented_otherwise, part_of, renamed, with_short_strings, without_comments

CODE = """def fetchRows(table_name):
    # all of them
    query = "select * from users"
    for row in run(query):
        print(table_name, row)

    return fetchRows
"""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_part_is_lines_of_the_text_and_each_range_of_lengths_is_as_frequent():
    parts = [part_of(CODE * 4, rng(seed)) for seed in range(300)]
    assert all(part in CODE * 4 for part in parts)
    lines = np.array([part.count("\n") + 1 for part in parts])
    shares = [(lines <= 2).mean(), ((lines > 2) & (lines <= 5)).mean(), (lines > 5).mean()]
    assert all(0.2 < share < 0.5 for share in shares), shares  # blank lines at an end are no part of it


def test_comments_go_and_what_only_looks_like_one_stays():
    assert "# all" not in without_comments(CODE) and "query" in without_comments(CODE)
    assert without_comments("#include <a.h>\n#define LONG_NAME 1") == "#include <a.h>\n#define LONG_NAME 1"
    assert without_comments("# one\n# two") == "# one\n# two"  # nothing else would be left


def test_strings_keep_their_quotes_and_nothing_else():
    assert with_short_strings(CODE) == CODE.replace("select * from users", "s")
    assert with_short_strings("a = 'b' + \"don't\"") == "a = 'b' + \"s\""
    assert with_short_strings(r'f("a \" bcdef", 1)') == 'f("s", 1)'


def test_a_name_of_several_parts_is_another_everywhere_and_of_the_same_shape():
    others = {renamed(CODE, rng(seed)) for seed in range(8)}
    assert len(others) > 2
    for other in others:
        assert other.startswith("def ") and "return " in other and "print(" in other
        name = other.split("return ")[1].strip()
        assert name[0].islower() and any(c.isupper() for c in name) and other.count(name) == 2


def test_indentation_is_another_and_means_the_same():
    others = {indented_otherwise(CODE, rng(seed)) for seed in range(20)}
    assert CODE not in others and len(others) == 3  # two, three or eight blanks; a tab only between braces
    assert "\t" in {indented_otherwise("a {\n  b;\n}", rng(seed)).split("b")[0][-1] for seed in range(20)}
    assert indented_otherwise("a\n   b\n  c", rng()) == "a\n   b\n  c"  # of no one width
    for other in others:
        assert [line.strip() for line in other.split("\n")] == [line.strip() for line in CODE.split("\n")]


@given(st.text(max_size=60), st.integers(0, 99))
def test_any_text_can_be_varied_and_none_becomes_empty(text, epoch):
    change = Varying(Vary(part=0.5, comments=0.5, strings=0.5, names=0.5, indentation=0.5), seed=0)
    varied = change(text, "id", epoch)
    assert varied == change(text, "id", epoch)
    assert bool(varied.strip()) == bool(text.strip())


@pytest.mark.parametrize("other", [("id", 1, 0), ("other", 0, 0), ("id", 0, 1)])
def test_chance_is_keyed_by_seed_epoch_and_id(other):
    id, epoch, seed = other
    chances = Vary(part=1.0)
    texts = [CODE * 5 + f"# {n}\n" for n in range(9)]
    assert [Varying(chances, 0)(text, "id", 0) for text in texts] != [
        Varying(chances, seed)(text, id, epoch) for text in texts
    ]


def test_nothing_is_changed_unless_it_is_asked_for():
    assert not Vary().changes and Varying(Vary(), 0)(CODE, "id", 3) == CODE
