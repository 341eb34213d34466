"""conf/data as the user wrote it -> the same, every value of a kind that can be used; before anything is read."""

from collections.abc import Mapping
from typing import Any

from fusion.config.errors import UserError, did_you_mean
from fusion.packages.manifest import REGISTRIES

COUNTS = ("limit", "per_package", "per_label", "workers", "scan")  # whole numbers from 1 on
NEVER_NULL = ("per_package",)
LISTS = ("languages", "registries", "held_out")  # one word stands for a list of one
WORDS = ("path", "name", "text_column", "label_column", "group_column", "split_column", "image_column")
NEEDED = ("text_column", "label_column")


def checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Raises UserError naming the first option that cannot be used, and what could be."""
    data = {key: _listed(key, value) if key in LISTS else value for key, value in data.items()}
    for key, value in data.items():
        if key in COUNTS and not (_is_whole(value, 1) or (value is None and key not in NEVER_NULL)):
            allowed = "" if key in NEVER_NULL else ", or null"
            shown = "null" if value is None else value
            raise UserError(f"data.{key}={shown} must be a whole number, at least 1{allowed}.")
        if key in WORDS:
            _check_word(key, value)
    if not _is_whole(data.get("seed", 0), 0):
        raise UserError(f"data.seed={data['seed']} must be a whole number, at least 0.")
    if not isinstance(data.get("streaming", False), bool):
        raise UserError(f"data.streaming={data['streaming']} must be true or false.")
    merge = data.get("merge", {})
    if not isinstance(merge, Mapping) or not all(isinstance(word, str) for pair in merge.items() for word in pair):
        raise UserError(f"data.merge={merge} must say what counts as what, such as '{{JSX: JavaScript}}' or '{{}}'.")
    _check_registries(data.get("registries", list(REGISTRIES)))
    return data | ({"delimiter": _delimiter(data["delimiter"])} if "delimiter" in data else {})


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _listed(key: str, value: Any) -> Any:
    found = [value] if isinstance(value, str) else value
    if found is not None and not (isinstance(found, list) and all(isinstance(word, str) for word in found)):
        raise UserError(f"data.{key}={value} must be a list of words, such as '[one,two]'.")
    return found


def _check_word(key: str, value: Any) -> None:
    if value is None and key not in NEEDED:
        return
    if key == "path" and not isinstance(value, str):
        raise UserError(f"data.path={value} must be one path; write a name of digits as ./{value}."
                        if isinstance(value, int) else f"data.path={value} must be one path.")  # fmt: skip
    if not isinstance(value, str) or (not value and key in NEEDED):
        shown = "null" if value is None else value
        raise UserError(f"data.{key}={shown} must be a name; write one of digits in quotes, as \"data.{key}='5'\".")


def _check_registries(names: Any) -> None:
    if not names:
        raise UserError(f"data.registries={names} has none; give some of {', '.join(REGISTRIES)}.")
    for name in names:
        if name not in REGISTRIES:
            raise UserError(
                f"data.registries={name} is not known{did_you_mean(name, REGISTRIES)}; give some of "
                f"{', '.join(REGISTRIES)}."
            )


def _delimiter(value: Any) -> str | None:
    """One character; the two of \\\\t are a tab, which no shell lets through easily."""
    value = "\t" if value == "\\t" else value
    if value is None or (isinstance(value, str) and len(value) == 1 and value not in '"\r\n'):
        return value
    raise UserError(f"data.delimiter={value} must be one character, such as \"data.delimiter=';'\", or null.")
