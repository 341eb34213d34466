"""The typed configuration and conf/ -> docs/options.md: every option, its default, what it may be, what it does.

python scripts/options_table.py           # write docs/options.md
python scripts/options_table.py --check   # exit 1 if the page is not up to date
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pydantic.fields import FieldInfo

from fusion.config import branches, data, training
from fusion.config.groups import names_in, read_group
from fusion.config.help import GROUPS
from fusion.config.options import fields, parse, show, to_dict, words
from fusion.config.paths import CONF_DIR
from fusion.config.render import STYLE, VIEW
from fusion.config.schema import Config
from fusion.files import write_text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "options.md"
MISSING = "???"  # Hydra's word for a value that must be given
LONGEST = 130  # characters of a default that is shown; a longer one stands in its file of conf/
MOST_DIFFERENCES = 4  # choices whose own default is named beside the first choice's

INTRODUCTION = """# Options

Every option of `python -m fusion.train`. Write `lr=0.001` on the command line to set one, or `backbone=vgg16` to
take a file of `conf/backbone`. Lists are written `[1,2]`; a value with spaces or brackets needs quotes in a shell:
`'backbone.freeze=all but 12'`. A value that an option cannot have is refused before anything runs, with the values that
it can have. `python -m fusion.train --cfg job` prints the configuration that a command line amounts to.

This page is written by `python scripts/options_table.py` from the configuration itself; do not edit it by hand.
"""
STYLE_NOTE = """Each of these takes one value, a list to draw from evenly (write a value twice to double its weight),
or for numbers a range `[low,high]`. The defaults are those of `render=carbon`."""
HEAD = ("| option | default | may be | what it is |", "|---|---|---|---|")


def page() -> str:
    """Return the whole page as Markdown."""
    train, chosen, pretraining = compose_defaults()
    run = {"train.yaml": train}
    taught = {"experiment/pretrain_image.yaml": pretraining}
    note = "Options of `experiment=pretrain_image`, which teaches a backbone on an endless stream of pictures."
    parts = [
        INTRODUCTION,
        choices(chosen),
        section("The run", table(_plain(fields(Config)), run, "")),
        group_section("backbone", chosen, (branches.Backbone,)),
        group_section("text", chosen, get_args(branches.TextOptions)),
        group_section("fusion", chosen, (branches.Fusion,)),
        render_section(),
        group_section("data", chosen, get_args(data.DataOptions)),
        group_section("augment", chosen, (training.AugmentPolicy,)),
        group_section("optimizer", chosen, get_args(training.OptimizerOptions)),
        group_section("schedule", chosen, (training.Schedule,)),
        group_section("logger", chosen, get_args(training.LoggerOptions)),
        section("loss", table(fields(training.Loss), {"train.yaml": train["loss"]}, "loss")),
        section(
            "vary",
            f"{_sentence(training.Vary)}\n\n" + table(fields(training.Vary), {"train.yaml": train["vary"]}, "vary"),
        ),
        section("pretraining", f"{note}\n\n" + table(fields(training.Pretraining), taught, "pretraining")),
    ]
    return "\n".join(parts)


def compose_defaults() -> tuple[dict[str, Any], dict[str, str | None], dict[str, Any]]:
    """Return conf/train.yaml as Hydra composes it, the choice of each group, and the part `pretraining`."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        composed = compose("train", return_hydra_config=True)
        chosen = dict(composed.hydra.runtime.choices)
        pretraining = compose("train", ["experiment=pretrain_image"]).pretraining
        OmegaConf.set_struct(composed, False)
        del composed["hydra"]  # refers to values of a running program
        return OmegaConf.to_container(composed), chosen, OmegaConf.to_container(pretraining)  # type: ignore[return-value]


def choices(chosen: Mapping[str, str | None]) -> str:
    """Return the table of groups and the files of each, the default in bold."""
    lines = ["## Choices\n", "| group | choices; the default in bold |", "|---|---|"]
    for group in GROUPS:
        names = [f"**`{name}`**" if name == chosen[group] else f"`{name}`" for name in _files(group, chosen)]
        lines.append(f"| `{group}=` | {', '.join(names)} |")
    return "\n".join(lines) + "\n"


