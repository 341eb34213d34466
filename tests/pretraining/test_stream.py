"""A step's batch depends on (seed, step) alone, and shares of it put together are the whole."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from fusion.config.options import parse
from fusion.config.render import RenderOptions, Size
from fusion.pretraining.character_targets import character_targets
from fusion.pretraining.stream import PretrainingDataModule, PretrainingDataset, StepSampler, TwoStages, WeightedRows
from fusion.pretraining.text_crop import TextCrops
from fusion.screenshots.renderer import Renderer

ASKED = partial(character_targets, grid=2)
CROPS = TextCrops(rows=3, columns=10, min_characters=8)


def stream(table: pa.Table, seed: int = 0, rank: int = 0, world_size: int = 1, shape: int = 32) -> PretrainingDataset:
    render = parse(RenderOptions, {"font": "dejavu-sans-mono", "mode": "direct", "theme": ["vs", "monokai"]})
    renders = [render.replaced(highlight=highlight) for highlight in ("neutral", "none")]
    renderers = [Renderer(each, Size(48, 48), shape, seed) for each in renders]
    return PretrainingDataset(WeightedRows(table, ["a", "b"]), CROPS, renderers, 8, seed, ASKED, rank, world_size)


def datamodule(dataset: Any, num_workers: int, step: int, max_steps: int) -> PretrainingDataModule:
    module = PretrainingDataModule(dataset, torch.zeros(3, 4, 4, 3), torch.arange(3), num_workers)
    module.trainer = SimpleNamespace(global_step=step, max_steps=max_steps)  # type: ignore[assignment]
    return module


def test_a_step_is_the_same_whenever_it_comes(table: pa.Table) -> None:
    once, other = stream(table), stream(table)
    other[3]
    for name, value in once[7].items():
        assert torch.equal(value, other[7][name])
    assert not torch.equal(once[7]["image"], once[8]["image"])
    assert not torch.equal(once[7]["image"], stream(table, seed=1)[7]["image"])


def test_shares_are_the_whole(table: pa.Table) -> None:
    whole, shares = stream(table)[5], [stream(table, rank=rank, world_size=2)[5] for rank in (0, 1)]
    for name, value in whole.items():
        for rank, share in enumerate(shares):
            assert torch.equal(share[name], value[rank::2])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_workers_change_nothing(num_workers: int, table: pa.Table) -> None:
    dataset = stream(table)
    for step, batch in zip(range(2, 5), datamodule(dataset, num_workers, 2, 5).train_dataloader(), strict=True):
        assert torch.equal(batch["image"], dataset[step]["image"])


def test_small_pictures_come_first(table: pa.Table) -> None:
    small, full = stream(table, shape=24), stream(table)
    sizes = [TwoStages(small, full, 2)[step]["image"].shape[1] for step in range(4)]
    assert sizes == [24, 24, 32, 32]
    assert TwoStages(None, full, 0)[0]["image"].shape[1] == 32
    assert next(TwoStages(small, full, 2).lr_search_batches())["image"].shape[1] == 24


def test_the_sampler_begins_at_the_step_of_the_trainer_each_time() -> None:
    trainer: Any = SimpleNamespace(global_step=3, max_steps=6)
    sampler = StepSampler(trainer)
    assert [*sampler] == [3, 4, 5]
    trainer.global_step = 5
    assert [*sampler] == [5], "also when it is asked a second time"
    assert not hasattr(sampler, "__len__"), "Lightning would compare it with the batches of the whole run"


def test_every_label_comes_as_often(table: pa.Table) -> None:
    is_a = [label == "a" for label in table["label"].to_pylist()]
    few = pa.concat_tables([table.filter(pa.array(is_a)), table.filter(pa.array([not a for a in is_a])).slice(0, 2)])
    _, label = WeightedRows(few, ["a", "b"]).draw(np.random.default_rng(0).random(2000))
    assert np.bincount(label).tolist() == pytest.approx([1000, 1000], abs=100)
