"""The ladder: what a variant reads, what padding and dropout do, bytes as a tokenizer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion.branches import restore, restore_tokenizer
from fusion.branches.ladder import VARIANTS
from fusion.branches.tokenizer import CLS, SEP, SPECIAL, Bytes
from fusion.results import ladder as table

SIZES = {"vocabulary": Bytes.vocabulary, "max_tokens": 32, "dim": 16, "blocks": 2, "heads": 4, "dropout": 0.5}
TEXTS = ["x = 1", "def f(a, b):\n    return a", "#include <stdio.h>"]


def make(variant: str):
    torch.manual_seed(0)
    return restore({"name": "ladder", "variant": variant, **SIZES})


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_the_first_two_variants_see_no_text(variant):
    with torch.no_grad():
        out = make(variant).eval()(Bytes(32)(TEXTS))
    assert torch.equal(out[0], out[1]) and torch.equal(out[0], out[2])


@pytest.mark.parametrize(("variant", "ordered"), [("v1m", False), ("v2m", False), ("v3", True), ("v5m", True)])
def test_a_mean_forgets_the_order_and_attention_does_not(variant, ordered):
    with torch.no_grad():
        out = make(variant).eval()(Bytes(32)(["abcd", "dcba"]))
    assert torch.allclose(out[0], out[1], atol=1e-6) != ordered


@pytest.mark.parametrize("variant", VARIANTS)
def test_dropout_is_on_in_training_and_off_after(variant):
    module, given_text = make(variant), Bytes(32)(TEXTS)
    with torch.no_grad():
        assert not torch.equal(module.train()(given_text), module(given_text))
        assert torch.equal(module.eval()(given_text), module(given_text))


def test_v3_has_one_head_and_v4_several():
    assert make("v3").mixing[0].heads == 1 and make("v4").mixing[0].heads == 4
    assert len(make("v5").mixing) == 2


def test_every_variant_has_its_line_in_the_table():
    assert set(VARIANTS) <= set(table.DESCRIPTIONS)


@given(st.text(max_size=60))
def test_bytes_give_every_text_back(text):
    tokens = Bytes(1000)
    coded = tokens([text, "a longer one to pad for"])
    ids = coded["input_ids"][0][coded["attention_mask"][0]].tolist()
    assert tokens.decode(ids) == text.encode("utf-8", "replace").decode()
    assert ids[0] == SPECIAL.index(CLS) and ids[-1] == SPECIAL.index(SEP)


def test_bytes_are_cut_at_max_tokens_and_restored_from_json():
    coded = Bytes(8)(["abcdefghij", "日本語"])
    assert coded["input_ids"].shape == (2, 8)
    again = restore_tokenizer(Bytes(8).to_json(), {"name": "ladder", "max_tokens": 8})
    assert torch.equal(again(["abcdefghij"])["input_ids"], coded["input_ids"][:1])
