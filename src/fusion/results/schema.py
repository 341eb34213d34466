"""What the tables read of run.json: which types its values may have, and how to reach them where they are missing."""

import reprlib
from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal

MetricName = Literal["accuracy", "f1_macro", "f1_weighted"]  # of metrics, those that rank rows and are compared
TEXT = (str, NoneType)
NUMBER = (int, float, NoneType)  # null where it was none
OBJECT = (dict, NoneType)
SCORES = {
    "accuracy": NUMBER, "f1_macro": NUMBER, "f1_weighted": NUMBER, "accuracy_95": [NUMBER], "n": NUMBER,
    "nll": NUMBER, "ece": NUMBER, "coverage_at_95_precision": NUMBER, "situations": {"whole": OBJECT},
}  # fmt: skip
# A type, several in a tuple, a list of one kind, or an object of several. Any key may be missing.
RUN: dict[str, Any] = {
    "status": str,
    "seed": NUMBER,
    "error": TEXT,
    "pid": (int, NoneType),
    "host": TEXT,
    "fingerprint": TEXT,
    "split_hash": TEXT,
    "classes": [str],
    "overrides": [str],
    "resolved": {"text": TEXT, "text_options": OBJECT, "lr": NUMBER, "weights": OBJECT},
    "image": OBJECT,
    "metrics": {"val": SCORES, "test": SCORES},
    "timings": dict.fromkeys(("preparing_seconds", "training_seconds", "total_seconds", "ms_per_sample"), NUMBER),
    "parameters": NUMBER,
    "peak_memory_mb": NUMBER,
    "temperature": NUMBER,
    "members": OBJECT,
    "config": dict.fromkeys(("backbone", "text", "fusion", "render", "row"), OBJECT),
}


def first_violation(value: Any, allowed: Any = RUN, name: str = "") -> str | None:
    """Return the first value that is of another type than allowed, as "metrics.val=None"; None where all is well."""
    if isinstance(allowed, dict) and isinstance(value, dict):
        parts = [(value[key], inner, f"{name}.{key}".lstrip(".")) for key, inner in allowed.items() if key in value]
    elif isinstance(allowed, list) and isinstance(value, list):
        parts = [(item, allowed[0], f"{name}[{i}]") for i, item in enumerate(value)]
    elif isinstance(allowed, (type, tuple)) and isinstance(value, allowed):
        return None
    else:
        return f"{name}={reprlib.repr(value)}"
    return next((violation for part in parts if (violation := first_violation(*part))), None)


def part(run: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return an object of run.json, such as part(run, "metrics", "val"); {} where it is missing or null."""
    for key in keys:
        run = run.get(key) or {}
    return dict(run)