def group_section(group: str, chosen: Mapping[str, str | None], kinds: Sequence[Any]) -> str:
    """Return the part on one folder of conf/: what all of its files have, then what each kind of them adds."""
    whole, tag = fields(Config)[group].annotation, "kind" if group == "data" else "name"
    files: dict[Any, dict[str, Any]] = {kind: {} for kind in kinds}
    for name in _files(group, chosen):
        content = read_group(group, name)
        files[type(parse(whole, content, group))][name] = content
    if group == "backbone":
        del files[branches.Backbone]["none"]  # has no options
    for without_options in (branches.NoText, training.NoLogger, training.TensorBoard):
        files.pop(without_options, None)
    all_files = {name: content for of_kind in files.values() for name, content in of_kind.items()}
    options = {kind: {name: fields(kind)[name] for name in fields(kind) if name != tag} for kind in files}
    common = set.intersection(*map(set, options.values()))
    first = options[next(iter(files))]
    shared = {name: field for name, field in first.items() if name in common}
    parts = [table(shared, all_files, group)] if shared else []
    for kind, own in options.items():
        if more := {name: field for name, field in own.items() if name not in common}:
            parts.append(f"{_sentence(kind)}\n\n" + table(more, files[kind], group))
    return section(group, "\n".join(parts))


def _sentence(kind: Any) -> str:
    """Return what the docstring of a class of options says, safe for Markdown."""
    return str(kind.__doc__).strip().replace("<", "\\<")


def _files(group: str, chosen: Mapping[str, str | None]) -> list[str]:
    """Return the files of a group, the default first."""
    return sorted(names_in(group), key=lambda name: (name != chosen[group], name))


def render_section() -> str:
    """Return the part on conf/render: the view, then each field of a style."""
    carbon = {"carbon": read_group("render", "carbon")}
    options = fields(fields(Config)["render"].annotation)
    view = table({name: options[name] for name in VIEW}, carbon, "render")
    return section("render", view + f"\n{STYLE_NOTE}\n\n" + table(STYLE, carbon, "render"))


def section(title: str, body: str) -> str:
    """Return a heading and what stands below it."""
    return f"## {title}\n\n{body}"


def table(options: Mapping[str, FieldInfo], files: Mapping[str, Mapping[str, Any]], prefix: str) -> str:
    """Return the options below `prefix` as a table; `files` holds their values by the file that sets them."""
    return "\n".join([*HEAD, *_rows(options, files, prefix)]) + "\n"


def _rows(options: Mapping[str, FieldInfo], files: Mapping[str, Mapping[str, Any]], prefix: str) -> Iterator[str]:
    for name, field in options.items():
        key = f"{prefix}.{name}" if prefix else name
        values = {file: content.get(name, _default(field)) for file, content in files.items()}
        if inner := fields(field.annotation):
            yield from _rows(inner, {file: value or {} for file, value in values.items()}, key)
        else:
            cells = (f"`{key}`", _shown(values, prefix), words(field), field.description or "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plain(options: Mapping[str, FieldInfo]) -> dict[str, FieldInfo]:
    """Return the options that are values, not parts with options of their own."""
    return {name: field for name, field in options.items() if not fields(field.annotation)}


def _default(field: FieldInfo) -> Any:
    return MISSING if field.is_required() else to_dict(field.get_default(call_default_factory=True))


def _shown(values: Mapping[str, Any], group: str) -> str:
    """Return the value of the first file, and beside it the files that set another one."""
    files_of: dict[str, list[str]] = {}
    for file, value in values.items():
        files_of.setdefault(_value(value), []).append(file)
    cells = [(files, _short(text, files[0], group)) for text, files in files_of.items()]
    if len(cells) > MOST_DIFFERENCES + 1:
        return f"set by `{group}=`"
    return "; ".join([cells[0][1], *(f"{', '.join(files)}: {text}" for files, text in cells[1:])])


def _value(value: Any) -> str:
    """Return a value as a command line or a file of conf/ has it."""
    if isinstance(value, (list, dict)):
        return yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False).strip()
    return show(value)


def _short(text: str, file: str, group: str) -> str:
    if text == MISSING:
        return "must be given"
    path = file if "." in file else f"{group}/{file}.yaml"
    return f"`{text}`" if len(text) <= LONGEST else f"see `conf/{path}`"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is not up to date")
    text = page()
    if not parser.parse_args(argv).check:
        write_text(PAGE, text)
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        print(f"error: {PAGE} is not up to date; run python scripts/options_table.py.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
