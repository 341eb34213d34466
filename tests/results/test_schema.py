"""Which values of run.json the tables can read, and what they get where a value is missing."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.config.errors import UserError
from fusion.results.keys import parse_conditions
from fusion.results.record import read_run
from fusion.results.schema import first_violation, part
from fusion.results.tables import OF_RUNS, make_table


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


JUNK = st.sampled_from(
    [None, True, 0, -1, 1e308, "", "x", "\x1b[31m<b>", [], [None], [["x"]], {}, {"name": 3}, {"a": {"b": []}}]
)
WHOLE = {
    "schema": 2, "status": "completed", "seed": 0, "split_hash": "s", "classes": ["a", "b"], "temperature": 1.0,
    "error": None, "parameters": 3, "peak_memory_mb": 1.5, "pid": 1, "host": "h", "fingerprint": "f",
    "overrides": ["lr=1"], "image": {"source_size": [3, 4]}, "members": {"text": 0.5},
    "config": {"seed": 0, "lr": 0.1, "input_shape": 96, "backbone": {"name": "vgg16"}, "text": {"name": "nano"},
               "fusion": {"name": "concat", "read": False}, "render": {"highlight": "none"}, "row": {"name": "r"},
               "data": {"set": "core", "held_out": ["npm"]}},
    "resolved": {"text": "nano", "text_options": {"name": "nano"}, "lr": 0.1, "weights": {"text": "random"}},
    "metrics": {side: {"accuracy": 0.5, "f1_macro": 0.5, "f1_weighted": 0.5, "accuracy_95": [0.4, 0.6], "n": 9, "nll": 1.0,
                       "ece": 0.1, "situations": {"whole": {"all": 0.5}}} for side in ("val", "test")},
    "timings": {"total_seconds": 9.0, "training_seconds": 3.0},
}  # fmt: skip


def places(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = [places(inner, (*path, key)) for key, inner in value.items()] if isinstance(value, dict) else []
    return [path] * bool(path) + [place for of in below for place in of]


@given(st.lists(st.tuples(st.sampled_from(places(WHOLE)), JUNK), min_size=1, max_size=3))
def test_a_record_that_is_wrong_anywhere_is_refused_or_a_row_of_every_table(tmp_path_factory, changes):
    run = copy.deepcopy(WHOLE)
    for (*path, last), junk in changes:
        parent = run
        for key in path:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if isinstance(parent, dict):
            parent[last] = junk
    folder: Path = tmp_path_factory.mktemp("run")
    (folder / "run.json").write_text(json.dumps(run))
    try:
        read = read_run(folder)
    except UserError:
        return
    for name in OF_RUNS:
        make_table(name, {folder: read})
    parse_conditions(["status=x"], [read])[0].holds(read)
