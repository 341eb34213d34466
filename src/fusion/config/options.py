"""A dict of options -> a frozen dataclass, every value checked; and the words for what each value may be.

The classes of this folder say what an option is: its annotation is its type, its pydantic Field holds the bounds
and the help. Errors, --help and docs/options.md all come from there.
"""

import dataclasses
import json
import math
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from fusion.config.errors import UserError, did_you_mean

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)


def parse(kind: Any, given: Any, within: str = "") -> Any:
    """Return the options as an instance of `kind`, a dataclass or a union of them.

    within: the dotted name of the options, where they are a part of a configuration. Raises UserError for the first
    value that its option cannot have.
    """
    try:
        # as JSON: there a strict check takes an object for a dataclass and a list for a tuple, and true for no number
        return TypeAdapter(kind).validate_json(json.dumps(given, default=str))
    except ValidationError as error:
        raise _explain(error.errors(include_url=False)[0], kind, given, within) from None


def _explain(error: Mapping[str, Any], kind: Any, given: Any, within: str) -> UserError:
    """Return the first thing that pydantic found wrong, as a sentence that names the value and what it may be."""
    if error["type"] == "json_invalid":
        return UserError(f"{within or 'A value'} holds a character that is not UTF-8; rename it.")
    key, value, field = within, given, None
    for part in error["loc"]:
        found = fields(kind, value).get(str(part))
        if found is None:
            if isinstance(value, Mapping) and part in (value.get("name"), value.get("kind")):
                continue  # the tag of a union
            break  # a place inside of a value that is explained as a whole
        kind, field = found.annotation, found
        key, value = f"{key}.{part}" if key else str(part), value.get(part) if isinstance(value, Mapping) else None
    last = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = fields(kind, value)
        typed = f"{key}.{last}" if key else last
        return UserError(f"{typed} is not known{did_you_mean(last, known)}; it is one of {', '.join(known)}.")
    if error["type"] in ("missing", "missing_argument"):
        return UserError(f"{key} has no value; pass {key}=VALUE.")
    if error["type"] == "value_error":  # a sentence of ours, which begins with the option's name
        above, _, name = key.rpartition(".")
        said = str(error["ctx"]["error"])
        return UserError(f"{above}.{said}" if above and said.startswith(name) and name != "name" else said)
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tag = error["ctx"]["discriminator"].strip("'")
        named = value.get(tag) if isinstance(value, Mapping) else value
        return unknown(f"{key}.{tag}" if tag == "kind" else key, named, _tags(kind, tag))
    if field is None or error["type"] in ("dataclass_type", "dataclass_exact_type"):
        return UserError(f"{key}={show(value)} must be given by its parts: {', '.join(_parts(key, kind))}.")
    if choices := choices_of(field):
        typed = key.rpartition(".")[0] if key.endswith(".name") and key.count(".") else key
        return unknown(typed, value, choices)
    return UserError(f"{key}={show(value)} must be {words(field)}.")


def unknown(key: str, value: Any, choices: Any) -> UserError:
    """Return the error for a word that is none of the choices."""
    hint = did_you_mean(str(value), list(map(str, choices)))
    return UserError(f"{key}={show(value)} is not known{hint}; it is one of {', '.join(map(show, choices))}.")


def show(value: Any) -> str:
    """Return a value as a command line has it: null, true, [1, 2]."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def to_dict(options: Any) -> Any:
    """Return a dataclass of options as plain values, which `parse` takes again."""
    if hasattr(options, "to_option"):
        return options.to_option()
    if dataclasses.is_dataclass(options):
        return {field.name: to_dict(getattr(options, field.name)) for field in dataclasses.fields(options)}
    if isinstance(options, Mapping):
        return {key: to_dict(value) for key, value in options.items()}
    return [to_dict(value) for value in options] if isinstance(options, (list, tuple)) else options


def fields(kind: Any, value: Any = None) -> dict[str, FieldInfo]:
    """Return the options of a dataclass by name; of a union of them, those of the one that `value` is."""
    kinds = [one for one in _members(kind) if hasattr(one, "__pydantic_fields__")]
    for tag in ("name", "kind"):
        fitting = [one for one in kinds if isinstance(value, Mapping) and value.get(tag) in _literals(one, tag)]
        kinds = fitting or kinds
    return dict(kinds[0].__pydantic_fields__) if kinds else {}


def _members(kind: Any) -> list[Any]:
    """Return the types that an annotation allows, unions and their notes taken apart."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [member for part in get_args(kind) for member in _members(part)]
    return [kind]


def _literals(kind: Any, tag: str) -> tuple[Any, ...]:
    field = kind.__pydantic_fields__.get(tag)
    return get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()


def _tags(kind: Any, tag: str) -> list[Any]:
    return [name for member in _members(kind) if hasattr(member, "__pydantic_fields__")
            for name in _literals(member, tag)]  # fmt: skip


def _parts(key: str, kind: Any) -> Iterator[str]:
    for name in fields(kind):
        yield f"{key}.{name}" if key else name


def choices_of(field: FieldInfo) -> tuple[Any, ...]:
    """Return the values of an option that has only so many; () for any other."""
    found: list[Any] = []
    for member in _members(field.annotation):
        if get_origin(member) is Literal:
            found += get_args(member)
        elif member is bool:
            found += [True, False]
        elif member is types.NoneType:
            found.append(None)
        else:
            return ()
    return tuple({show(value): value for value in found}.values())


def words(field: FieldInfo) -> str:
    """Return what an option may be, as in "a whole number of at least 1, or null"."""
    extra = _extra(field)
    if "words" in extra:
        return str(extra["words"])
    if choices := choices_of(field):
        return ", ".join(map(show, choices))
    bounds = {name: getattr(note, name) for note in _notes(field) for name in ("ge", "gt", "le", "lt")
              if hasattr(note, name)}  # fmt: skip
    said, also = "a word", []
    for member in _members(field.annotation):
        if member in (int, float):
            said = _number("a whole number" if member is int else "a number", bounds)
        elif get_origin(member) is Literal:
            also += [show(value) for value in get_args(member)]
        elif member is types.NoneType:
            also.append("null")
        elif get_origin(member) is tuple:
            said = "a list of words"
        elif get_origin(member) is dict:
            said = "given by its parts"
    example = f", such as {extra['example']}" if "example" in extra else ""
    return said + example + "".join(f", or {other}" for other in also)


def _notes(field: FieldInfo) -> list[Any]:
    """Return what is noted beside the types of an annotation, such as bounds."""
    parts = [field.annotation, *get_args(field.annotation)]
    nested = [note for part in parts if get_origin(part) is Annotated for note in get_args(part)[1:]]
    return [*field.metadata, *(inner for note in nested for inner in getattr(note, "metadata", [note]))]


def _number(noun: str, bounds: Mapping[str, Any]) -> str:
    low, above, high, below = (bounds.get(name) for name in ("ge", "gt", "le", "lt"))
    if high is None and below is None:
        least = f" of at least {low}" if low is not None else ""
        return f"{noun} above {above}" if above is not None else noun + least
    if above is not None:
        return f"{noun} above {above} and " + (f"at most {high}" if high is not None else f"below {below}")
    return f"{noun} from {low} to " + (f"{high}" if high is not None else f"below {below}")


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def is_number(value: Any, whole: bool = False) -> bool:
    """Return whether a value is a number, of the kind asked for; true and false are none."""
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and math.isfinite(value)
