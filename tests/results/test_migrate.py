"""Records of an older fusion read as today's."""

import json

import pytest

from fusion.config.errors import UserError
from fusion.results.migrate import upgrade
from fusion.results.record import SCHEMA, read_run

OLD = {
    "schema": 1, "status": "completed", "overrides": ["again=false", "+text.rung=v5", "lr=search", "render=seed0"],
    "config": {
        "again": False, "clip": None, "lr": 0.002, "text": {"name": "ladder", "rung": "v5"}, "backbone": {"variants": 2},
    },
    "text": "ladder", "weights": {"text": "random"}, "weights_from": {"text": "x"}, "device": "cpu",
    "rate_search": {"chosen": 0.002}, "metrics": {"val": {"accuracy": 0.5}}, "classes": ["a"],
}  # fmt: skip


def test_what_was_used_moves_to_resolved_and_what_was_asked_stays():
    new = upgrade(OLD)
    assert new["schema"] == SCHEMA
    assert new["resolved"] == {
        "text": "ladder", "text_options": {"name": "ladder", "variant": "v5"}, "lr": 0.002, "device": "cpu",
        "weights": {"text": "random"}, "weights_id": {"text": "x"},
    }  # fmt: skip
    assert new["config"] == {
        "rerun": False, "gradient_clip_val": None, "lr": "search", "text": {"name": "ladder", "variant": "v5"},
        "backbone": {"num_styles": 2},
    }  # fmt: skip
    assert not {"text", "weights", "weights_from", "device"} & new.keys()
    assert {key: new[key] for key in ("status", "metrics", "classes")} == {
        key: OLD[key] for key in ("status", "metrics", "classes")
    }


def test_options_are_shown_by_the_names_that_can_be_typed_today():
    assert upgrade(OLD)["overrides"] == ["rerun=false", "+text.variant=v5", "lr=search", "render=heig"]


def test_a_rate_that_was_asked_for_stays_in_the_configuration():
    new = upgrade({key: value for key, value in OLD.items() if key != "rate_search"})
    assert new["config"]["lr"] == new["resolved"]["lr"] == 0.002


def test_a_run_that_ended_before_it_had_a_text_branch_names_the_one_asked_for():
    assert upgrade({"status": "failed", "config": {"text": {"name": "nano"}}})["resolved"]["text"] == "nano"


def test_todays_records_and_a_run_that_has_just_begun_stay_as_they_are():
    for run in ({}, {"schema": SCHEMA, "text": "kept", "config": {"again": 1}}):
        assert upgrade(run) is run


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"weights": "hub"}, "resolved.weights='hub'"),
        ({"text": 5}, "resolved.text=5"),
        ({"config": "x"}, "config='x'"),
        ({"config": {"text": ["nano"]}}, r"text.*=\['nano'\]"),
        ({"overrides": [1]}, r"overrides\[0\]=1"),
        ({"overrides": "x"}, "overrides='x'"),
    ],
    ids=str,
)
def test_an_old_record_that_no_run_wrote_is_refused_by_name(tmp_path, change, named):
    (tmp_path / "run.json").write_text(json.dumps(OLD | change))
    with pytest.raises(UserError, match=named):
        read_run(tmp_path)
