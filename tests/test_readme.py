"""README, CONTRIBUTING, CHANGELOG and docs: every command, option, path and link in them is right as it stands there."""

import ast
import contextlib
import fnmatch
import importlib
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from string import Template

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from fusion import cli
from fusion.config import renamed
from fusion.config.errors import UserError
from fusion.config.groups import names_in
from fusion.config.options import fields
from fusion.config.paths import CONF_DIR, to_dict
from fusion.config.render import STYLE
from fusion.config.schema import Config, load_config

TOP = Path(__file__).resolve().parents[1]
PAGES = [*sorted(TOP.glob("*.md")), TOP / "data" / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS = ("python", "fusion", "bash", "torchrun")
OTHER_PROGRAMS = ("pip", "source", "cd", "git", "export", "cat", "echo")  # called as they are; nothing of ours to check
NUMBERS = {"SHAPE": "128", "SOURCE": "256"}  # words of the documents that stand for a number
CHOICES = tuple(path.name for path in CONF_DIR.iterdir() if path.is_dir())  # groups of conf/
PARTS = ("backbone", "text", "fusion", "render", "data", "augment", "optimizer", "schedule", "loss", "pretraining")


@pytest.fixture(scope="module", autouse=True)
def hydra_conf() -> Iterator[None]:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        yield


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(TOP))


def block_commands(text: str) -> Iterator[str]:
    """Commands of fenced blocks: each line of a bash block, lines of others that begin with one of our programs."""
    for language, block in FENCE.findall(text):
        variables = {}
        for line in block.replace("\\\n", " ").splitlines():
            line = Template(line).safe_substitute(variables).strip()
            if assigned := re.match(r'(\w+)=(?:"(.*)"|\$\((.*)\))(?:\s+#.*)?$', line):
                variables[assigned[1]] = assigned[2] or "RUN"
                line = assigned[3] or ""
            if line.startswith("#") or not line:
                continue
            if language == "bash" or (not language and line.split()[0] in PROGRAMS):
                yield line


def spans(text: str) -> list[str]:
    """Inline code of a page, each on one line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", text))]


def inline_commands(text: str) -> Iterator[str]:
    """Inline code that calls one of our programs with something; the bare name of a command is only its name."""
    for span in spans(text):
        words = span.split()
        if words[0] in PROGRAMS and len(words) > 1 and not re.search(r"\b(COMMAND|\.\.\.)", span):
            yield span


def pipeline(command: str) -> list[list[str]]:
    """A line of a shell -> the words of each command in it, without redirections and comments."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        parts.append([]) if set(word) <= {*"|&;<>"} else parts[-1].append(word)
    return [part for part in parts if part]


def problems(command: str, bare_names: bool = False) -> Iterator[str]:
    """What is wrong with a command; bare_names: a command without any argument is only spoken of."""
    for words in pipeline(command):
        match words:
            case [str() as missing, *_] if "/" in missing:
                yield from missing_paths(words)
            case ["python", "-m", module, *rest] if module.startswith("fusion."):
                yield from call_problems(module.removeprefix("fusion."), rest, bare_names)
            case ["fusion", name, *rest]:
                yield from call_problems(name, rest, bare_names)
            case ["torchrun", *rest] if "-m" in rest:
                module, *rest = rest[rest.index("-m") + 1 :]
                yield from call_problems(module.removeprefix("fusion."), rest, bare_names)
            case ["python" | "bash", script, *rest]:
                yield from script_problems(script, rest)
            case [program, *_] if program not in OTHER_PROGRAMS:
                yield f"{program} is no program that is known here"
        yield from missing_paths(words)


def call_problems(name: str, arguments: Sequence[str], bare_names: bool) -> Iterator[str]:
    """What is wrong with `fusion NAME ARGUMENTS`."""
    if name.startswith("-"):
        return
    if name not in cli.COMMANDS:
        yield f"there is no command {name}"
    elif name == "train":
        yield from override_problems([word for word in arguments if "=" in word])
        known = ("-m", "--multirun", "--help", "--cfg")
        yield from (f"train knows no {word}" for word in arguments if word.startswith("-") and word not in known)
    elif "--help" not in arguments and arguments != ["fonts"] and (arguments or not bare_names):
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                importlib.import_module(f"fusion.{name}").parser().parse_args(arguments)
        except SystemExit:
            yield said.getvalue().strip().splitlines()[-1]


