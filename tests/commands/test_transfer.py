"""Transfer, augmentation, schedules and folds through the real command line."""

import csv
import json
import re
from pathlib import Path

import pytest
import timm
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file, save_file
from tests.tiny import HEAD, IMAGE, TEXT_ONLY

from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.training import run as experiment

IMAGE_ONLY = [*IMAGE, "text=none", *HEAD]


def test_a_run_with_every_option_says_what_it_did(fusion, corpus, tmp_path):
    done = fusion(
        "train", *IMAGE_ONLY, f"data.path={corpus}", "lr=search", "backbone.freeze={1: all but 2, 2: none}",
        "backbone.lr_decay=0.8", "backbone.batchnorm=recalibrate", "backbone.channels=1", "augment=code",
        "optimizer=rmsprop", "schedule=cosine", "schedule.warmup=2", "loss.class_weights=balanced",
        "loss.label_smoothing=0.1", "loss.l2.activity=0.001", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / done.stdout.strip()
    run = json.loads((folder / "run.json").read_text())
    assert run["config"]["lr"] == run["rate_search"]["chosen"] > 0
    assert run["batchnorm"]["policy"] == "recalibrate" and run["batchnorm"]["layers"] > 0
    assert {"train_mode_accuracy", "eval_mode_accuracy", "diverged"} <= run["batchnorm"].keys()
    assert run["image"]["channels"] == 1 and len(run["image"]["normalisation"]["mean"]) == 3
    assert (folder / "plots" / "learning_rate.png").read_bytes().startswith(b"\x89PNG")
    assert "epoch 1: 2 of the" in done.stderr and "epoch 2: 6 of the" not in done.stderr.split("epoch 1 of 2")[0]
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


def test_a_frozen_branch_is_saved_as_it_came(fusion, corpus, tmp_path):

    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "came.safetensors")
    done = fusion(
        "train", *IMAGE_ONLY, f"data.path={corpus}", "backbone.weights=came.safetensors", "backbone.freeze=all",
        "epochs=1", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / done.stdout.strip()
    came, kept = load_file(tmp_path / "came.safetensors"), load_file(folder / "model" / "model.safetensors")
    inside = {name.removeprefix("branches.image.net."): value for name, value in kept.items() if "image" in name}
    assert inside and all(torch.equal(value, came[name]) for name, value in inside.items())
    assert json.loads((folder / "run.json").read_text())["batchnorm"] == {"policy": "adapt", "layers": 0}


@pytest.fixture(scope="module")
def folds(fusion, corpus, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("folds")
    done = fusion("train", *TEXT_ONLY, f"data.path={corpus}", "folds=2", "name=k", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / done.stdout.strip()


def test_folds_are_runs_and_a_summary(folds):
    runs = sorted(path.parent for path in folds.glob("*/run.json"))
    records = [json.loads((run / "run.json").read_text()) for run in runs]
    records.sort(key=lambda record: record["config"]["fold"])  # folders of one second sort by chance
    assert [record["config"]["fold"] for record in records] == [0, 1]
    assert len({record["split_hash"] for record in records}) == 2
    assert len({record["samples"]["test"] for record in records}) == 1
    summary = json.loads((folds / "folds.json").read_text())
    reached = [record["metrics"]["test"]["accuracy"] for record in records]
    assert summary["metrics"]["test"]["accuracy"]["folds"] == reached
    assert summary["metrics"]["test"]["accuracy"]["mean"] == pytest.approx(sum(reached) / 2)
    assert summary["metrics"]["val"]["f1_macro"]["sd"] >= 0
    assert (folds / "folds.png").read_bytes().startswith(b"\x89PNG")
    with (folds / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_folds_are_compared_like_any_runs(fusion, folds):
    done = fusion("compare", folds, cwd=folds)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("completed") == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["folds=1"], "folds=1 must be a whole number of at least 2"),
        (["fold=0"], "fold=0 must be a whole number from 0 to below folds=None"),
        (["folds=3", "fold=3"], "fold=3"),
        (["folds=3", "+data.streaming=true"], "folds deal out the projects of a table"),
        (["lr=fast"], "lr=fast must be a number above 0, such as 0.001, or search"),
        (["loss.class_weights=inverse"], "loss.class_weights=inverse"),
    ],
)
def test_what_cannot_be_is_found_before_there_is_a_folder(corpus, options, said):
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = to_dict(compose("train", [*TEXT_ONLY, f"data.path={corpus}", *options]))
    with pytest.raises(UserError, match=re.escape(said)):
        experiment.check(config)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("augment=rakutan", "augment=rakutan is not known (did you mean rakuten?)"),
        ("loss.label_smothing=0.1", "did you mean loss.label_smoothing?"),
    ],
)
def test_a_mistyped_option_gets_a_hint(fusion, tmp_path, option, said):
    done = fusion("train", option, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr and "Traceback" not in done.stderr
