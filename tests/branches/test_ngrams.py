"""Hashed n-grams: rare names read as their shape, any text read, padding apart."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion.branches import restore, restore_tokenizer
from fusion.branches.ngrams import MAX_BYTES, MAX_NGRAM, NUM_HASH_BUCKETS, Ngrams, _bytes, _mask, train_ngrams

any_text = st.text(st.characters(), max_size=80)  # lone surrogates too


def masked(reader: Ngrams, text: str, blank: bool = False) -> str:
    return _mask(_bytes(text), reader._hashes, blank).tobytes().decode("utf-8", "replace")


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_names_that_enough_projects_use_are_kept_and_no_others():
    texts = ["return fetchRow(a1)", "return fetchRow(b2)", "return loadUser(c3)", "return loadUser(c3)"]
    reader = train_ngrams(texts, ["p", "q", "r", "r"], 2)
    assert reader.known == ["fetchRow", "return"]  # loadUser is used twice, by one project


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("return fetchUserRows", "return xXxXx"),
        ("HTTP_port80 += 1", "X_x0 += 1"),
        ("returned", "x"),
        ("__init__", "_x_"),
        ("a bb = 10", "a x = 10"),
        ("9return 9abc", "9return 9x"),
        ("日本 naïve", "日本 xïx"),
    ],
)
def test_unknown_names_are_read_as_their_shape(text, read):
    assert masked(Ngrams(["return"]), text) == read


@given(st.text("ab \t\n\r\f\v;", max_size=30))
def test_the_linear_member_reads_runs_of_white_space_as_one_blank(text):
    reader = Ngrams([])
    assert masked(reader, text, blank=True) == re.sub(r"\s\s+", " ", masked(reader, text))


def test_indentation_is_read_by_the_bags_and_not_by_the_linear_member():
    reader = Ngrams(["return"])
    two, four = reader(["  return"]), reader(["    return"])
    assert torch.equal(two["linear_ids"], four["linear_ids"]) and torch.equal(
        two["linear_weight"], four["linear_weight"]
    )
    assert not torch.equal(two["weight"], four["weight"])


def test_renaming_what_is_rare_changes_nothing_and_a_known_name_does():
    reader = Ngrams(["return", "while"])
    first = reader(["return fetchUserRows(my_key2);"])
    assert same(first, reader(["return buildPageNodes(an_id9);"]))
    assert not same(first, reader(["while fetchUserRows(my_key2);"]))


def test_counts_are_of_ngrams_of_one_to_five_bytes():
    out = Ngrams([])(["+-+-+-"])
    assert out["input_ids"].shape == (1, 2 * MAX_NGRAM)  # two of each length
    raw = np.log1p([3, 3, 3, 2, 2, 2, 2, 1, 1, 1])  # 6, 5, 4, 3 and 2 places
    assert np.allclose(np.sort(out["weight"][0]), np.sort(raw / np.linalg.norm(raw)), atol=1e-6)


@given(st.lists(any_text, max_size=4))
def test_any_texts_become_buckets_with_weights_of_length_one(texts):
    out = Ngrams(["return", "def"])(texts)
    ids, mask, weight = out["input_ids"], out["attention_mask"], out["weight"]
    assert ids.shape == mask.shape == weight.shape and len(ids) == len(texts)
    assert (ids.dtype, mask.dtype, weight.dtype) == (torch.int64, torch.bool, torch.float32)
    assert ((ids >= 0) & (ids < NUM_HASH_BUCKETS)).all() and weight.isfinite().all()
    for row, text in enumerate(texts):
        present = ids[row][mask[row]].tolist()
        assert len(set(present)) == len(present)
        assert weight[row].norm().item() == pytest.approx(1.0 if text else 0.0, abs=1e-5)


@given(any_text, any_text)
def test_a_text_is_read_alike_alone_and_beside_others(text, other):
    reader = Ngrams(["return"])
    alone, beside = reader([text]), reader([other, text])
    mask = beside["attention_mask"][1]
    for key in ("input_ids", "weight"):
        assert torch.equal(alone[key][0][alone["attention_mask"][0]], beside[key][1][mask])
        assert (beside[key][1][~mask] == 0).all()
    length = int((alone["linear_weight"] > 0).sum())
    for key in ("linear_ids", "linear_weight"):
        assert torch.equal(alone[key][0, :length], beside[key][1, :length]) and (beside[key][1, length:] == 0).all()


@given(
    st.lists(any_text, min_size=1, max_size=3), st.sets(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{1,9}", fullmatch=True))
)
def test_json_restores_the_same_reader(texts, known):
    reader = Ngrams(known)
    content = reader.to_json()
    json.loads(content)
    again = restore_tokenizer(content, {"name": "nano"})
    assert again.to_json() == content and same(again(texts), reader(texts))


@given(st.lists(any_text, min_size=1, max_size=5))
def test_learning_from_any_texts_keeps_only_names(texts):
    reader = train_ngrams(texts, [str(i) for i in range(len(texts))], 1)
    assert all(word.isascii() and word.isidentifier() and len(word) > 1 for word in reader.known)
    assert all(masked(reader, text) == _bytes(text).tobytes().decode() for text in texts)


def test_only_the_start_of_a_long_text_is_read():
    reader = Ngrams([])
    start = "(+)" * (MAX_BYTES // 3 + 1)
    assert same(reader([start]), reader([start + "{}" * 10_000]))


def test_every_text_needs_its_project():
    with pytest.raises(ValueError, match="zip"):
        train_ngrams(["a", "b"], ["p"], 1)


def test_a_text_that_says_one_thing_very_often_is_counted():
    assert Ngrams([])([";" * MAX_BYTES])["weight"].isfinite().all()


def test_each_bag_has_a_hash_of_its_own_and_each_over_all_of_its_bag():
    module = restore({"name": "nano", "buckets": 4096, "num_hashes": 4, "dim": 2, "ngram_dropout": 0.5})
    buckets = torch.arange(NUM_HASH_BUCKETS)
    rows = torch.stack([module.rows(buckets, k) - 4096 * k for k in range(4)])  # (num_hashes, NUM_HASH_BUCKETS)
    assert all(len(row.unique()) == 4096 for row in rows)
    meet = (rows[:, :2000, None] == rows[:, None, :2000]).all(0)
    assert meet.sum() == 2000  # no two n-grams meet in every bag
    assert module.state_dict()["bag"].dtype == torch.float16 and module.bag.dtype == torch.float32


def test_ngram_dropout_is_of_training_alone():
    torch.manual_seed(0)
    module = restore({"name": "nano", "buckets": 512, "num_hashes": 2, "dim": 4, "ngram_dropout": 0.5})
    given_text = Ngrams([])(["int main(void) { return 0; }"])
    with torch.no_grad():
        assert not torch.equal(module.train()(given_text), module(given_text))
        assert torch.equal(module.eval()(given_text), module(given_text))
