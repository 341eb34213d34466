"""A frozen image branch: its features are computed once, kept, checked, and give the run that drawing gives."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import timm
import torch
from hydra import compose, initialize_config_dir
from safetensors import safe_open
from safetensors.torch import save_file
from tests.tiny import HEAD, IMAGE, TEXT, write_corpus

from fusion import files
from fusion.branches import create_image
from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.model import checkpoint
from fusion.results.record import read_run
from fusion.training import batchnorm, frozen
from fusion.training import feature_cache as features
from fusion.training import run as experiment
from fusion.training import setup as learning
from fusion.training.feature_cache import applies, keep, weights_hash

FROZEN = [*IMAGE, *HEAD, "text=none", "backbone.freeze=all", "epochs=3", "patience=null"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def train(tmp_path: Path, corpus: Path) -> Callable[..., Path]:
    def call(*overrides: str, base: list[str] = FROZEN, of: Path = corpus) -> Path:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            config = to_dict(compose("train", [*base, f"data.path={of}", *overrides]))
        return experiment.run(config, overrides, tmp_path / "runs")

    return call


def logits(folder: Path) -> np.ndarray:
    return np.array(pq.read_table(folder / "predictions.parquet")["logits"].to_pylist())


@pytest.mark.parametrize("overrides", [
    [],
    ["backbone.variants=2"],
    ["render.view=tiles", "render.tile_size=40", "render.tile_margin=0", "render.tile_count=2"],
    ["render.view=random_crop", "render.crop_size=40", "backbone.variants=2", "backbone.pooling=flatten"],
    [*TEXT, "fusion.modality_dropout=0.3"],
    ["precision=bf16-mixed"],
])  # fmt: skip
def test_a_run_on_kept_features_is_the_run_on_pictures(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    kept = train(*overrides)
    assert read_run(kept)["features"]["computed"] > 0
    monkeypatch.setattr(frozen, "keep", lambda *_: None)
    drawn = train(*overrides)
    assert "features" not in read_run(drawn)
    np.testing.assert_allclose(logits(kept), logits(drawn), rtol=1e-4, atol=1e-4)
    ours, theirs = read_run(kept)["metrics"]["test"], read_run(drawn)["metrics"]["test"]
    assert ours["accuracy"] == theirs["accuracy"] and ours["nll"] == pytest.approx(theirs["nll"], abs=1e-3)


def test_the_model_that_is_left_reads_pictures(
    train: Callable[..., Path], fusion: Callable[..., Any], tmp_path: Path
) -> None:
    folder = train()
    (tmp_path / "code.py").write_text("def f(x):\n    return x\n")
    done = fusion("predict", "--run", folder, "--json", tmp_path / "code.py")
    assert done.returncode == 0, done.stderr


def test_other_heads_train_on_what_is_kept(train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_run(train())["features"]
    monkeypatch.setattr(features, "_compute", lambda *_: pytest.fail("computed again"))
    for head in ("fusion.hidden=[]", "fusion.dropout=0.5", "lr=0.01", "epochs=1", "batch_size=4"):
        again = read_run(train(head))["features"]
        assert again["computed"] == 0 and again["pictures"] == first["pictures"]


@pytest.mark.parametrize("change", [
    "seed=1", "render.theme=monokai", "source_size=80", "input_shape=40", "backbone.pooling=flatten", "render.highlight=none",
])  # fmt: skip
def test_what_changes_a_picture_or_its_reading_is_computed_anew(train: Callable[..., Path], change: str) -> None:
    train()
    said = read_run(train(change))["features"]
    assert said["computed"] == said["pictures"]


def test_other_data_is_computed_anew(train: Callable[..., Path], tmp_path: Path) -> None:
    train()
    said = read_run(train(of=write_corpus(tmp_path / "more", files=8)))["features"]
    assert said["computed"] > 0


def test_each_style_variant_is_kept_and_no_more_than_there_are_epochs(train: Callable[..., Path]) -> None:
    one, two, more = (read_run(train(f"backbone.variants={n}")) for n in (1, 2, 9))
    samples = one["samples"]
    judged = samples["val"] + samples["test"]
    assert one["features"]["computed"] == samples["train"] + judged
    assert two["features"] | {"seconds": 0} == one["features"] | {
        "variants": 2, "pictures": 2 * samples["train"] + judged, "computed": samples["train"], "seconds": 0,
    }  # fmt: skip
    assert more["features"]["variants"] == 3, "one for each epoch"


@pytest.mark.parametrize("overrides", [
    ["backbone.freeze=none"], ["backbone.freeze={1:all,2:none}"], ["augment=code"], ["backbone.variants=null"],
])  # fmt: skip
def test_pictures_that_change_or_are_read_by_what_learns_are_not_kept(
    train: Callable[..., Path], cache: Path, overrides: list[str]
) -> None:
    assert "features" not in read_run(train(*overrides, "epochs=2"))
    assert not (cache / "features").exists()


def test_a_number_of_variants_that_means_nothing(train: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"backbone\.variants=-1 must be"):
        train("backbone.variants=-1")


def test_features_that_are_too_many_are_not_kept(train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "room", lambda _: 1000)
    folder = train()
    assert "features" not in read_run(folder) and "too much to keep" in (folder / "run.log").read_text()


@pytest.mark.parametrize("damage", ["cut", "flipped", "others", "no metadata"])
def test_damaged_features_are_found_and_computed_anew(train: Callable[..., Path], cache: Path, damage: str) -> None:
    right = logits(train())
    for path in (cache / "features").iterdir():
        content = bytearray(path.read_bytes())
        if damage == "cut":
            path.write_bytes(content[:-7])
        elif damage == "flipped":
            content[-3] ^= 0x40
            path.write_bytes(content)
        else:
            with safe_open(path, "pt") as file:
                values, said = file.get_tensor("features"), file.metadata()
            said["rows"] = said["rows"].replace("python", "haskell")
            save_file({"features": values}, path, metadata=said if damage == "others" else None)
    again = train()
    assert "is damaged" in (again / "run.log").read_text()
    assert read_run(again)["features"]["computed"] == read_run(again)["features"]["pictures"]
    np.testing.assert_array_equal(logits(again), right)


def test_two_sweeps_at_once_leave_one_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "getpid", threading.get_ident)  # threads that write as processes do
    branch = create_image({"model": "test_resnet", "weights": "random"}, 32).module
    rows = [(f"{i:064x}", "c", "") for i in range(12)]
    pictures = torch.randint(0, 256, (12, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found, states = [], [branch.state_dict()]

    def sweep() -> None:
        own = create_image({"model": "test_resnet", "weights": "random"}, 32).module
        own.load_state_dict(states[0])
        kept, _ = keep(
            own, lambda *_: (rows, pictures.split(5)), {"train": [0]}, ["view"], tmp_path, torch.device("cpu")
        )
        found.append(kept(rows, 0))

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (_only,) = (tmp_path / "features").iterdir()
    assert len(found) == 4 and all(torch.equal(found[0], other) for other in found)
    kept, said = keep(branch, lambda *_: (rows, iter([])), {"train": [0]}, ["view"], tmp_path, torch.device("cpu"))
    assert said["computed"] == 0 and torch.equal(kept(rows[::-1], 0), found[0].flip(0))


def test_the_hash_of_weights_is_of_every_one_of_them_and_of_the_statistics() -> None:
    branch = create_image({"model": "test_resnet", "weights": "random"}, 32).module
    before = weights_hash(branch)
    assert weights_hash(branch) == before
    next(iter(branch.parameters())).data[0, 0, 0, 0] += 1e-3
    to_device = weights_hash(branch)
    buffers = dict(branch.named_buffers())
    buffers[next(name for name in buffers if "running_mean" in name)][0] += 1e-3
    assert len({before, to_device, weights_hash(branch)}) == 3


def test_streams_keep_nothing() -> None:
    config = {"backbone": {"name": "x", "freeze": "all", "variants": 1}, "augment": {"name": "none"}, "data": {}}
    assert applies(config) and not applies(config | {"data": {"streaming": True}})
    assert not applies(config | {"backbone": {"name": "none"}})


def test_features_of_another_precision_are_others(train: Callable[..., Path]) -> None:
    whole = train()
    half = train("precision=bf16-mixed")
    assert read_run(half)["features"]["computed"] == read_run(whole)["features"]["computed"] > 0
    assert read_run(train("precision=bf16-mixed", "lr=0.01"))["features"]["computed"] == 0


def test_pictures_are_read_a_few_at_a_time(
    train: Callable[..., Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"backbone.weights={write_weights(tmp_path / 'own.safetensors')}"
    at_once = logits(train(own))
    shutil.rmtree(cache / "features")
    monkeypatch.setattr(features, "AT_ONCE", 3 * 32**2)
    few = train(own, "again=true")
    assert read_run(few)["features"]["computed"] > 0
    assert np.allclose(logits(few), at_once, atol=1e-5)


def write_weights(path: Path) -> Path:
    """Weights whose first normalisation has a mean of 7."""
    torch.manual_seed(0)
    net = timm.create_model("test_resnet")
    torch.nn.init.constant_(batchnorm.tracking(net)[0].running_mean, 7.0)
    save_file(net.state_dict(), path)
    return path


@pytest.mark.parametrize("freeze", ["all", "all but 2"])
def test_random_weights_that_are_frozen_get_statistics_from_training_pictures(
    train: Callable[..., Path], freeze: str
) -> None:
    folder = train(f"backbone.freeze={freeze}", "epochs=1")
    run, net = read_run(folder), checkpoint.load(folder / "model").net
    assert run["statistics"] == {"estimated_on": min(learning.STARTED, run["samples"]["train"])}
    first = batchnorm.tracking(net.branches["image"])[0]
    assert (first.running_mean != 0).all() and (first.running_var != 1).all()


@pytest.mark.parametrize("overrides", [
    ["backbone.freeze=none"], ["backbone.freeze=none", "backbone.batchnorm=adapt"], ["backbone.model=test_vit3", "input_shape=160", "source_size=160"],
])  # fmt: skip
def test_what_learns_or_has_no_statistics_is_left_as_it_starts(
    train: Callable[..., Path], overrides: list[str]
) -> None:
    assert "statistics" not in read_run(train(*overrides, "epochs=1"))


def test_statistics_that_weights_came_with_are_kept(train: Callable[..., Path], tmp_path: Path) -> None:
    folder = train(f"backbone.weights={write_weights(tmp_path / 'own.safetensors')}", "epochs=1")
    kept = batchnorm.tracking(checkpoint.load(folder / "model").net.branches["image"])[0]
    assert (kept.running_mean == 7).all() and "statistics" not in read_run(folder)
