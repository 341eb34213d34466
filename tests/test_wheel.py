"""What a user installs: the wheel, run from a folder that knows nothing of the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, TOP]
    subprocess.run(list(map(str, build)), check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(list(map(str, install)), check=True, capture_output=True, timeout=120)
    return target


def call(site: Path, cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(cwd / "cache"), "HF_HUB_OFFLINE": "1"}
    environment.pop("FUSION_CACHE", None)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_configuration_and_manifest_are_inside(installed: Path) -> None:
    assert (installed / "fusion" / "conf" / "train.yaml").is_file()
    assert (installed / "fusion" / "data" / "manifest.csv").is_file()
    assert (installed / "fusion" / "data" / "rival_labels.yaml").is_file()
    assert (installed / "fusion" / "rivals" / "node" / "package-lock.json").is_file()
    for name in ("page.html.jinja", "style.css", "sort.js"):
        assert (installed / "fusion" / "results" / "report" / name).is_file()
    assert (installed / "fusion" / "rivals" / "node" / "guesslang.js").is_file()
    assert (installed / "fusion" / "weights" / "mobilenetv2_code.safetensors").is_file()
    assert (installed / "fusion" / "weights" / "release" / "model.safetensors").is_file()


def test_both_ways_to_call_it_compose_the_same(installed: Path, tmp_path: Path) -> None:
    options = ("backbone=densenet121", "--cfg", "job")
    module = call(installed, tmp_path, sys.executable, "-m", "fusion.train", *options)
    script = call(installed, tmp_path, sys.executable, str(installed / "bin" / "fusion"), "train", *options)
    assert module.returncode == script.returncode == 0, module.stderr + script.stderr
    assert module.stdout == script.stdout and "model: densenet121" in module.stdout


def test_the_cache_of_an_installed_fusion_is_the_users(installed: Path, tmp_path: Path) -> None:
    code = "from fusion.config.paths import cache_dir, DATA_DIR; print(cache_dir(), DATA_DIR)"
    done = call(installed, tmp_path, sys.executable, "-c", code)
    assert done.stdout.split() == [str(tmp_path / "cache" / "fusion"), str(installed / "fusion" / "data")]
