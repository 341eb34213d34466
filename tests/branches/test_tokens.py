"""Bytes -> tokens: names, numbers, marks and ends of lines, whatever stands between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.branches.names import hash_word
from fusion.branches.ngrams import LINEAR_FEATURES, NUM_HASH_BUCKETS, Ngrams
from fusion.branches.tokens import tokens

any_text = st.text(st.characters(), max_size=80)


def read(text: str, known: tuple[str, ...] = ("for", "in", "return")) -> list[int]:
    hashes = np.array(sorted(hash_word(np.frombuffer(word.encode(), np.uint8)) for word in known), np.uint64)
    return tokens(np.frombuffer(text.encode("utf-8", "replace"), np.uint8), hashes).tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("for row in table:", "for  line in  texts :"),  # names that few use, blanks
        ("return 1", "return 23.5e4"),
        ("a;\n\n\n  b", "a;\n\tb"),
        ("x = '日本'", "x = '東京'"),
    ],
)
def test_what_says_the_same_is_the_same(one, other):
    assert read(one) == read(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("for row in table", "for row of table"),
        ("return fooBar", "return foo_bar"),  # shapes
        ("a -> b", "a - b"),
        ("a; b", "a;\nb"),
        ("xXx", "fooBar"),  # a name that looks like a shape is none
    ],
)
def test_what_says_something_else_is_not(one, other):
    assert read(one, ("for", "in", "of", "return", "xXx")) != read(other, ("for", "in", "of", "return", "xXx"))


@given(any_text)
def test_there_is_at_most_one_token_a_byte_and_none_in_blanks(text):
    assert len(read(text)) <= len(text.encode("utf-8", "replace"))
    assert read(" \t" + text.lstrip()) == read(text.lstrip())


def test_a_linear_model_reads_bytes_and_after_them_tokens():
    columns = Ngrams(["return"])(["return x"])
    ids = columns["linear_ids"][0][columns["linear_weight"][0] > 0]
    assert (ids < NUM_HASH_BUCKETS).any() and (ids >= NUM_HASH_BUCKETS).sum() == 3  # return, x, both
    assert ids.max() < LINEAR_FEATURES


def test_without_bags_the_bytes_as_they_are_need_not_be_read():
    columns = Ngrams(["return"], linear_only=True)(["  return x", "y"])
    for name, same in (("input_ids", "linear_ids"), ("weight", "linear_weight")):
        assert columns[name].data_ptr() == columns[same].data_ptr(), "the very same numbers"
