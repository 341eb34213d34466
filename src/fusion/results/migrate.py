"""run.json of an older fusion -> the same in today's schema."""

from collections.abc import Mapping
from typing import Any

from fusion.config.renamed import RENAMED, RENAMED_CHOICES, with_new_names

# schema 1: at the top level what is now a field of `resolved`
NOW_RESOLVED = {"text": "text", "weights": "weights", "weights_from": "weights_id", "device": "device"}


def upgrade(run: Any) -> Any:
    """Return a record in today's schema. What is malformed or newer stays as it is, for a reader to refuse."""
    is_older = isinstance(run, dict) and "config" in run and run.get("schema", 1) in range(2)
    return _from_1(run) if is_older else run


def _from_1(run: dict[str, Any]) -> dict[str, Any]:
    """Return schema 1 as schema 2, which has today's names and tells what was asked (config) from what was used."""
    upgraded = {key: value for key, value in run.items() if key not in NOW_RESOLVED} | {"schema": 2}
    resolved = {new: run[old] for old, new in NOW_RESOLVED.items() if old in run}
    if isinstance(run["config"], Mapping):
        config = upgraded["config"] = with_new_names(run["config"])
        text = config.get("text")  # like lr, it was changed to what was used
        resolved |= {"lr": config.get("lr"), "text_options": text}
        if isinstance(text, Mapping):
            resolved.setdefault("text", text.get("name"))
        if "rate_search" in run:
            config["lr"] = "search"
    if isinstance(run.get("overrides"), list):
        upgraded["overrides"] = [_renamed(word) if isinstance(word, str) else word for word in run["overrides"]]
    return upgraded | {"resolved": resolved}


def _renamed(override: str) -> str:
    """again=true -> rerun=true."""
    word = override.lstrip("+~")
    key, equals, value = RENAMED_CHOICES.get(word, word).partition("=")
    return override[: len(override) - len(word)] + RENAMED.get(key, key) + equals + value
