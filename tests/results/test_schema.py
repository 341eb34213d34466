"""Which values of run.json the tables can read, and what they get where a value is missing."""

import pytest

from fusion.results.schema import first_violation, part


@pytest.mark.parametrize(
    "run",
    [
        {}, {"unknown": object()}, {"pid": None, "host": None, "resolved": {}, "metrics": {}},
        {"metrics": {"val": {"accuracy": None, "accuracy_95": [0, 0.5]}}, "config": {"row": None, "seed": "any"}},
    ],
)  # fmt: skip
def test_what_is_missing_null_or_unknown_can_be_read(run):
    assert first_violation(run) is None


@pytest.mark.parametrize(
    ("run", "violation"),
    [
        (None, "=None"),
        ({"metrics": {"test": {"f1_macro": "0.5"}}}, "metrics.test.f1_macro='0.5'"),
        ({"metrics": {"val": {"accuracy_95": [0.1, {}]}}}, "metrics.val.accuracy_95[1]={}"),
        ({"status": 1, "pid": "x"}, "status=1"),
        ({"classes": "a"}, "classes='a'"),
    ],
)
def test_the_first_value_of_another_type_is_named_by_its_place(run, violation):
    assert first_violation(run) == violation


def test_an_object_that_is_missing_or_null_is_empty():
    run = {"metrics": {"val": {"accuracy": 0.5}, "test": None}, "image": None}
    assert part(run, "metrics", "val") == {"accuracy": 0.5}
    assert part(run, "metrics", "test") == part(run, "image") == part(run, "timings", "deeper") == part({}, "x") == {}
