"""run.json -> the first value in it that the tables could not read; what is missing may be missing."""

import reprlib
from types import NoneType
from typing import Any

TEXT = (str, NoneType)
NUMBER = (int, float, NoneType)  # null where it was none
OBJECT = (dict, NoneType)
SCORES = {"accuracy": NUMBER, "f1_macro": NUMBER, "f1_weighted": NUMBER, "accuracy_95": [NUMBER]}
RUN: dict[str, Any] = {  # a type, several in a tuple, a list of one kind, or an object of several
    "status": str,
    "pid": (int, NoneType),
    "host": TEXT,
    "fingerprint": TEXT,
    "split_hash": TEXT,
    "classes": [str],
    "overrides": [str],
    "resolved": {"text": TEXT, "text_options": OBJECT, "lr": NUMBER, "weights": OBJECT},
    "image": OBJECT,
    "metrics": {"val": SCORES, "test": SCORES},
    "timings": {"preparing_seconds": NUMBER, "training_seconds": NUMBER, "total_seconds": NUMBER},
    "config": dict.fromkeys(("backbone", "text", "render", "row"), OBJECT),
}


def first_violation(value: Any, kind: Any, name: str = "") -> str | None:
    """A value and what it must be -> None where it is, else where in it what stands, as "metrics.val=None"."""
    if isinstance(kind, dict) and isinstance(value, dict):
        inside = [(value[key], one, f"{name}.{key}".lstrip(".")) for key, one in kind.items() if key in value]
    elif isinstance(kind, list) and isinstance(value, list):
        inside = [(one, kind[0], f"{name}[{i}]") for i, one in enumerate(value)]
    elif isinstance(kind, (type, tuple)) and isinstance(value, kind):
        return None
    else:
        return f"{name}={reprlib.repr(value)}"
    return next((said for one in inside if (said := first_violation(*one))), None)