def script_problems(script: str, arguments: Sequence[str]) -> Iterator[str]:
    """What is wrong with a call of one of our scripts: its name, its flags, or options of the configuration."""
    path = TOP / script
    if not path.is_file():
        yield f"there is no {script}"
    elif path.suffix == ".py":
        known = {*flags_of(path), "--help"}
        given = [word.partition("=")[0] for word in arguments if word.startswith("--")]
        yield from (f"{script} knows no {flag}" for flag in given if flag not in known)
    yield from override_problems([word for word in arguments if re.match(r"[a-z][\w./]*=", word)])


@cache
def flags_of(script: Path) -> frozenset[str]:
    calls = [node for node in ast.walk(ast.parse(read(script))) if isinstance(node, ast.Call)]
    added = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"]
    words = [word.value for call in added for word in call.args if isinstance(word, ast.Constant)]
    return frozenset(word for word in words if str(word).startswith("--"))


def override_problems(words: Sequence[str]) -> Iterator[str]:
    """What is wrong with options of fusion.train; of a sweep, every value of each axis is tried once."""
    words = [word for word in words if not word.startswith("hydra")]
    words = [f"{key}={NUMBERS.get(value, value)}" for key, _, value in (word.partition("=") for word in words)]
    try:
        axes = [values_of(override) for override in OverridesParser.create().parse_overrides(words)]
    except HydraException as error:
        yield str(error).splitlines()[0]
        return
    first = [axis[0] for axis in axes]
    others = [(*first[:i], value, *first[i + 1 :]) for i, axis in enumerate(axes) for value in axis[1:]]
    for chosen in [tuple(first), *others]:
        if problem := configuration_problem(chosen):
            yield problem


def values_of(override: Override) -> list[str]:
    """The single values of an option as it is given: lr=1,2 -> lr=1, lr=2."""
    key, value = override.get_key_element(), override.value() if override.is_sweep_override() else None
    if isinstance(value, Glob):
        return [f"{key}={value.filter(names_in(key))[0]}"]  # tests/test_conf.py composes every row
    if value is not None:
        return [f"{key}={one}" for one in override.sweep_string_iterator()]
    return [override.input_line or ""]


@cache
def configuration_problem(overrides: tuple[str, ...]) -> str | None:
    try:
        load_config(to_dict(compose("train", list(overrides))))
    except (UserError, HydraException, OmegaConfBaseException) as error:
        return f"{' '.join(overrides)}: {str(error).splitlines()[0]}"
    return None


def missing_paths(words: Sequence[str]) -> Iterator[str]:
    """Paths of this repository among the words that lead nowhere; NAME in capitals stands for something."""
    for word in words:
        ours = re.fullmatch(r"(src|conf|docs|scripts|tests|data)/[\w./*-]+", word) and "data/cache" not in word
        ours = ours or re.fullmatch(r"[a-z][\w*-]*(/[\w*-]+)*/[\w*-]+\.(py|yaml|md|csv)", word)
        stands_for_some = re.search(r"[A-Z]{2}", word.replace("README", ""))
        if ours and not stands_for_some and not [*TOP.glob(word), *(TOP / "src" / "fusion").glob(word)]:
            yield f"there is no {word}"


@cache
def option_names() -> frozenset[str]:
    """Every option of the configuration and every part of it, dotted, and the groups of conf/."""
    style = {f"render.{name}" for name in STYLE}
    kinds = [(part, fields(Config)[part].annotation) for part in ("text", "data", "optimizer", "logger")]
    tagged = {"text": "name", "data": "kind", "optimizer": "name", "logger": "name"}
    known = {*CHOICES, *style, *below("", Config)}
    for part, kind in kinds:
        choices = [*names_in(part), "packages"]
        known |= {name for choice in choices for name in below(f"{part}.", kind, {tagged[part]: choice})}
    return frozenset(known)


def below(prefix: str, kind: object, value: object = None) -> set[str]:
    found = set()
    for name, field in fields(kind, value).items():
        found |= {f"{prefix}{name}", *below(f"{prefix}{name}.", field.annotation)}
    return found


