"""Training rows -> an endless stream of pictures with every character's place: step number -> batch.

{"image": (B, H, W, 3) uint8, "classes": (B, h, w), "sizes": (B, 4, h, w), "roles": (B, h, w)}, see reading.targets.
Which rows, crops, signs, styles and damage a batch has depends on (seed, step) alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from fusion.pretraining.clutter import add_clutter, disturb
from fusion.pretraining.odd_text import odd_text
from fusion.pretraining.stream import WeightedRows
from fusion.reading.targets import Targets, cells, targets
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import sample_key

Zoomed = tuple[float, Renderer]  # source pixels per pixel of the picture, and who draws it


class ReaderDataset(Dataset[dict[str, torch.Tensor]]):
    """Step number -> its batch, or this process's share of it."""

    def __init__(
        self, rows: WeightedRows, renderers: Sequence[Zoomed], batch_size: int, seed: int, odd: float, clutter: float,
        rank: int = 0, world_size: int = 1,
    ):  # fmt: skip
        """renderers: drawn from evenly, their glyphs shared; odd: share of texts that become random signs in part;
        clutter: share of pictures with things on them that are not text."""
        self.rows, self.renderers, self.batch_size, self.seed = rows, renderers, batch_size, seed
        self.odd, self.clutter, self.rank, self.world_size = odd, clutter, rank, world_size
        for _, renderer in renderers[1:]:
            renderer.painter.atlas = renderers[0][1].painter.atlas

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, step])
        uniform, kind = rng.random(self.batch_size), rng.integers(len(self.renderers), size=self.batch_size)
        mine = slice(self.rank, None, self.world_size)
        rows, _ = self.rows.draw(uniform[mine])
        slots = range(self.rank, self.batch_size, self.world_size)
        ids = [f"{id}.{slot}" for slot, id in zip(slots, rows["id"], strict=True)]  # a row may come twice
        rngs = [np.random.default_rng([sample_key(self.seed, step, id)]) for id in ids]
        texts = [odd_text(text, rng, self.odd) for text, rng in zip(rows["text"], rngs, strict=True)]
        image, aims = self._draw(texts, ids, rows["label"], step, kind[mine])
        for i, rng in enumerate(rngs):
            if rng.random() < self.clutter:
                add_clutter(image[i], aims.classes[i], rng)
            image[i] = disturb(image[i], rng)
        return {"image": torch.from_numpy(image)} | {
            name: torch.from_numpy(array) for name, array in aims._asdict().items()
        }

    def _draw(
        self, texts: list[str], ids: list[str], labels: list[str], step: int, kind: np.ndarray
    ) -> tuple[np.ndarray, Targets]:
        """kind: (B,) numbers of renderers -> pictures and what stands in them."""
        side, count = self.renderers[0][1].shape, len(ids)
        h, w = cells(side, side)
        image = np.empty((count, side, side, 3), np.uint8)
        out = Targets(np.zeros((count, h, w), np.int64), np.zeros((count, 4, h, w), np.float32),
                      np.zeros((count, h, w), np.int64))  # fmt: skip
        for number, (zoom, renderer) in enumerate(self.renderers):
            at = np.flatnonzero(kind == number)
            if len(at):
                chosen: list[Any] = [[column[i] for i in at] for column in (texts, ids, labels)]
                image[at] = renderer(chosen[0], chosen[1], step, chosen[2])
                scene = renderer.scene(chosen[0], chosen[1], step, chosen[2])
                for whole, part in zip(out, targets(renderer.painter, scene, zoom, (side, side)), strict=True):
                    whole[at] = part
        return image, out
