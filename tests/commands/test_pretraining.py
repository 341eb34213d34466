"""experiment=pretrain_image: a stream of fresh pictures, resumed after a kill, its weights loaded by name."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fusion.branches import weights
from fusion.branches.weights import find_image_weights
from fusion.config import UserError
from fusion.files import sha256_of
from fusion.results.record import read_metrics, read_run

from .conftest import CODE, Command

TINY = [
    "experiment=pretrain_image", "backbone=timm", "backbone.model=test_resnet", "backbone.weights=random", "data=folder",
    "input_shape=32", "source_size=48", "batch_size=8", "render.font=dejavu-sans-mono", "render.font_size=12",
    "pretraining.steps=12", "pretraining.warmup=2", "pretraining.early.steps=6", "pretraining.early.input_shape=24",
    "pretraining.early.render.font_size=12", "pretraining.spare=[]",
    "pretraining.passage={rows:3,columns:7,ink:6}", "pretraining.check_every=4", "pretraining.save_every=2",
    "pretraining.check_on=20",
]  # fmt: skip


@pytest.fixture(scope="module")
def pretrained(fusion: Command, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pretrained")
    done = fusion("train", *TINY, f"data.path={corpus}", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / done.stdout.strip()


def test_a_run_leaves_a_whole_folder(pretrained: Path, corpus: Path) -> None:
    run = read_run(pretrained)
    assert run["status"] == "completed" and run["steps"] == 12
    assert [look["pictures"] for look in read_metrics(pretrained)] == [32, 64, 96]
    assert run["metrics"]["test"]["n"] > 0 and 1e-6 < run["config"]["lr"] < 0.1, "the rate is the one that was found"
    for name in (
        "plots/curves.png",
        "plots/learning_rate.png",
        "plots/confusion.png",
        "predictions.parquet",
        "state.pt",
    ):
        assert (pretrained / name).stat().st_size > 0
    card = (pretrained / "weights" / "timm_code.md").read_text()
    assert "96 pictures" in card and f"data.path={corpus}" not in card, "paths of a machine are of no use to a reader"


def test_its_model_predicts(fusion: Command, pretrained: Path, corpus: Path) -> None:
    done = fusion("predict", "--run", pretrained, "--json", corpus / "css" / "0.txt", cwd=pretrained)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["raw"]["label"] in CODE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_killed_run_goes_on_to_the_same_weights(
    number: int, pretrained: Path, corpus: Path, environment: dict[str, str], fusion: Command, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "fusion.train", *TINY, f"data.path={corpus}"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 200
    while not (found := list(tmp_path.glob("runs/*/*/state.pt"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.communicate()
    assert found and process.returncode != 0, "it ended before it could be killed"
    folder = found[0].parent
    assert read_run(folder)["status"] == ("running" if number == signal.SIGKILL else "interrupted")
    assert torch.load(found[0], weights_only=True)["step"] < 12
    done = fusion("train", *TINY, f"data.path={corpus}", f"pretraining.resume={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == folder and read_run(folder)["status"] == "completed"
    once, twice = (load_file(at / "model" / "model.safetensors") for at in (pretrained, folder))
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[name], twice[name]) for name in once)
    looks = [[{**look, "seconds": 0} for look in read_metrics(at)] for at in (pretrained, folder)]
    assert looks[0] == looks[1]


def test_its_weights_are_loaded_by_name(pretrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "CODE", pretrained / "weights")
    origin = find_image_weights("test_resnet", "code")
    assert origin.kind == "code" and origin.path is not None
    halves, whole = load_file(origin.path), load_file(pretrained / "model" / "model.safetensors")
    for name, value in halves.items():
        assert torch.equal(value, whole[f"branches.image.net.{name}"].to(value.dtype))
    assert {value.dtype for value in halves.values() if value.is_floating_point()} == {torch.float16}
    with pytest.raises(UserError, match=r"test_resnet, not of resnet18"):
        find_image_weights("resnet18", "code")
    facts = json.loads(origin.path.with_suffix(".json").read_text())
    assert facts["sha256"] == sha256_of(origin.path) and facts["projects"]
    origin.path.write_bytes(origin.path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UserError, match="damaged"):
        find_image_weights("test_resnet", "code")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("text=scratch", "text=none"), ("backbone=none", "nothing to learn from"),
        ("pretraining.resume=nowhere", "nowhere has no state.pt"), ("pretraining.spare=[smal]", "did you mean small"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(
    override: str, said: str, fusion: Command, corpus: Path, tmp_path: Path
) -> None:
    words = [word for word in TINY if not (override.startswith("backbone=") and word.startswith("backbone"))]
    done = fusion("train", *words, f"data.path={corpus}", override, cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
