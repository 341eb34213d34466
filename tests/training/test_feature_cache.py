"""A frozen image branch: its features are computed once, kept, checked, and give the run that drawing gives."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.tiny import IMAGE_ONLY, TEXT, configured, sample, write_corpus

from fusion import files
from fusion.branches import create_image
from fusion.collate import FeatureStore
from fusion.config.branches import Backbone
from fusion.config.options import parse
from fusion.model import checkpoint
from fusion.results.record import read_run
from fusion.serving.inputs import Input
from fusion.serving.predictor import Predictor
from fusion.training import batchnorm, feature_cache, run
from fusion.training.feature_cache import load_or_compute, styles_to_keep, weights_hash

pytestmark = pytest.mark.filterwarnings("ignore:.*in eval mode at the start")

FROZEN = [*IMAGE_ONLY, "backbone.freeze=all", "epochs=3", "patience=null"]


@pytest.fixture
def train(tmp_path: Path, corpus: Path) -> Callable[..., Path]:
    def call(*overrides: str, of: Path = corpus) -> Path:
        return run.run(configured(*FROZEN, f"data.path={of}", *overrides), overrides, tmp_path / "runs")

    return call


def logits(folder: Path) -> np.ndarray:
    return np.array(pq.read_table(folder / "predictions.parquet")["logits"].to_pylist())


@pytest.mark.parametrize("overrides", [
    [],
    ["backbone.num_styles=2"],
    ["render.view=tiles", "render.tile_size=40", "render.tile_margin=0", "render.tile_count=2"],
    ["render.view=random_crop", "render.crop_size=40", "backbone.num_styles=2", "backbone.pooling=flatten"],
    [*TEXT, "fusion.modality_dropout=0.3"],
    ["precision=bf16-mixed"],
])  # fmt: skip
def test_a_run_on_kept_features_is_the_run_on_pictures(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    cached = train(*overrides)
    assert read_run(cached)["features"]["computed"] > 0
    monkeypatch.setattr(run, "use_cached_features", lambda *_: None)
    drawn = train(*overrides)
    assert "features" not in read_run(drawn)
    np.testing.assert_allclose(logits(cached), logits(drawn), rtol=1e-4, atol=1e-4)
    ours, theirs = read_run(cached)["metrics"]["test"], read_run(drawn)["metrics"]["test"]
    assert ours["accuracy"] == theirs["accuracy"] and ours["nll"] == pytest.approx(theirs["nll"], abs=1e-3)


def test_a_run_says_what_an_answer_takes_unless_features_were_kept(train: Callable[..., Path]) -> None:
    assert "ms_per_sample" not in read_run(train())["timings"]
    assert read_run(train("backbone.num_styles=null"))["timings"]["ms_per_sample"] > 0


def test_the_model_that_is_left_reads_pictures(train: Callable[..., Path]) -> None:
    (answer,) = Predictor(train()).predict([Input("code.py", "ok", sample("python", 7))])
    assert answer.raw is not None and answer.input["modalities"] == ["image"]


def test_other_heads_train_on_what_is_kept(train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_run(train())["features"]
    monkeypatch.setattr(feature_cache, "_compute", lambda *_: pytest.fail("computed again"))
    for head in ("fusion.hidden=[]", "fusion.dropout=0.5", "lr=0.01", "epochs=1", "batch_size=4"):
        features = read_run(train(head))["features"]
        assert features["computed"] == 0 and features["pictures"] == first["pictures"]


def test_what_changes_a_picture_or_its_reading_is_computed_anew(train: Callable[..., Path]) -> None:
    train()
    for change in ("seed=1", "render.theme=monokai", "source_size=80", "input_shape=40", "backbone.pooling=flatten",
                   "render.highlight=none"):  # fmt: skip
        features = read_run(train(change, "epochs=1"))["features"]
        assert features["computed"] == features["pictures"], change


def test_other_data_is_computed_anew(train: Callable[..., Path], tmp_path: Path) -> None:
    train()
    features = read_run(train(of=write_corpus(tmp_path / "more", files=8)))["features"]
    assert features["computed"] > 0


def test_each_style_is_kept_and_no_more_than_there_are_epochs(train: Callable[..., Path]) -> None:
    one, two, more = (read_run(train(f"backbone.num_styles={n}")) for n in (1, 2, 9))
    samples = one["samples"]
    evaluated = samples["val"] + samples["test"]
    assert one["features"]["computed"] == samples["train"] + evaluated
    assert two["features"] | {"seconds": 0} == one["features"] | {
        "num_styles": 2, "pictures": 2 * samples["train"] + evaluated, "computed": samples["train"], "seconds": 0,
    }  # fmt: skip
    assert more["features"]["num_styles"] == 3, "one for each epoch"


@pytest.mark.parametrize("overrides", [
    ["backbone.freeze=none"], ["backbone.freeze={1:all,2:none}"], ["augment=code"], ["backbone.num_styles=null"],
])  # fmt: skip
def test_pictures_that_change_or_are_read_by_what_learns_are_not_kept(
    train: Callable[..., Path], cache_folder: Path, overrides: list[str]
) -> None:
    assert "features" not in read_run(train(*overrides, "epochs=2"))
    assert not (cache_folder / "features").exists()


def test_features_that_are_too_many_are_not_kept(train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "free_memory", lambda _: 1000)
    folder = train()
    assert "features" not in read_run(folder) and "too much to keep" in (folder / "run.log").read_text()


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(content[:-7])
    elif how == "flipped":
        content[-3] ^= 0x40
        path.write_bytes(content)
    else:
        with safe_open(path, "pt") as file:
            values, facts = file.get_tensor("features"), file.metadata()
        facts["rows"] = facts["rows"].replace("python", "haskell")
        save_file({"features": values}, path, metadata=facts if how == "others" else None)


def test_damaged_features_are_found_and_computed_anew(train: Callable[..., Path], cache_folder: Path) -> None:
    undamaged = logits(train())
    for how in ("cut", "flipped", "others", "no metadata"):
        for path in (cache_folder / "features").iterdir():
            damage(path, how)
        folder = train()
        features = read_run(folder)["features"]
        assert features["computed"] == features["pictures"], how
        assert "is damaged" in (folder / "run.log").read_text(), how
        np.testing.assert_array_equal(logits(folder), undamaged, how)


def new_branch() -> torch.nn.Module:
    backbone = parse(Backbone, {"name": "timm", "model": "test_resnet", "weights": "random"})
    return create_image(backbone, 32).module


def test_two_sweeps_at_once_leave_one_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "getpid", threading.get_ident)  # threads that write as processes do
    branch = new_branch()
    rows = [(f"{i:064x}", "c", "") for i in range(12)]
    pictures = torch.randint(0, 256, (12, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found: list[torch.Tensor] = []

    def load(module: torch.nn.Module, draw: feature_cache.Draw) -> tuple[FeatureStore, dict[str, Any]]:
        return load_or_compute(module, draw, {"train": [0]}, ["view"], tmp_path, torch.device("cpu"))

    def sweep() -> None:
        own = new_branch()
        own.load_state_dict(branch.state_dict())
        features, _ = load(own, lambda *_: (rows, pictures.split(5)))
        found.append(features(rows, 0))

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (_only,) = (tmp_path / "features").iterdir()
    assert len(found) == 4 and all(torch.equal(found[0], other) for other in found)
    features, summary = load(branch, lambda *_: (rows, iter([])))
    assert summary["computed"] == 0 and torch.equal(features(rows[::-1], 0), found[0].flip(0))


def test_the_hash_of_weights_is_of_every_one_of_them_and_of_the_statistics() -> None:
    branch = new_branch()
    before = weights_hash(branch)
    assert weights_hash(branch) == before
    next(iter(branch.parameters())).data[0, 0, 0, 0] += 1e-3
    with_other_weight = weights_hash(branch)
    buffers = dict(branch.named_buffers())
    buffers[next(name for name in buffers if "running_mean" in name)][0] += 1e-3
    assert len({before, with_other_weight, weights_hash(branch)}) == 3


def test_streams_keep_nothing() -> None:
    config = configured(*FROZEN, "data=csv", "data.path=rows.csv")
    streamed = replace(config, data=replace(config.data, streaming=True))
    assert styles_to_keep(config) == 1 and styles_to_keep(streamed) is None
    assert styles_to_keep(configured("backbone=none", "text=nano")) is None


def test_features_of_another_precision_are_others(train: Callable[..., Path]) -> None:
    whole = train()
    half = train("precision=bf16-mixed")
    assert read_run(half)["features"]["computed"] == read_run(whole)["features"]["computed"] > 0
    assert read_run(train("precision=bf16-mixed", "lr=0.01"))["features"]["computed"] == 0


def test_pictures_are_read_a_few_at_a_time(
    train: Callable[..., Path], cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"backbone.weights={write_weights(tmp_path / 'own.safetensors')}"
    at_once = logits(train(own))
    shutil.rmtree(cache_folder / "features")
    monkeypatch.setattr(feature_cache, "PIXELS_AT_ONCE", 3 * 32**2)
    few = train(own)
    assert read_run(few)["features"]["computed"] > 0
    assert np.allclose(logits(few), at_once, atol=1e-5)


def write_weights(path: Path) -> Path:
    """Write weights whose first normalisation has a mean of 7."""
    torch.manual_seed(0)
    net = timm.create_model("test_resnet")
    torch.nn.init.constant_(batchnorm.batchnorm_layers(net)[0].running_mean, 7.0)
    save_file(net.state_dict(), path)
    return path


@pytest.mark.parametrize("freeze", ["all", "all but 2"])
def test_random_weights_that_are_frozen_get_statistics_from_training_pictures(
    train: Callable[..., Path], freeze: str
) -> None:
    folder = train(f"backbone.freeze={freeze}", "epochs=1")
    run, net = read_run(folder), checkpoint.load(folder / "model").net
    assert run["statistics"] == {"estimated_on": min(batchnorm.ESTIMATED_ON, run["samples"]["train"])}
    first = batchnorm.batchnorm_layers(net.branches["image"])[0]
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
    first = batchnorm.batchnorm_layers(checkpoint.load(folder / "model").net.branches["image"])[0]
    assert (first.running_mean == 7).all() and "statistics" not in read_run(folder)
