"""The configuration -> the text of `python -m fusion.train --help`: examples, choices, and every option."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from fusion.config.groups import compose_choices, names_in
from fusion.config.options import fields, show, words
from fusion.config.render import STYLE, VIEW
from fusion.config.schema import Config

EXAMPLES = """\
usage: python -m fusion.train [option=value ...]        one run
       python -m fusion.train -m [option=value,value ...]   a sweep: every combination

Trains one classifier, or with -m a sweep of them, and leaves a run folder each.

  python -m fusion.train                                     # the small corpus, text and screenshot
  python -m fusion.train backbone=densenet121 epochs=1 data.limit=400
  python -m fusion.train backbone=none                       # text alone
  python -m fusion.train data=folder data.path=DIR           # your own labels
  python -m fusion.train -m backbone=mobilenetv2,densenet121 input_shape=96,128
  python -m fusion.train -m 'row=glob(rakuten_*)'            # every row of a table of the Rakuten study
  python -m fusion.train -m sweep=shapes                     # a study of conf/sweep

--cfg job prints what a command line amounts to; docs/options.md has the options of all choices.
"""
GROUPS = (
    "backbone", "text", "fusion", "render", "data", "augment", "optimizer", "schedule", "logger", "experiment",
    "protocol", "row", "sweep",
)  # fmt: skip
MARGIN = 34  # columns that an option and its value take


def train_help(overrides: Sequence[str] = ()) -> str:
    """Return the whole text, with the options of the choices that the overrides make."""
    chosen, composed = compose_choices(overrides)
    width = min(shutil.get_terminal_size().columns, 120)
    lines = [EXAMPLES, "Choices (group=choice):", ""]
    for group in GROUPS:
        lines += textwrap.wrap(", ".join(names_in(group)), width, initial_indent=f"  {group + '=':12} ",
                               subsequent_indent=" " * 15, break_on_hyphens=False)  # fmt: skip
    lines += ["", f"Options, with their values{' for ' + ' '.join(chosen) if chosen else ''}:", ""]
    for key, value, field in _options(fields(Config), composed, ""):
        start = f"  {key}={show(value)}"
        about = f"{words(field)}: {field.description}" if field.description else words(field)
        first = start.ljust(MARGIN) if len(start) < MARGIN else f"{start}\n{'':{MARGIN}}"
        wrapped = textwrap.wrap(about, width - MARGIN, break_on_hyphens=False)
        lines.append(first + f"\n{'':{MARGIN}}".join(wrapped))
    return "\n".join(lines)


def _options(
    options: Mapping[str, FieldInfo], values: Mapping[str, Any], within: str
) -> Iterator[tuple[str, Any, FieldInfo]]:
    """Yield the dotted name, value and field of every option that the configuration has."""
    for name, value in values.items():
        key = f"{within}.{name}" if within else name
        if within == "render" and name in STYLE:
            yield key, value, STYLE[name]
            continue
        field = options.get(name)
        if field is None or (within in GROUPS and name in ("name", "kind")):
            continue
        if (inner := fields(field.annotation, value)) and isinstance(value, Mapping):
            known = inner if name != "render" else {option: inner[option] for option in VIEW}
            yield from _options(known, value, key)
        else:
            yield key, value, field
