"""experiment=pretrain_image: a stream of fresh pictures, resumed after a kill, its weights loaded by name."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file, save_file
from tests.tiny import CODE, Command

from fusion.branches import weights
from fusion.branches.weights import find_image_weights
from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.files import sha256_of
from fusion.pretraining import run as pretraining
from fusion.pretraining.trainer import processes
from fusion.results.record import read_metrics, read_run

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
        ("optimizer=sgd", "pass optimizer=adamw"), ("epochs=2", "does not heed epochs=2"),
        ("backbone.freeze=all", "does not heed backbone.freeze=all"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(
    override: str, said: str, fusion: Command, corpus: Path, tmp_path: Path
) -> None:
    words = [word for word in TINY if not (override.startswith("backbone=") and word.startswith("backbone"))]
    done = fusion("train", *words, f"data.path={corpus}", override, cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr


SHORT = ["pretraining.steps=3", "pretraining.early.steps=1", "lr=0.001", "pretraining.judge_on=4"]


def configured(corpus: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return to_dict(compose("train", [*TINY, f"data.path={corpus}", *overrides]))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))


def test_a_run_notes_what_it_began_with_and_goes_on_at_the_rate_given(
    corpus: Path, tmp_path: Path, cache: None
) -> None:
    held = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), held)
    begun = [*SHORT, f"backbone.weights={held}"]
    folder = pretraining.run(configured(corpus, *begun), [], tmp_path / "runs")
    on = [*begun, f"pretraining.resume={folder}", "pretraining.steps=4"]
    noted = {"weights": {"image": "file"}, "weights_from": {"image": sha256_of(held)}}
    for words, rate in ((["lr=search"], 0.001), (["lr=0.0005", "pretraining.steps=5"], 0.0005)):
        pretraining.run(configured(corpus, *on, *words), [], tmp_path / "runs")
        run = read_run(folder)
        assert run["config"]["lr"] == rate and read_metrics(folder)[-1]["lr"] <= rate
        assert {name: run[name] for name in noted} == noted and run["status"] == "completed"
    for word, said in (("batch_size=4", "batch_size=8"), ("seed=3", "seed=0"), ("backbone.model=resnet18", "test_resnet"),
                       ("data.limit=20", "data.limit=None")):  # fmt: skip
        with pytest.raises(UserError, match=f"{said}.* cannot go on with {word}"):
            pretraining.run(configured(corpus, *on, word), [], tmp_path / "runs")
    assert read_run(folder)["status"] == "completed", "what is refused leaves the run as it was"
    shutil.copytree(corpus, tmp_path / "other")
    pretraining.run(configured(tmp_path / "other", *on, "pretraining.steps=6"), [], tmp_path / "runs")
    (tmp_path / "other" / "css" / "0.txt").unlink()
    for _ in range(2):
        with pytest.raises(UserError, match="learnt from data of split"):
            pretraining.run(configured(tmp_path / "other", *on), [], tmp_path / "runs")


@pytest.mark.parametrize(
    "words",
    [
        ["backbone.model=vgg16", "pretraining.early.input_shape=32"], ["backbone.channels=1"], ["backbone.model=inception_v3", "input_shape=96",
         "source_size=96", "pretraining.early.input_shape=80"],
        ["backbone.model=convnet", "input_shape=64", "source_size=64", "pretraining.early.steps=0"],
        ["backbone.pooling=flatten", "pretraining.early.steps=0"],
    ],
    ids=["vgg16", "luminance", "inception_v3", "convnet", "flatten"],
)  # fmt: skip
def test_any_backbone_with_a_map_of_features_can_be_taught(
    words: list[str], corpus: Path, tmp_path: Path, cache: None
) -> None:
    folder = pretraining.run(configured(corpus, *SHORT, "pretraining.steps=2", *words), [], tmp_path)
    assert read_run(folder)["status"] == "completed" and read_metrics(folder)[-1]["reading_loss"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backbone.pooling=flatten", "input_shape=64"], "pass pretraining.early.steps=0"),
        (["backbone.model=convnet", "input_shape=64"], "takes no pictures of 24 pixels"),
        (["backbone.model=test_vit", "input_shape=160"], "no square map"),
    ],
)
def test_a_backbone_that_cannot_be_taught_is_named(
    words: list[str], said: str, corpus: Path, tmp_path: Path, cache: None
) -> None:
    with pytest.raises(UserError, match=said):
        pretraining.run(configured(corpus, *SHORT, *words), [], tmp_path)


def test_the_group_of_processes_is_closed_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda _: done.append("begun"))
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: done.append("closed"))
    for _ in range(2):  # two runs of a sweep
        with pytest.raises(UserError), processes():
            raise UserError("no room")
    assert done == ["begun", "closed"] * 2
