"""A small corpus on disk, a tiny model trained on it once, and the real command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# The smallest run that has everything: both branches, two epochs, a validation and a test side.
IMAGE = ["backbone=timm", "backbone.model=test_resnet", "backbone.weights=random", "input_shape=32", "source_size=64"]
TEXT = ["text=scratch", "text.vocabulary=300", "text.max_tokens=32", "text.dim=16", "text.blocks=1", "text.heads=2"]
HEAD = ["fusion.hidden=[16]", "epochs=2", "batch_size=8", "data=folder"]
TINY = IMAGE + TEXT + HEAD
TEXT_ONLY = ["backbone=none", *TEXT, *HEAD]

CODE = {
    "python": "def total_{i}(values):\n    result = {i}\n    for value in values:\n        result += value\n    return result\n",
    "c": "static int total_{i}(const int *v, int n) {{\n    int r = {i};\n    for (int k = 0; k < n; k++) {{\n        r += v[k];\n    }}\n    return r;\n}}\n",
    "css": ".box-{i} {{\n    margin: {i}px auto;\n    color: #2{i}a4f0;\n}}\n.box-{i} > a:hover {{\n    display: block;\n}}\n",
}


def write_corpus(folder: Path, files: int = 6) -> Path:
    """folder/<label>/<file>: each file is a project of its own."""
    for label, code in CODE.items():
        (folder / label).mkdir(parents=True)
        for i in range(files):
            text = "\n".join(code.format(i=10 * i + k) for k in range(3))
            (folder / label / f"{i}.txt").write_text(text)
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "code")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a process without a hub and with a cache of its own, one thread."""
    cache = tmp_path_factory.mktemp("cache")
    return os.environ | {
        "FUSION_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "NO_COLOR": "1",
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


@pytest.fixture(scope="session")
def trained(fusion: Command, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny fused model, trained through the command line."""
    place = tmp_path_factory.mktemp("trained")
    done = fusion("train", *TINY, f"data.path={corpus}", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / done.stdout.strip()
