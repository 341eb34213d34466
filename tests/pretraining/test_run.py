"""experiment=pretrain_image: a stream of fresh pictures, resumed at any step, its weights loaded by name."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from tests.pretraining.conftest import Pretrain
from tests.pretraining.tiny_runs import LR, UNSTEADY, configured, evaluations, same_weights
from tests.tiny import CODE

from fusion import weights as shipped
from fusion.branches.weights import find_image_weights
from fusion.config.errors import UserError
from fusion.console import Stopped
from fusion.files import sha256_of
from fusion.model import checkpoint
from fusion.pretraining import run as pretraining
from fusion.pretraining.callbacks import MetricsLogger
from fusion.results.record import read_metrics, read_run

SHORT = ["pretraining.steps=3", "pretraining.early.steps=1", "lr=0.001", "pretraining.final_eval_samples=4"]


def test_a_run_leaves_a_whole_folder(pretrained: Path, corpus: Path) -> None:
    run = read_run(pretrained)
    assert run["status"] == "completed" and run["steps"] == 12 and run["config"]["lr"] == "search"
    assert [evaluation["pictures"] for evaluation in read_metrics(pretrained)] == [32, 64, 96]
    assert run["metrics"]["test"]["n"] > 0 and 1e-6 < run["resolved"]["lr"] < 0.1, "the rate is the one that was found"
    for name in (
        "plots/curves.png", "plots/learning_rate.png", "plots/confusion.png", "predictions.parquet", "last.ckpt",
    ):  # fmt: skip
        assert (pretrained / name).stat().st_size > 0
    card = (pretrained / "weights" / "timm_code.md").read_text()
    assert "96 pictures" in card and f"data.path={corpus}" not in card, "paths of a machine are of no use to a reader"


def test_its_weights_are_loaded_by_name(pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(pretrained / "weights", tmp_path / "weights")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "weights")
    source = find_image_weights("test_resnet", "code")
    assert source.kind == "code" and source.path is not None
    halves, whole = load_file(source.path), load_file(pretrained / "model" / "model.safetensors")
    for name, value in halves.items():
        assert torch.equal(value, whole[f"branches.image.net.{name}"].to(value.dtype))
    assert {value.dtype for value in halves.values() if value.is_floating_point()} == {torch.float16}
    with pytest.raises(UserError, match=r"test_resnet, not of resnet18"):
        find_image_weights("resnet18", "code")
    facts = json.loads(source.path.with_suffix(".json").read_text())
    assert facts["sha256"] == sha256_of(source.path) and facts["projects"]
    source.path.write_bytes(source.path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UserError, match="damaged"):
        find_image_weights("test_resnet", "code")


@pytest.mark.parametrize("step", [2, 5, 6, 11], ids=lambda step: f"step {step}")
def test_a_run_goes_on_where_it_was_stopped(
    step: int, whole: Path, pretrain: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = MetricsLogger.on_before_optimizer_step

    def stop(self: MetricsLogger, trainer: Any, *rest: Any) -> None:
        if trainer.global_step == step:
            stopped.append(Path(trainer.default_root_dir))
            raise Stopped(signal.SIGTERM)
        added(self, trainer, *rest)

    stopped: list[Path] = []
    monkeypatch.setattr(MetricsLogger, "on_before_optimizer_step", stop)
    with pytest.raises(Stopped):
        pretrain(*UNSTEADY)
    monkeypatch.undo()
    assert read_run(stopped[0])["status"] == "interrupted"
    assert torch.load(stopped[0] / "last.ckpt", weights_only=True)["global_step"] == step
    folder = pretrain(*UNSTEADY, f"pretraining.resume={stopped[0]}")
    assert folder == stopped[0] and read_run(folder)["status"] == "completed"
    assert same_weights(whole, folder)
    assert evaluations(whole) == evaluations(folder), "an evaluation is neither left out nor done twice"
    assert [evaluation["step"] for evaluation in evaluations(folder)] == [5, 10, 12]


def test_a_run_that_is_complete_can_be_finished_again_or_made_longer(whole: Path, pretrain: Pretrain) -> None:
    folder = whole.parent / "copy"
    shutil.copytree(whole, folder)
    pretrain(*UNSTEADY, f"pretraining.resume={folder}")
    assert same_weights(whole, folder), "the average, not the weights of the last step"
    pretrain(*UNSTEADY, f"pretraining.resume={folder}", "pretraining.steps=14", "pretraining.cooldown=0")
    run = read_run(folder)
    assert run["steps"] == 14 and run["status"] == "completed" and not same_weights(whole, folder)
    assert [evaluation["step"] for evaluation in evaluations(folder)] == [5, 10, 12, 14]
    assert evaluations(folder)[-1]["lr"] == 0.003, "the schedule is that of the longer run"


def test_what_lightning_offers_is_used(pretrain: Pretrain, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unclipped = [word for word in UNSTEADY if not word.startswith("gradient_clip_val")]
    assert not same_weights(whole, pretrain(*unclipped)), "gradient_clip_val"
    values = iter([0.5, 0.4, 0.3, 0.2])
    log = pretraining.PretrainingTask.log_dict
    monkeypatch.setattr(
        pretraining.PretrainingTask, "log_dict",
        lambda self, metrics, **rest: log(self, metrics | {"val_f1_macro": next(values)}, **rest),
    )  # fmt: skip
    folder = pretrain(LR, "patience=2", "pretraining.eval_every=2", "precision=bf16-mixed")
    run = read_run(folder)
    assert run["steps"] == 6 and run["status"] == "completed", "two evaluations without a better macro-F1"
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 6
    assert run["resolved"]["precision"] == "bf16-mixed"
    checkpoint.load(folder / "model")


def test_a_loss_that_is_no_number_is_one_sentence(pretrain: Pretrain) -> None:
    with pytest.raises(UserError, match=r"training loss is (nan|inf) at step \d+ with lr=1e\+30; lower lr"):
        pretrain("lr=1e30")


def test_a_run_notes_what_it_began_with_and_goes_on_at_the_rate_given(
    corpus: Path, tmp_path: Path, pretrain: Pretrain
) -> None:
    given = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), given)
    begun = [*SHORT, f"backbone.weights={given}"]
    folder = pretrain(*begun)
    resume = [*begun, f"pretraining.resume={folder}", "pretraining.steps=4"]
    origin = {"weights": {"image": "file"}, "weights_id": {"image": sha256_of(given)}}
    for words, lr in ((["lr=search"], 0.001), (["lr=0.0005", "pretraining.steps=5"], 0.0005)):
        pretrain(*resume, *words)
        run = read_run(folder)
        assert run["resolved"]["lr"] == lr and read_metrics(folder)[-1]["lr"] <= lr
        assert {name: run["resolved"][name] for name in origin} == origin and run["status"] == "completed"
    for word, said in (
        ("batch_size=4", "batch_size=8"), ("seed=3", "seed=0"), ("backbone.model=resnet18", "test_resnet"),
        ("data.limit=20", "data.limit=null"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=f"{said}.* cannot go on with {word}"):
            pretrain(*resume, word)
    assert read_run(folder)["status"] == "completed", "what is refused leaves the run as it was"
    with pytest.raises(UserError, match="another network"):
        pretrain(*resume, "fusion.hidden=[4]")
    shutil.copytree(corpus, tmp_path / "other")
    pretrain(*resume, "pretraining.steps=6", data=tmp_path / "other")
    (tmp_path / "other" / "css" / "0.txt").unlink()
    for _ in range(2):
        with pytest.raises(UserError, match="learnt from data of split"):
            pretrain(*resume, data=tmp_path / "other")


WHOLE_MAP = "pretraining.character_stride=null"


@pytest.mark.parametrize(
    "words",
    [
        ["backbone.model=vgg16", "pretraining.early.input_shape=32"], ["backbone.channels=1"],
        ["backbone.model=inception_v3", "input_shape=96", "source_size=96", "pretraining.early.input_shape=80"],
        ["backbone.model=convnet", "input_shape=64", "source_size=64", "pretraining.early.steps=0", WHOLE_MAP],
        ["backbone.pooling=flatten", "pretraining.early.steps=0"],
    ],
    ids=["vgg16", "luminance", "inception_v3", "convnet", "flatten"],
)  # fmt: skip
def test_any_backbone_with_a_map_of_features_can_be_taught(words: list[str], pretrain: Pretrain) -> None:
    folder = pretrain(*SHORT, "pretraining.steps=2", *words)
    assert read_run(folder)["status"] == "completed" and read_metrics(folder)[-1]["character_loss"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backbone.pooling=flatten", "input_shape=64"], "pass pretraining.early.steps=0"),
        (["backbone.model=convnet", "input_shape=64", WHOLE_MAP], "takes no pictures of 24 pixels"),
        (["backbone.model=convnet", "input_shape=64", "pretraining.early.steps=0"], "whose maps have strides none"),
        (["backbone.model=test_vit", "input_shape=160"], "no square map"),
        (["pretraining.text_crop.min_characters=1000"], "No training snippet shows 1000 characters"),
    ],
)
def test_what_cannot_be_taught_is_named(words: list[str], said: str, pretrain: Pretrain) -> None:
    with pytest.raises(UserError, match=said):
        pretrain(*SHORT, *words)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("text=scratch", "pass text=none"), ("optimizer=sgd", "pass optimizer=adamw"), ("epochs=2", "no use for epochs=2"),
        ("backbone.freeze=all", "no use for backbone.freeze=all"), ("rerun=false", "no use for rerun=false"),
        ("fusion.modality_dropout=0.1", "no use for fusion.modality_dropout"), ("augment=code", "no use for augment"),
        ("precision=bf16-true", "pass precision=bf16-mixed"), ("pretraining.resume=nowhere", "nowhere has no last.ckpt"),
        ("pretraining.exclude_eval_projects_of=[smal]", r"exclude_eval_projects_of=smal .*did you mean small"),
        ("pretraining.early.render.font_sise=12", "font_sise is not known"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_before_there_is_a_folder(
    override: str, said: str, corpus: Path, tmp_path: Path
) -> None:
    word = f"+{override}" if "font_sise" in override else override
    with pytest.raises(UserError, match=said):
        pretraining.run(configured(corpus, word), [override], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("override", ["patience=3", "gradient_clip_val=1.0", "precision=16-mixed", "fusion.dropout=0.2",
                                      "loss.label_smoothing=0.0", "num_workers=2"])  # fmt: skip
def test_what_has_an_effect_is_not_refused(override: str, corpus: Path) -> None:
    pretraining.check(configured(corpus, override), [override])


def test_its_labels_are_those_that_are_trained(pretrained: Path) -> None:
    assert read_run(pretrained)["classes"] == sorted(CODE)
    assert checkpoint.load(pretrained / "model").meta["classes"] == sorted(CODE)
