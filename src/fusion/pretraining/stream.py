"""Training rows -> an endless stream of batches in which no picture comes twice: step number -> batch.

{"image": (B, H, W, 3) uint8, "label": (B,) int64, "signs": (B, h, w, S) float32}: see screenshots/reading.py.
Which rows, passages, styles and colours a batch has depends on (seed, step) alone, so that training can stop
and go on at any step, with any number of workers and processes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import DataLoader, Dataset

from fusion.pretraining.character_targets import characters
from fusion.pretraining.text_crop import is_dense, text_crop
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import sample_key
from fusion.snippets.snippet import RowReader


@dataclass(frozen=True)
class TextCrops:
    """How much of a text is shown, conf/experiment: see screenshots/passages.py."""

    rows: int
    columns: int
    ink: int

    def of(self, text: str, key: int) -> str:
        return text_crop(text, key, self.rows, self.columns, self.ink)

    def scaled(self, share: float) -> "TextCrops":
        """Of pictures that much smaller, the text as large."""
        return TextCrops(round(self.rows * share), round(self.columns * share), round(self.ink * share**2))

    def dense(self, table: pa.Table) -> pa.Table:
        """The rows of which a passage can be shown."""
        kept = [is_dense(text, self.rows, self.columns, self.ink) for text in table["text"].to_pylist()]
        return table.filter(pa.array(kept, pa.bool_()))


class WeightedRows:
    """WeightedRows to draw from: every label alike, and within a label large projects less than their size would have it."""

    def __init__(self, table: pa.Table, classes: Sequence[str]):
        number = {label: i for i, label in enumerate(classes)}
        labels, groups = table["label"].to_pylist(), table["group"].to_pylist()
        size = Counter(zip(labels, groups, strict=True))
        weight = np.array([size[pair] ** -0.5 for pair in zip(labels, groups, strict=True)])
        self.label = np.array([number[label] for label in labels])
        self.cumulated = np.cumsum(weight / np.bincount(self.label, weight)[self.label])
        self.reader = RowReader(table.select(["id", "text", "label"]))

    def draw(self, uniform: np.ndarray) -> tuple[dict[str, list[Any]], np.ndarray]:
        """(B,) in [0, 1) -> id, text and label of B rows, and (B,) their label's number."""
        at = np.searchsorted(self.cumulated, uniform * self.cumulated[-1], side="right")
        return self.reader.take(at.tolist()).to_pydict(), self.label[at]


class PretrainingDataset(Dataset[dict[str, Any]]):
    """Step number -> its batch, or this process's share of it. Screens that draw alike share their glyphs."""

    def __init__(
        self, rows: WeightedRows, text_crops: TextCrops, renderers: Sequence[Renderer], batch_size: int, seed: int,
        grid: int, rank: int = 0, world: int = 1,
    ):  # fmt: skip
        self.rows, self.text_crops, self.renderers, self.seed = rows, text_crops, renderers, seed
        self.batch_size, self.rank, self.world = batch_size, rank, world
        self.grid = grid  # parts across and down a picture whose characters are asked for: places of a feature map
        for renderer in renderers[1:]:
            renderer.painter.atlas = renderers[0].painter.atlas
            if renderer.direct and renderers[0].direct:
                renderer.direct.atlas = renderers[0].direct.atlas

    def __getitem__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, step])
        uniform, kind = rng.random(self.batch_size), rng.integers(len(self.renderers), size=self.batch_size)
        mine = slice(self.rank, None, self.world)
        rows, label = self.rows.draw(uniform[mine])
        slots = range(self.rank, self.batch_size, self.world)
        ids = [f"{id}.{slot}" for slot, id in zip(slots, rows["id"], strict=True)]  # a row may come twice
        keys = [sample_key(self.seed, step, id) for id in ids]
        texts = [self.text_crops.of(text, key) for text, key in zip(rows["text"], keys, strict=True)]
        side = self.renderers[0].shape
        image = np.empty((len(ids), side, side, 3), np.uint8)
        for number, renderer in enumerate(self.renderers):
            some = np.flatnonzero(kind[mine] == number)
            if len(some):
                chosen = [[column[i] for i in some] for column in (texts, ids, rows["label"])]
                image[some] = renderer(chosen[0], chosen[1], step, chosen[2])
        scene = self.renderers[0].scene(texts, ids, step, rows["label"])  # colours do not move a character
        signs = characters(self.renderers[0].painter, scene, self.grid)
        return {"image": torch.from_numpy(image), "label": torch.from_numpy(label), "signs": torch.from_numpy(signs)}

    def loader(self, first: int, last: int, num_workers: int) -> DataLoader:
        """The batches of the steps from `first` to before `last`, in order."""
        steps: Any = range(first, last)
        pin = torch.cuda.is_available()
        return DataLoader(self, sampler=steps, batch_size=None, num_workers=num_workers, pin_memory=pin)


def held(
    table: pa.Table, text_crops: TextCrops, renderer: Renderer, size: int
) -> Iterator[tuple[np.ndarray, pa.Table]]:
    """WeightedRows to be judged on -> pictures (B, H, W, 3), each row's one passage in its one style, and the rows."""
    for start in range(0, table.num_rows, size):
        rows = table.slice(start, size)
        ids = rows["id"].to_pylist()
        texts = [text_crops.of(t, sample_key(0, None, id)) for t, id in zip(rows["text"].to_pylist(), ids, strict=True)]
        yield renderer(texts, ids, None, rows["label"].to_pylist()), rows
