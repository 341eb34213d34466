"""Byte-level BPE: gives every text back, keeps white space, survives its own JSON."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion.branches import restore_tokenizer
from fusion.branches.tokenizer import CLS, PAD, SEP, SPECIAL, Bpe, _readable, train_tokenizer

CODE = "\n".join(f"class A{i}:\n    def f(self):\n        return self.x[{i}] == 'é'\n" for i in range(20))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([CODE], 500)


def back(bpe: Bpe, text: str) -> str:
    coded = bpe([text])
    special = {bpe.tokenizer.token_to_id(name) for name in SPECIAL}
    ids = [number for number in coded["input_ids"][0].tolist() if number not in special]
    return bpe.tokenizer.decode(ids, skip_special_tokens=False)


@given(st.text())
def test_every_text_comes_back_unchanged(tokenizer, text):
    assert back(Bpe(tokenizer, 10_000), text) == text


@given(st.text(" \t\n\r\x0b\x0c\u00a0\u2028ab("))
def test_white_space_comes_back_unchanged(tokenizer, text):
    assert back(Bpe(tokenizer, 10_000), text) == text


@pytest.mark.parametrize("text", ["a [SEP] b", "[MASK]", "x[PAD]", "if a[CLS]:"])
def test_code_that_spells_a_special_token_is_read_as_code(tokenizer, text):
    assert back(Bpe(tokenizer, 100), text) == text


def test_a_line_end_and_its_indentation_are_one_token(tokenizer):
    tokens = tokenizer.encode("class A:\n    def f(self):\n        return").tokens
    assert "Ċ" + "Ġ" * 4 in tokens and "Ċ" + "Ġ" * 8 in tokens
    assert tokenizer.encode("a\n\tb").ids != tokenizer.encode("a\n    b").ids


def test_a_text_stands_between_its_ends_and_padding_is_masked(tokenizer):
    bpe = Bpe(tokenizer, 100)
    coded = bpe(["a", CODE[:60]])
    ids, mask = coded["input_ids"], coded["attention_mask"]
    assert ids.dtype == torch.int64 and mask.dtype == torch.bool and ids.shape == mask.shape
    first = ids[0][mask[0]]
    assert (first[0], first[-1]) == (tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP))
    assert (ids[0][~mask[0]] == tokenizer.token_to_id(PAD)).all() and not mask[0].all()
    assert mask[1].all()  # no wider than the longest


def test_long_texts_are_cut_and_keep_their_ends(tokenizer):
    ids = Bpe(tokenizer, 12)([CODE])["input_ids"]
    assert ids.shape == (1, 12)
    assert (ids[0, 0], ids[0, -1]) == (tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP))


def test_the_vocabulary_is_no_larger_than_asked_and_holds_every_byte(tokenizer):
    assert tokenizer.get_vocab_size() <= 500
    coded = tokenizer.encode("".join(map(chr, range(1, 0x180))))
    assert tokenizer.token_to_id("[UNK]") not in coded.ids


def test_the_same_texts_train_the_same_tokenizer():
    assert train_tokenizer([CODE], 400).to_str() == train_tokenizer([CODE], 400).to_str()


def test_lone_surrogates_are_replaced_and_nothing_else(tokenizer):
    assert _readable("a\udce9b 日本 \U0001f600") == "a?b 日本 \U0001f600"
    assert Bpe(tokenizer, 100)(["\ud800"])["attention_mask"].all()


@given(st.lists(st.text(st.characters(), max_size=40), min_size=1, max_size=4))
def test_json_restores_the_same_tokenizer(tokenizer, texts):
    bpe = Bpe(tokenizer, 20)
    again = restore_tokenizer(bpe.to_json(), {"name": "scratch", "max_tokens": 20})
    before, after = bpe(texts), again(texts)
    assert all(torch.equal(before[key], after[key]) for key in ("input_ids", "attention_mask"))
    assert again.to_json() == bpe.to_json()


def test_a_foreign_padding_token_is_found(tokenizer):
    from tokenizers import Tokenizer, models, pre_tokenizers

    foreign = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "a": 2}, unk_token="<s>"))
    foreign.pre_tokenizer = pre_tokenizers.Whitespace()
    coded = Bpe(foreign, 10)(["a a a", "a"])
    assert coded["input_ids"].tolist() == [[2, 2, 2], [2, 1, 1]]
