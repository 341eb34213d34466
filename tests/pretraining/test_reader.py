"""experiment=reader: a recognizer taught where every character stands, resumed at any step, its weights exported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests import tiny

from fusion import weights as shipped
from fusion.branches import create_image
from fusion.config.branches import Backbone
from fusion.config.errors import UserError
from fusion.pretraining import reader_run
from fusion.pretraining.build import training_rows
from fusion.reading.network import restored
from fusion.results.record import read_metrics, read_run

TINY = [
    "experiment=reader", "data=folder", "input_shape=64", "source_size=64", "batch_size=2", "lr=0.003",
    "render.font=dejavu-sans-mono", "render.font_size=12", "reader.steps=6", "reader.warmup=2", "reader.zooms=[1,2]",
    "reader.exclude_eval_projects_of=[]", "reader.eval_every=3", "reader.eval_batches=1", "reader.save_every=1",
    "reader.clutter=0.5", "reader.interface=0.5", "reader.marks=0.5",
]  # fmt: skip


def configured(corpus: Path, *overrides: str) -> Any:
    return tiny.configured(*TINY, f"data.path={corpus}", *overrides)


def train(corpus: Path, parent: Path, *overrides: str) -> Path:
    words = [*TINY, f"data.path={corpus}", *overrides]
    folder = reader_run.run(configured(corpus, *overrides), words, parent)
    assert folder is not None
    return folder


@pytest.fixture(scope="module")
def trained_reader(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSION_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train(corpus, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def stream(corpus: Path) -> Any:
    """stream(rank, world_size) -> the batches of that process."""
    config = configured(corpus, "batch_size=4")
    options = reader_run.check(config)
    _, rows = training_rows(config.data, ())
    classes = sorted(set(rows["label"].to_pylist()))
    return lambda *share: reader_run.make_stream(config, options, rows, classes, 0, *share)


def test_a_run_leaves_weights_that_read_pictures(trained_reader: Path, corpus: Path) -> None:
    run = read_run(trained_reader)
    assert run["status"] == "completed" and run["steps"] == 6 and 0 <= run["metrics"]["val"]["val_accuracy"] <= 1
    assert [evaluation["pictures"] for evaluation in read_metrics(trained_reader)] == [6, 12]
    net = restored(load_file(trained_reader / "weights" / "reader_code.safetensors"))
    assert net(torch.zeros(1, 16, 16, 3, dtype=torch.uint8)).ink.shape == (1, 2, 4)
    card = (trained_reader / "weights" / "reader_code.md").read_text()
    assert "12 pictures" in card and f"data.path={corpus}" not in card


def test_a_stopped_run_goes_on_as_if_it_had_not_been(trained_reader: Path, corpus: Path, tmp_path: Path) -> None:
    stopped = train(corpus, tmp_path, "reader.steps=3", "reader.cooldown=0")
    whole = train(corpus, tmp_path, "reader.cooldown=0")
    train(corpus, tmp_path, "reader.cooldown=0", f"reader.resume={stopped}")
    one, other = (load_file(folder / "weights" / "reader_code.safetensors") for folder in (stopped, whole))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_other_data_and_other_networks_are_refused(trained_reader: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot go on with batch_size=4"):
        train(corpus, tmp_path, "batch_size=4", f"reader.resume={trained_reader}")
    with pytest.raises(UserError, match="trains backbone=reader"):
        train(corpus, tmp_path, "backbone=convnet")
    with pytest.raises(UserError, match=r"lr=0\.002"):
        train(corpus, tmp_path, "lr=search")


def test_a_batch_depends_on_its_number_alone(stream: Any) -> None:
    first, again = stream()[7], stream()[7]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["image"], stream()[8]["image"])


def test_processes_share_a_batch(stream: Any) -> None:
    whole, parts = stream()[3], [stream(rank, 2)[3] for rank in range(2)]
    for rank, part in enumerate(parts):
        assert all(torch.equal(part[name], whole[name][rank::2]) for name in whole)


def test_what_is_to_be_read_stands_in_the_picture(stream: Any) -> None:
    batches = [stream()[step] for step in range(6)]
    assert all(batch["sizes"].isfinite().all() for batch in batches)
    inked = blank = 0.0
    for batch in batches:
        for picture, classes in zip(batch["image"].numpy(), batch["classes"].numpy(), strict=True):
            cells = picture.reshape(8, 8, 16, 4, 3).astype(float).std((1, 3)).mean(-1)  # (h, w) contrast of each cell
            inked, blank = inked + cells[classes > 0].sum(), blank + cells[classes == 0].sum()
    counts = [sum(int(((batch["classes"] > 0) == ink).sum()) for batch in batches) for ink in (True, False)]
    assert inked / counts[0] > 2 * blank / counts[1]


def test_the_weights_are_loaded_as_a_backbone(trained_reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", trained_reader / "weights")
    branch = create_image(Backbone(name="reader", model="reader", weights="code"), 60)
    assert branch.weights == "code"
    features = branch.module.eval()(torch.from_numpy(np.full((2, 60, 60, 3), 255, np.uint8)))
    assert features.shape == (2, branch.module.dim) and features.isfinite().all()
