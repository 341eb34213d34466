"""A step's batch depends on (seed, step) alone, and shares of it put together are the whole."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from fusion.pretraining.stream import PretrainingDataset, TextCrops, WeightedRows
from fusion.screenshots.renderer import Renderer

PASSAGES = TextCrops(rows=3, columns=10, ink=8)


def stream(table: pa.Table, seed: int = 0, rank: int = 0, world: int = 1) -> PretrainingDataset:
    render = {"font": "dejavu-sans-mono", "mode": "direct", "theme": ["vs", "monokai"]}
    renderers = [Renderer(render | {"highlight": policy}, 48, 32, seed) for policy in ("neutral", "none")]
    return PretrainingDataset(WeightedRows(table, ["a", "b"]), PASSAGES, renderers, 8, seed, 2, rank, world)


def test_a_step_is_the_same_whenever_it_comes(table: pa.Table) -> None:
    once, other = stream(table), stream(table)
    other[3]
    for name, value in once[7].items():
        assert torch.equal(value, other[7][name])
    assert not torch.equal(once[7]["image"], once[8]["image"])
    assert not torch.equal(once[7]["image"], stream(table, seed=1)[7]["image"])


def test_shares_are_the_whole(table: pa.Table) -> None:
    whole, shares = stream(table)[5], [stream(table, rank=rank, world=2)[5] for rank in (0, 1)]
    for name, value in whole.items():
        for rank, share in enumerate(shares):
            assert torch.equal(share[name], value[rank::2])


def test_workers_change_nothing(table: pa.Table) -> None:
    fresh = stream(table)
    for step, batch in zip(range(2, 5), fresh.loader(2, 5, 1), strict=True):
        assert torch.equal(batch["image"], fresh[step]["image"])


def test_every_label_comes_as_often(table: pa.Table) -> None:
    few = pa.concat_tables([table.filter(pa.array([label == "a" for label in table["label"].to_pylist()])),
                            table.filter(pa.array([label == "b" for label in table["label"].to_pylist()])).slice(0, 2)])  # fmt: skip
    _, label = WeightedRows(few, ["a", "b"]).draw(np.random.default_rng(0).random(2000))
    assert np.bincount(label).tolist() == pytest.approx([1000, 1000], abs=100)
