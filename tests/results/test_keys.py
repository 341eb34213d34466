"""Configurations -> the keys that vary, and conditions on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.config.errors import UserError
from fusion.results.keys import Condition, keys_of, parse_conditions, telling, varying

CONFIG = {
    "name": "train", "runs": "runs", "seed": 1, "lr": "search", "epochs": 3, "source_size": [640, 448],
    "text": {"name": "codeberta", "dim": 3}, "backbone": {"name": "vgg16", "freeze": "all"},
    "data": {"kind": "packages", "set": "core"}, "row": {"name": "rakuten_x", "source": {"accuracy": 0.4}},
    "fusion": {"name": "concat", "hidden": [], "read": False}, "loss": {"l1": {"weights": 0.0}},
}  # fmt: skip
RUN = {"config": CONFIG, "seed": 1, "status": "completed",
       "resolved": {"lr": 0.01, "text": "nano", "text_options": {"name": "nano", "dim": 16}}}  # fmt: skip


def test_a_run_has_the_keys_one_types_with_what_was_really_used():
    assert keys_of(RUN) == {
        "lr": "search", "epochs": "3", "source_size": "640x448", "text": "nano", "text.dim": "16", "backbone": "vgg16",
        "backbone.freeze": "all", "data": "core", "data.kind": "packages", "row": "rakuten_x", "fusion": "concat",
        "fusion.hidden": "[]", "fusion.read": "false", "loss.l1.weights": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "typed"),
    [([256, 256], "256"), ([640, 448], "640x448"), (256, "256"), ("680x500", "680x500"), ([1], "[1]")],
)
def test_a_size_is_as_one_types_it(value, typed):
    assert keys_of({"config": {"backbone": {"name": "vgg16"}, "source_size": value}})["source_size"] == typed


@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=2, unique=True))
def test_different_numbers_are_different_values(pair):
    one, other = (keys_of({"config": {"lr": value}})["lr"] for value in pair)
    assert one != other and float(one) == pair[0]


def test_options_of_a_branch_that_is_not_there_are_none():
    text = keys_of(RUN | {"config": CONFIG | {"backbone": {"name": "none", "freeze": "all"}}})
    image = keys_of(RUN | {"config": CONFIG | {"text": {"name": "none", "dim": 3}}, "resolved": {}})
    assert text["backbone"] == "none" and not {"backbone.freeze", "source_size"} & text.keys()
    assert image["text"] == "none" and "text.dim" not in image and "source_size" in image
    assert keys_of({}) == {}


def test_only_what_differs_varies_and_what_follows_from_a_groups_name_does_not():
    all_keys = [
        {"lr": "1", "text": "nano", "backbone": "a", "backbone.width": "1", "backbone.freeze": "all", "old": "x"},
        {"lr": "1", "text": "nano", "backbone": "b", "backbone.width": "2", "backbone.freeze": "all"},
        {"lr": "1", "text": "nano", "backbone": "b", "backbone.width": "2", "backbone.freeze": "none"},
    ]  # fmt: skip
    assert varying(all_keys) == ["backbone", "backbone.freeze"]


def test_headline_keys_come_first():
    assert varying([{"epochs": "1", "lr": "1", "text": "a"}, {"epochs": "2", "lr": "2", "text": "b"}]) == [
        "text", "lr", "epochs",
    ]  # fmt: skip


@given(st.lists(st.fixed_dictionaries({"a": st.sampled_from("xyz"), "b": st.sampled_from("xyz")}), min_size=1))
def test_telling_keys_tell_rows_apart_as_well_as_all_do(all_keys):
    chosen = telling(all_keys, ["a", "b"])
    apart = [len({tuple(row[key] for key in keys) for row in all_keys}) for keys in (chosen, ["a", "b"])]
    assert apart[0] == apart[1] and set(chosen) <= set(varying(all_keys))


@pytest.mark.parametrize(
    ("word", "holds"),
    [
        ("text=nano", True), ("text=codeberta", False), ("text!=none", True), ("backbone = vgg16", True),
        ("lr=search", True), ("epochs>=3", True), ("epochs>3", False), ("epochs<3.5", True), ("epochs=3.0", True),
        ("seed=1", True), ("status=completed", True), ("fusion.hidden=[]", True), ("fusion.read=False", True),
        ("text<5", False), ("loss.l1.weights<=0", True),
    ],
)  # fmt: skip
def test_conditions(word, holds):
    (condition,) = parse_conditions([word], [RUN])
    assert condition.holds(RUN) is holds


def test_a_run_without_the_key_is_only_different():
    run = {"config": {"lr": 1}}
    assert Condition("epochs", "!=", "3").holds(run) and not Condition("epochs", "=", "3").holds(run)
    assert not Condition("epochs", "<", "3").holds(run)


@pytest.mark.parametrize(
    ("word", "words"),
    [("tex=none", "did you mean text"), ("text", "is no condition"), ("", "is no condition"), ("=x", "is no condition"),
     ("text~nano", "is no condition")],
)  # fmt: skip
def test_a_condition_that_is_none_is_an_error(word, words):
    with pytest.raises(UserError, match=words):
        parse_conditions([word], [RUN])
