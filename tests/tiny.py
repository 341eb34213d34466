"""A small corpus on disk, tiny configurations, a model trained once, and the command line, in and out of this process."""

import importlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from fusion import console
from fusion.config.paths import CONF_DIR, PACKAGE, to_dict
from fusion.config.schema import Config, load_config

# The smallest run that has everything: both branches, two epochs, a validation and a test side.
IMAGE = [
    "backbone=timm", "backbone.model=test_resnet", "backbone.weights=random", "input_shape=32", "source_size=64",
    "render.font=dejavu-sans-mono",
]  # fmt: skip
TEXT = ["text=scratch", "text.vocabulary=300", "text.max_tokens=32", "text.dim=16", "text.blocks=1", "text.heads=2"]
HEAD = ["fusion.hidden=[16]", "epochs=2", "batch_size=8", "data=folder"]
TINY = IMAGE + TEXT + HEAD
TEXT_ONLY = ["backbone=none", *TEXT, *HEAD]
IMAGE_ONLY = [*IMAGE, "text=none", *HEAD]


def composed(*overrides: str) -> dict[str, Any]:
    """Overrides as typed -> the options that Hydra makes of them, not checked yet.

    What the choices of groups amount to is composed once, for that takes Hydra a quarter of a second.
    """
    choices = [word for word in overrides if (CONF_DIR / word.lstrip("+").partition("=")[0]).is_dir()]
    values = OverridesParser.create().parse_overrides([word for word in overrides if word not in choices])
    cfg = deepcopy(_choose(*choices))
    ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
    return to_dict(cfg)


@cache
def _choose(*choices: str) -> DictConfig:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return compose("train", list(choices))


def configured(*overrides: str) -> Config:
    """Overrides as typed -> the checked configuration."""
    return load_config(composed(*overrides))


WORDS = """
    account angle batch border branch buffer cache candle cell chapter column corner count degree depth device door
    edge engine error factor field figure flower folder frame garden group harbour header height index island kernel
    label ladder layer length letter level limit matrix member method mirror moment motion number object offset order
    packet parent pattern pixel planet pocket point price queue radius record region river sample screen season sector
    signal socket spring stack station stream string summer table target thread ticket token total tower valley vector
    velocity village weight window winter wire yard
""".split()  # noqa: SIM905


def _python(pick: Callable[[], str]) -> str:
    a, b, c = pick(), pick(), pick()
    return (
        f"def {a}_{b}({c}, {pick()}=None):\n    {pick()} = [{b}.{pick()} for {b} in {c}]\n"
        f"    if not {pick()}:\n        raise ValueError('{pick()}')\n    return {pick()}({c}.{pick()})\n\n"
    )


def _c(pick: Callable[[], str]) -> str:
    a, b, c = pick(), pick(), pick()
    return (
        f"static int {a}_{b}(const struct {c} *{pick()}, int {b}) {{\n    for (int k = 0; k < {b}; k++) {{\n"
        f"        {pick()}[k] += {c}->{pick()};\n    }}\n    return {pick()}({pick()}, &{pick()});\n}}\n\n"
    )


def _css(pick: Callable[[], str]) -> str:
    return (
        f".{pick()}-{pick()} > a:hover {{\n    {pick()}: {len(pick())}px auto;\n    display: {pick()};\n}}\n"
        f"#{pick()} .{pick()} {{\n    {pick()}-color: #2fa4f0;\n    {pick()}: none;\n}}\n\n"
    )


CODE = {"python": _python, "c": _c, "css": _css}


def sample(label: str, number: int, blocks: int = 5) -> str:
    """Return a file of that label, like no other: names are drawn at random, keyed by the number."""
    rng = random.Random(f"{label} {number}")
    return "".join(CODE[label](lambda: rng.choice(WORDS)) for _ in range(blocks))


def write_corpus(folder: Path, files: int = 6) -> Path:
    """Write folder/<label>/<file>, each file a project of its own, and return the folder."""
    for label in CODE:
        (folder / label).mkdir(parents=True)
        for i in range(files):
            (folder / label / f"{i}.txt").write_text(sample(label, i))
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "code")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return that of a process: this very fusion, one thread, no hub, a cache that the tests share."""
    cache, here = tmp_path_factory.mktemp("cache"), str(PACKAGE.parent)
    return os.environ | {
        "FUSION_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }  # fmt: skip


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def fusion(environment: dict[str, str]) -> Command:
    """fusion("train", "epochs=1", cwd=...) -> the finished process of python -m fusion.train epochs=1."""

    def call(name: str, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"fusion.{name}", *map(str, arguments)]
        settings: dict[str, object] = {"capture_output": True, "text": True, "timeout": 300, "env": environment}
        return subprocess.run(command, **(settings | options))  # type: ignore[call-overload,no-any-return]

    return call


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """call("train", "epochs=1", cwd=...) -> the same as `fusion`, without a process and its six seconds of imports."""
    monkeypatch.setenv("NO_COLOR", "1")
    numbers = (signal.SIGINT, signal.SIGTERM)

    def run(name: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [f"fusion.{name}", *map(str, arguments)]
        main = importlib.import_module(command[0]).main
        handlers = [signal.getsignal(number) for number in numbers]
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", [*command])
        capsys.readouterr()
        try:
            code = console.run(main)
        except SystemExit as left:  # as argparse and Hydra's jobs end
            code = int(left.code or 0)
        finally:
            HydraConfig.instance().cfg = None  # else the next run would take itself for a job of this sweep
            for number, handler in zip(numbers, handlers, strict=True):
                signal.signal(number, handler)
        return subprocess.CompletedProcess(command, code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def trained(fusion: Command, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of a tiny fused model, trained through the command line."""
    place = tmp_path_factory.mktemp("trained")
    done = fusion("train", *TINY, f"data.path={corpus}", cwd=place)
    assert done.returncode == 0, done.stderr
    assert ".py:" not in done.stderr, "a library's warning on the user's terminal"
    return place / done.stdout.strip()
