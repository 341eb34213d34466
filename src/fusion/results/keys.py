"""The configurations of runs -> the keys in which they differ, and conditions on them (`--where`)."""

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion.config.errors import UserError, did_you_mean
from fusion.results.record import IGNORED_IN_FINGERPRINT, OF_PICTURES, OF_TEXTS, status
from fusion.results.schema import part

# A group is named by what is typed for it: backbone is backbone.name, data is the set or the kind
NAMED = {"data": ("set", "kind")}
NO_KEYS = (*IGNORED_IN_FINGERPRINT, "seed", "row.source", "device")  # they tell two configurations not apart

HEADLINE = ("text", "backbone", "fusion", "input_shape", "source_size", "render.highlight", "data", "lr")  # shown first

Keys = dict[str, str]  # dotted key of the configuration -> its value, as it is typed


def keys_of(run: Mapping[str, Any]) -> Keys:
    """run.json -> every key of its configuration, with values as they are typed.

    The text branch is the one that was trained, which may be a fallback. A learning rate that was searched for is
    search: what was found differs from seed to seed, and seeds are one row. Options of a branch that a run does not
    have are left out.
    """
    config, resolved = part(run, "config"), part(run, "resolved")
    if isinstance(resolved.get("text_options"), dict) and resolved.get("text") == resolved["text_options"].get("name"):
        config["text"] = resolved["text_options"]
    flat: Keys = {}
    for key, value in config.items():
        _flatten(key, value, flat)
    idle = [*(OF_PICTURES if flat.get("backbone") == "none" else ()), *(OF_TEXTS if flat.get("text") == "none" else ())]
    return {
        key: value for key, value in flat.items()
        if not _is_below(key, NO_KEYS) and (key in ("backbone", "text") or not _is_below(key, idle))
    }  # fmt: skip


def _flatten(key: str, value: Any, flat: Keys) -> None:
    if not isinstance(value, Mapping):
        flat[key] = _typed(_size(value) if key == "source_size" else value)
        return
    name = next((n for n in NAMED.get(key, ("name",)) if n in value), None)
    for inner, of_inner in value.items():
        _flatten(key if inner == name else f"{key}.{inner}", of_inner, flat)


def _size(value: Any) -> Any:
    """Return [256, 256] as 256 and [640, 448] as 640x448; anything else as it is."""
    if not isinstance(value, list) or len(value) != 2:
        return value
    return value[0] if value[0] == value[1] else f"{value[0]}x{value[1]}"


def _typed(value: Any) -> str:
    """Return a value as one types it: 0.001, true, null, [1024,512]."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_typed, value))}]"
    return json.dumps(value)


def _is_below(key: str, groups: Iterable[str]) -> bool:
    """Return whether a key is one of the groups or an option of one."""
    return any(key == group or key.startswith(f"{group}.") for group in groups)


def varying(all_keys: Sequence[Keys]) -> list[str]:
    """Keys of several runs -> those whose values differ, HEADLINE first, then in the order of the configuration.

    A run that is older than an option has no value of it, which is no difference. Left out are options of a group that
    follow from what the group is, such as those of another backbone.
    """
    values: dict[str, set[str]] = {}
    for keys in all_keys:
        for key, value in keys.items():
            values.setdefault(key, set()).add(value)
    differing = [key for key in values if len(values[key]) > 1]
    kept = [key for key in differing if not _follows(key, differing, all_keys)]
    return sorted(kept, key=lambda key: HEADLINE.index(key) if key in HEADLINE else len(HEADLINE))


def _follows(key: str, differing: Iterable[str], all_keys: Sequence[Keys]) -> bool:
    """Return whether a key of a group has the same value wherever the group has the same name."""
    group = key.partition(".")[0]
    if group == key or group not in differing:
        return False
    of_name: dict[str | None, set[str]] = {}
    for keys in all_keys:
        if key in keys:
            of_name.setdefault(keys.get(group), set()).add(keys[key])
    return all(len(found) == 1 for found in of_name.values())


def telling(all_keys: Sequence[Keys], keys: Iterable[str]) -> list[str]:
    """Return as few of the keys, from the first on, as tell rows apart as well as all of them do."""
    chosen, apart = list[str](), 1
    for key in keys:
        found = len({tuple(row.get(name) for name in (*chosen, key)) for row in all_keys})
        if found > apart:
            chosen, apart = [*chosen, key], found
    return chosen


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne, ">=": operator.ge, "<=": operator.le, "=": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """What a run must be to be shown, such as text=none or input_shape>=128."""

    key: str
    comparison: str  # of COMPARISONS
    value: str

    def holds(self, run: Mapping[str, Any]) -> bool:
        """Return whether a run is so; one without the key is not, unless that it is different is what is asked."""
        has = _facts(run).get(self.key)
        if has is None:
            return self.comparison == "!="
        pair: tuple[Any, ...] | None = _numbers(has, self.value)
        if pair is None and self.comparison in ("=", "!="):
            pair = has.lower(), self.value.lower()  # true is True
        return pair is not None and COMPARISONS[self.comparison](*pair)


def _numbers(*words: str) -> tuple[float, ...] | None:
    """Return words as numbers; None where one is none."""
    try:
        return tuple(map(float, words))
    except ValueError:
        return None


def _facts(run: Mapping[str, Any]) -> Keys:
    facts = {"seed": _typed(run.get("seed")), "status": status(dict(run))}
    return keys_of(run) | facts


def parse_conditions(words: Iterable[str], runs: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """text=none -> a condition. Raises UserError for one that is none, and for a key that no run has."""
    known: dict[str, None] = {}
    words, conditions = list(words), list[Condition]()
    for run in runs if words else ():
        known |= dict.fromkeys(_facts(run))
    for word in words:
        found = re.fullmatch(rf"\s*([\w.]+)\s*({'|'.join(COMPARISONS)})(.*)", word, re.DOTALL)
        if found is None:
            raise UserError(f"--where {word} is no condition; give one such as text=none, lr<0.01 or backbone!=vgg16.")
        key, comparison, value = found.groups()
        conditions.append(Condition(check_key(key, known, "--where"), comparison, value.strip()))
    return conditions


def check_key(key: str, known: Iterable[str], option: str) -> str:
    """Return a key that some run has. Raises UserError for any other."""
    known = list(known)
    if key not in known:
        meant = did_you_mean(key, known)
        raise UserError(f"{option} {key}: no run has a key {key}{meant}; keys are those of fusion.train, such as lr.")
    return key
