"""Training rows -> an endless stream of batches in which no picture comes twice: step number -> batch.

{"image": (B, H, W, 3) uint8, "label": (B,) int64, "characters": as pretraining.character_targets has them}.
Which rows, crops, styles and colours a batch has depends on (seed, step) alone, so that training can stop and go on
at any step, with any number of workers and processes.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from fusion.pretraining.text_crop import TextCrops
from fusion.screenshots.painter import Painter, Scene
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import sample_key
from fusion.snippets.snippet import RowReader

EVAL_BATCH = 128  # pictures
LR_SEARCH_STEP = 1 << 40  # number of the first batch that a rate is searched on


class WeightedRows:
    """Rows to draw from, every label alike, and large projects of a label less than their size would have it."""

    def __init__(self, table: pa.Table, classes: Sequence[str]):
        number = {label: i for i, label in enumerate(classes)}
        labels, groups = table["label"].to_pylist(), table["group"].to_pylist()
        size = Counter(zip(labels, groups, strict=True))
        weight = np.array([size[pair] ** -0.5 for pair in zip(labels, groups, strict=True)])
        self.label = np.array([number[label] for label in labels])
        self.cumulated = np.cumsum(weight / np.bincount(self.label, weight)[self.label])
        self.reader = RowReader(table.select(["id", "text", "label"]))

    def draw(self, uniform: np.ndarray) -> tuple[dict[str, list[Any]], np.ndarray]:
        """(B,) in [0, 1) -> id, text and label of B rows, and the numbers (B,) of their labels."""
        at = np.searchsorted(self.cumulated, uniform * self.cumulated[-1], side="right")
        return self.reader.take(at.tolist()).to_pydict(), self.label[at]


class PretrainingDataset(Dataset[dict[str, torch.Tensor]]):
    """Step number -> its batch, or this process's share of it, in pictures of one size."""

    def __init__(
        self, rows: WeightedRows, text_crops: TextCrops, renderers: Sequence[Renderer], batch_size: int, seed: int,
        asked: Callable[[Painter, Scene], np.ndarray], rank: int = 0, world_size: int = 1,
    ):  # fmt: skip
        """renderers: drawn from evenly, their glyphs shared; asked: which characters are to be told of a scene."""
        self.rows, self.text_crops, self.renderers, self.seed = rows, text_crops, renderers, seed
        self.batch_size, self.asked, self.rank, self.world_size = batch_size, asked, rank, world_size
        for renderer in renderers[1:]:
            renderer.painter.atlas = renderers[0].painter.atlas
            if renderer.direct and renderers[0].direct:
                renderer.direct.atlas = renderers[0].direct.atlas

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, step])
        uniform, kind = rng.random(self.batch_size), rng.integers(len(self.renderers), size=self.batch_size)
        mine = slice(self.rank, None, self.world_size)
        rows, label = self.rows.draw(uniform[mine])
        slots = range(self.rank, self.batch_size, self.world_size)
        ids = [f"{id}.{slot}" for slot, id in zip(slots, rows["id"], strict=True)]  # a row may come twice
        keys = [sample_key(self.seed, step, id) for id in ids]
        texts = [self.text_crops.crop(text, key) for text, key in zip(rows["text"], keys, strict=True)]
        image = self._draw(texts, ids, rows["label"], step, kind[mine])
        scene = self.renderers[0].scene(texts, ids, step, rows["label"])  # colours do not move a character
        characters = self.asked(self.renderers[0].painter, scene)
        arrays = {"image": image, "label": label, "characters": characters}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _draw(self, texts: list[str], ids: list[str], labels: list[str], step: int, kind: np.ndarray) -> np.ndarray:
        """kind: (B,) numbers of renderers -> (B, H, W, 3) uint8."""
        side = self.renderers[0].shape
        image = np.empty((len(ids), side, side, 3), np.uint8)
        for number, renderer in enumerate(self.renderers):
            at = np.flatnonzero(kind == number)
            if len(at):
                chosen = [[column[i] for i in at] for column in (texts, ids, labels)]
                image[at] = renderer(chosen[0], chosen[1], step, chosen[2])
        return image


class TwoStages(Dataset[dict[str, torch.Tensor]]):
    """Step number -> its batch: small pictures before `early_steps`, then those of the full size."""

    def __init__(self, early: PretrainingDataset | None, full: PretrainingDataset, early_steps: int):
        self.early, self.full, self.early_steps = early, full, early_steps

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        return (self.early if self.early is not None and step < self.early_steps else self.full)[step]

    def lr_search_batches(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches of the first stage that are not trained on later."""
        yield from map((self.early or self.full).__getitem__, itertools.count(LR_SEARCH_STEP))


class StepSampler:
    """The numbers of the steps that a trainer has yet to do, whenever they are asked for.

    It has no length: Lightning counts the batches of a resumed run from those of the stopped one, and would end a run
    whose loader is as short as what is left of it.
    """

    def __init__(self, trainer: pl.Trainer):
        self.trainer = trainer

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.trainer.global_step, self.trainer.max_steps))


class PretrainingDataModule(pl.LightningDataModule):
    """The stream, from the trainer's step on, and the pictures that it is evaluated on, drawn once."""

    def __init__(
        self, stream: Dataset[dict[str, torch.Tensor]], image: torch.Tensor, label: torch.Tensor, num_workers: int
    ):
        """image: (N, H, W, 3) uint8, label: (N,) of evaluation."""
        super().__init__()
        self.stream, self.num_workers = stream, num_workers
        self.eval_batches: list[Mapping[str, torch.Tensor]] = [
            {"image": image, "label": label}
            for image, label in zip(image.split(EVAL_BATCH), label.split(EVAL_BATCH), strict=True)
        ]

    def train_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        return DataLoader(
            self.stream, sampler=StepSampler(self.trainer), batch_size=None, num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
        )  # fmt: skip

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.eval_batches, batch_size=None)  # type: ignore[arg-type]
