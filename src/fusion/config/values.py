"""What an option may be, said once: a value that does not fit is an error that names it and what would."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import CONF_DIR


@dataclass(frozen=True)
class Rule:
    """Whether a value fits, and the words for those that do."""

    fits: Callable[[Any], bool]
    words: str
    choices: tuple[str, ...] = ()  # where they can be counted


Rules = Mapping[str, "Rule | Rules"]  # by the name of an option, or of a part of the configuration


def whole(least: int, *also: Any, most: float = math.inf) -> Rule:
    """Whole numbers from `least` to `most`, and the values `also`."""
    words = f"a whole number of at least {least}" if most == math.inf else f"a whole number from {least} to {most}"
    return Rule(
        lambda value: _among(value, also) or (type(value) is int and least <= value <= most),
        words + "".join(f", or {said(other)}" for other in also),
    )


def number(fits: Callable[[float], bool], words: str, *also: Any) -> Rule:
    """Numbers that fit, and the values `also`; words: such as `above 0`."""
    return Rule(
        lambda value: _among(value, also) or (type(value) in (int, float) and math.isfinite(value) and fits(value)),
        f"a number {words}",
    )


def one_of(*choices: Any) -> Rule:
    return Rule(lambda value: _among(value, choices), "", tuple(dict.fromkeys(map(said, choices))))


def file_of(group: str, *also: Any) -> Rule:
    """The names of the files of conf/GROUP, and the values `also`."""
    return one_of(*sorted(path.stem for path in (CONF_DIR / group).glob("[!_]*.yaml")), *also)


SHARE = number(lambda x: 0 <= x <= 1, "from 0 to 1")
BELOW_ONE = number(lambda x: 0 <= x < 1, "from 0 to below 1, such as 0.1")
NOT_NEGATIVE = number(lambda x: x >= 0, "of at least 0")


def check(options: Any, rules: Rules, within: str = "", complete: bool = False) -> None:
    """Raises UserError for the first value that its rule does not fit; options that are not there are not judged.

    within: the dotted name of the options, if they are a part of the configuration. complete: others are an error too.
    """
    if not isinstance(options, Mapping):
        parts = ", ".join(f"{within}.{name}" for name in rules)
        raise UserError(f"{within}={said(options)} must be given by its parts: {parts}.")
    for name, value in options.items():
        key = f"{within}.{name}" if within else str(name)
        if name not in rules:
            if complete:
                raise _unknown(key, value, name, tuple(rules))
        elif not isinstance(rule := rules[name], Rule):
            check(value, rule, key, complete)
        elif not rule.fits(value):
            if rule.choices:
                typed = within if within and name == "name" else key  # its file is chosen by augment=NAME
                raise _unknown(typed, value, value, rule.choices)
            raise UserError(f"{key}={said(value)} must be {rule.words}.")


def said(value: Any) -> str:
    """A value as a command line has it: null, true, [1, 2]."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _among(value: Any, choices: tuple[Any, ...]) -> bool:
    """By kind too: true is not 1."""
    return any(type(value) is type(choice) and value == choice for choice in choices)


def _unknown(key: str, value: Any, word: Any, choices: tuple[str, ...]) -> UserError:
    hint = did_you_mean(word, choices)
    return UserError(f"{key}={said(value)} is not known{hint}; it is one of {', '.join(choices)}.")