def unknown_options(text: str) -> Iterator[str]:
    """Options named in inline code, as `lr=1`, `text.lr` or just `lr_decay=0.9`, that do not exist."""
    known = option_names()
    for span in spans(text):
        keys = [word.partition("=")[0] for word in span.split() if re.match(r"(?!hydra)[a-z][\w.]*=", word)]
        keys += [span] if re.fullmatch(rf"({'|'.join(PARTS)})\.[a-z][\w.]*", span) else []
        for key in keys:
            a_module = key.removeprefix("fusion.") in cli.COMMANDS or key.endswith(".py")
            if not a_module and key not in known and not any(name.endswith(f".{key}") for name in known):
                yield f"there is no option {key}"
        for group, choice in re.findall(r"(?<![\w.])([a-z]+)=([a-z]\w*\*?)(?![\w.(])", span):
            if group in CHOICES and not fnmatch.filter(names_in(group), choice):
                yield f"there is no {group}={choice}"


def broken_links(page: Path, text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and anchor not in anchors(file):
            yield f"the link {target} names no heading of {name_of(file)}"


@cache
def anchors(page: Path) -> frozenset[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", read(page)), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def test_every_command_can_be_called() -> None:
    wrong = []
    for page in PAGES:
        calls = [(command, False) for command in block_commands(read(page))]
        calls += [(command, True) for command in inline_commands(read(page))]
        wrong += [
            f"{name_of(page)}: {command}\n    {said}" for command, bare in calls for said in problems(command, bare)
        ]
    assert not wrong, "\n".join(wrong)


def test_every_option_that_is_named_exists() -> None:
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which tells old names
    wrong = [f"{name_of(page)}: {said}" for page in pages for said in unknown_options(read(page))]
    assert not wrong, "\n".join(wrong)


def test_every_link_and_every_path_leads_somewhere() -> None:
    wrong = [f"{name_of(page)}: {said}" for page in PAGES for said in broken_links(page, read(page))]
    wrong += [f"{name_of(page)}: {said}" for page in PAGES for said in missing_paths(spans(read(page)))]
    assert not wrong, "\n".join(wrong)


def test_the_documents_show_commands_to_check() -> None:
    assert len([*block_commands(read(TOP / "docs" / "guide.md"))]) >= 25
    assert len([command for page in PAGES for command in inline_commands(read(page))]) >= 20


@pytest.mark.parametrize(("command", "said"), [
    ("python -m fusion.trian", "no command trian"),
    ("python -m fusion.train again=true", "again"),
    ("python -m fusion.train backbone=densenet12", "densenet12"),
    ("python -m fusion.train -m lr=0.1,abc", "lr=abc must be a number"),
    ("python -m fusion.train -m 'row=glob(rakuten_*)' epochs=0", "epochs=0 must be"),
    ("python -m fusion.train --dry-run", "knows no --dry-run"),
    ("torchrun --nproc-per-node 2 -m fusion.train experiment=pretrain", "pretrain"),
    ("python -m fusion.compare --table rakutn", "invalid choice"),
    ("cat src/fusion/train.py | fusion predict --jsn -", "--jsn"),
    ("cat src/fusion/nothing.py | sort", "no src/fusion/nothing.py"),
    ("python scripts/nothing.py", "no scripts/nothing.py"),
    ("python scripts/backbones.py --trane", "knows no --trane"),
    ("python scripts/backbones.py --train data.limit=none", "data.limit=none must be"),
])  # fmt: skip
def test_a_wrong_command_is_found(command: str, said: str) -> None:
    assert said in "\n".join(problems(command))


def test_commands_are_found_in_every_kind_of_block() -> None:
    text = '```bash\nsame="lr=1"\nfusion train $same\n```\n```\nfusion train lr=0\n12 lines\n```\n`fusion\ntrain lr=2`'
    found = [*block_commands(text), *inline_commands(text)]
    assert found == ["fusion train lr=1", "fusion train lr=0", "fusion train lr=2"]


def test_the_changelog_names_every_renamed_option() -> None:
    changelog = read(TOP / "CHANGELOG.md")
    names = [*renamed.RENAMED.items(), *renamed.RENAMED_CHOICES.items()]
    missing = [old for old, new in names if f"`{old}`" not in changelog or f"`{new}`" not in changelog]
    assert not missing
