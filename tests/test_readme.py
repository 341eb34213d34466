"""Every command that README.md and CONTRIBUTING.md show can be called as it stands there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from fusion import cli
from fusion.config.paths import CONF_DIR, to_dict
from fusion.training.sweeps import check_choices

TOP = Path(__file__).resolve().parents[1]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", TOP / "data" / "README.md", *sorted((TOP / "docs").glob("*.md"))]


def shown() -> list[tuple[str, str]]:
    """(page, command line) of every line in a bash block."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if command := line.split(" #")[0].strip():
                    found.append((page.name, command))
    return found


COMMANDS = shown()


def test_the_readme_shows_commands() -> None:
    assert len([page for page, _ in COMMANDS if page == "README.md"]) >= 8


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda text: text[:70])
def test_each_command_can_be_called(page: str, command: str) -> None:
    words = shlex.split(command.rsplit("|")[-1])
    if words[:2] == ["python", "-m"] and words[2].startswith("fusion."):
        _check(words[2].removeprefix("fusion."), words[3:])
    elif words[0] == "fusion":
        _check(words[1], words[2:])
    elif words[0] in ("bash", "python"):
        assert (TOP / words[1]).is_file(), f"{page} names {words[1]}"
    else:
        assert words[0] in ("git", "cd", "pip", "export", ".", "source"), f"{page}: {command}"


def _check(name: str, arguments: list[str]) -> None:
    assert name in cli.COMMANDS
    if name == "train":
        _check_overrides([word for word in arguments if word not in ("-m", "--multirun", "--cfg", "job", "--help")])
    elif "--help" not in arguments:
        importlib.import_module(f"fusion.{name}").parser().parse_args(arguments)


def _check_overrides(overrides: list[str]) -> None:
    check_choices(overrides)
    overrides = [word for word in overrides if "=glob(" not in word]  # tests/test_conf.py composes every row
    first = [word if {*"{["} & {*word} else word.split(",")[0] for word in overrides]  # of a sweep, one value an axis
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        to_dict(compose("train", first))
