"""Damaged texts: nothing at strength 0, all that a kind can do at strength 1, and chance is keyed."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.snippets.corrupt import CONFUSED, KINDS, NEIGHBOURS, corrupt

CODE = """def fetch_rows(table):
    # all 150 of them
    query = "select * from users"
    for row in run(query):
        print(table, row)

    return 1
"""
kinds, strengths, seeds = st.sampled_from([*KINDS]), st.floats(0, 1), st.integers(0, 99)


def damaged(kind: str, strength: float, seed: int = 0, text: str = CODE) -> str:
    return corrupt(text, kind, strength, np.random.default_rng(seed))


@given(st.text(max_size=60), kinds, seeds)
def test_strength_0_changes_nothing(text, kind, seed):
    assert damaged(kind, 0.0, seed, text) == text


@given(st.text(min_size=1, max_size=60), kinds, strengths, seeds)
def test_any_text_can_be_damaged_the_same_seed_repeats_it_and_something_is_left(text, kind, strength, seed):
    first = damaged(kind, strength, seed, text)
    assert first and first == damaged(kind, strength, seed, text)
    assert bool(first.strip()) == bool(text.strip())


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_damages_otherwise_and_more_strength_damages_more(kind):
    if kind != "cut_lines":  # in which there is no chance
        assert len({damaged(kind, 0.5, seed) for seed in range(9)}) > 1
    assert damaged(kind, 1.0) != CODE
    changed = [sum(damaged(kind, strength, seed) != CODE for seed in range(200)) for strength in (0.01, 0.1, 1.0)]
    assert changed == sorted(changed) and changed[-1] == 200


@given(st.text(max_size=60), strengths, seeds)
def test_scrambling_keeps_the_class_of_every_character(text, strength, seed):
    classes = {
        "scramble_letters": str.isalpha, "scramble_digits": str.isdigit,
        "scramble_punctuation": string.punctuation.__contains__,
    }  # fmt: skip
    for kind, is_meant in classes.items():
        scrambled = damaged(kind, strength, seed, text)
        assert len(scrambled) == len(text)
        for old, new in zip(text, scrambled, strict=True):
            assert is_meant(new) if is_meant(old) else new == old


@given(st.text(max_size=60), strengths, seeds)
def test_scrambled_white_space_leaves_the_rest_and_invents_none(text, strength, seed):
    scrambled = damaged("scramble_white_space", strength, seed, text)
    if text.strip():
        assert "".join(scrambled.split()) == "".join(text.split())
    blanks = [character for character in text if character.isspace()]
    assert all(blanks.count(c) >= scrambled.count(c) for c in {*scrambled} if c.isspace())


def test_scrambling_takes_the_share_that_was_asked_for_and_keeps_capitals():
    text = "aB" * 2000
    scrambled = damaged("scramble_letters", 0.4, 0, text)
    share = np.mean([old != new for old, new in zip(text, scrambled, strict=True)])
    assert abs(share - 0.4 * 25 / 26) < 0.03
    assert [c.isupper() for c in scrambled] == [c.isupper() for c in text]


def test_typos_hit_their_share_of_the_visible_characters_and_no_blanks():
    text = "lorem ipsum\n" * 400
    typed = damaged("typos", 0.1, 0, text)
    assert [*filter(str.isspace, typed)] == [*filter(str.isspace, text)]
    lines = zip(text.split("\n"), typed.split("\n"), strict=True)
    assert 0.5 < np.mean([old != new for old, new in lines]) < 0.75  # 1 - 0.9 ** 10 = 0.65; some look as before


def test_neighbours_lie_beside_each_other_on_the_keyboard():
    assert {*"qwsz"} == {*NEIGHBOURS["a"]} and {*NEIGHBOURS["G"]} == {*"FHTYVB"}
    assert all(key.lower() in NEIGHBOURS[other].lower() for key, others in NEIGHBOURS.items() for other in others)


def test_readers_confuse_what_looks_alike_and_lose_underscores_and_blanks():
    assert damaged("ocr", 1.0, 0, "m;") == "rn:" and damaged("ocr", 1.0, 0, "clvv") == "dw"
    assert {damaged("ocr", 1.0, seed, "l") for seed in range(40)} == {*CONFUSED[0]} - {"l"}
    assert {damaged("ocr", 1.0, seed, "a b_") for seed in range(40)} == {"ab", "a  b", "ab ", "a  b "}


def test_lines_are_cut_at_one_column():
    assert damaged("cut_lines", 0.5, 0, "abcdef\nab\n\nabcd") == "abc\nab\n\nabc"
    assert damaged("cut_lines", 1.0, 0, "abcdef\nab") == "a\na"
    assert damaged("cut_lines", 1.0, 0, "  abc") == "a"  # of nothing but blanks the first character is shown


def test_lines_are_lost_at_the_start_or_at_the_end():
    lost = {damaged("lost_lines", 0.5, seed, "a\nb\nc\nd") for seed in range(20)}
    assert lost == {"a\nb\n", "c\nd"}
    assert {damaged("lost_lines", 1.0, seed, "a\nb\nc\n") for seed in range(20)} == {"a\n", "c\n"}
    left = [damaged("lost_lines", 0.1, seed, "a\nb\nc\nd").count("\n") for seed in range(2000)]
    assert 2.55 < np.mean(left) < 2.85  # 3.6 lines, of which the last has no end where it is there


def test_lost_indentation_leaves_the_lines():
    assert damaged("indentation", 1.0) == "\n".join(line.strip() for line in CODE.split("\n"))
    assert damaged("indentation", 0.5) not in (CODE, damaged("indentation", 1.0))
