"""A configuration and a network -> what trains it: device, precision, rates, class weights, augmentation."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch
from tests.tiny import IMAGE_ONLY, configured
from tests.training.tasks import Branch

from fusion.config.errors import UserError
from fusion.config.schema import Config
from fusion.datamodule import SnippetDataModule
from fusion.model.late_fusion import LateFusion
from fusion.training import run
from fusion.training.setup import SEARCH_START, make_task, resolve_device, resolve_precision


def config(*overrides: str) -> Config:
    return configured("text=nano", *IMAGE_ONLY[:6], "data=folder", "data.path=x", *overrides)


@pytest.fixture(params=["none", "old", "new"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the machine have no GPU, one without bf16, or one with it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param != "none")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: request.param == "new")
    return request.param


def test_auto_takes_the_gpu_that_there_is_and_the_16_bits_that_it_has(gpu: str) -> None:
    assert resolve_device(config()).type == ("cpu" if gpu == "none" else "cuda")
    assert resolve_precision(config()) == {"none": "32-true", "old": "16-mixed", "new": "bf16-mixed"}[gpu]
    assert resolve_device(config("device=cpu")).type == "cpu" and resolve_precision(config("device=cpu")) == "32-true"
    assert resolve_precision(config("precision=64-true")) == "64-true"


def test_a_gpu_that_is_not_there_is_an_error(gpu: str) -> None:
    if gpu == "none":
        with pytest.raises(UserError, match=r"^device=cuda was asked for, but this machine has no GPU"):
            run.check(config("device=cuda"))
    else:
        run.check(config("device=cuda"))


@pytest.fixture
def net() -> LateFusion:
    return LateFusion({"text": Branch(), "image": Branch()}, 2, hidden=(), dropout=0.0)


@pytest.fixture
def datamodule(table: pa.Table) -> SnippetDataModule:
    return SnippetDataModule(table.slice(0, 33), ["a", "b"], None, None, batch_size=8, seed=0, num_workers=0)


def test_each_branch_has_the_rate_it_asks_for_and_the_head_that_of_the_run(net, datamodule) -> None:
    task = make_task(config("lr=0.02", "text.lr=null", "backbone.lr=0.003", "backbone.lr_decay=0.5"), net, datamodule)
    assert task.lr == 0.02 and task.branch_lr == {"image": 0.003}
    assert task.lr_decay == {"text": 1.0, "image": 0.5}
    assert make_task(config("lr=search"), net, datamodule).lr == SEARCH_START


@pytest.mark.parametrize(("kind", "weights"), [("none", None), ("balanced", [6 / 7, 6 / 5])])
def test_class_weights_count_the_training_labels(net, table, kind, weights) -> None:
    labels = ["a"] * 7 + ["b"] * 5 + ["b"] * 24  # training, then the other sides
    data = table.set_column(table.column_names.index("label"), "label", pa.array(labels))
    module = SnippetDataModule(data, ["a", "b"], None, None, batch_size=8, seed=0, num_workers=0)
    task = make_task(config(f"loss.class_weights={kind}"), net, module)
    assert task.class_weights is None if weights is None else task.class_weights.tolist() == pytest.approx(weights)


def test_class_weights_of_a_stream_are_an_error(net) -> None:
    stream = SimpleNamespace(stream=object(), classes=("a", "b"))
    with pytest.raises(
        UserError, match=r"loss\.class_weights=root must count the labels, which a stream does not tell"
    ):
        make_task(config("loss.class_weights=root"), net, stream)


def test_pictures_are_changed_only_where_a_policy_is_chosen(net, datamodule) -> None:
    assert make_task(config(), net, datamodule).augment is None
    augment = make_task(config("augment=code", "seed=4"), net, datamodule).augment
    assert augment.policy.name == "code" and augment.seed == 4
