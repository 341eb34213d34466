"""Snippet table -> batches in which each snippet is paired with its screenshot.

{"text": {"input_ids": (B, T) int64, "attention_mask": (B, T) bool}, "image": (B, H, W, 3) uint8,
 "label": (B,) int64, "id": [B], "present": {"text": (B,) bool, "image": (B,) bool}}
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from fusion.branches import Tokenizer
from fusion.screenshots.views import Screen


class Pairing:
    """Rows of the table -> one batch. Epoch None draws the one style set that evaluation uses."""

    def __init__(self, classes: Sequence[str], tokenizer: Tokenizer | None, screen: Screen | None, epoch: int | None):
        self.number = {label: i for i, label in enumerate(classes)}
        self.tokenizer, self.screen, self.epoch = tokenizer, screen, epoch

    def __call__(self, rows: dict[str, list[str]]) -> dict[str, Any]:
        texts, ids, labels = rows["text"], rows["id"], rows.get("label")
        batch: dict[str, Any] = {"id": ids, "present": {}}
        if self.tokenizer is not None:
            batch["text"] = self.tokenizer(texts)
            batch["present"]["text"] = torch.ones(len(texts), dtype=torch.bool)
        if self.screen is not None:
            batch["image"] = torch.from_numpy(self.screen(texts, ids, self.epoch, labels))  # (B, H, W, 3)
            batch["present"]["image"] = torch.ones(len(texts), dtype=torch.bool)
        if labels is not None:
            batch["label"] = torch.tensor([self.number[label] for label in labels])
        return batch


class Rows(torch.utils.data.Dataset[dict[str, list[str]]]):
    """One side of the split; asked for whole batches at once, so that drawing can be batched too."""

    def __init__(self, table: pa.Table):
        self.table = table.select(["id", "text", "label"]).combine_chunks()

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, numbers: list[int]) -> dict[str, list[str]]:
        return self.table.take(numbers).to_pydict()


class Batches(Sampler[list[int]]):
    """Row numbers in batches; shuffled by (seed, epoch), so that resuming and workers change nothing."""

    def __init__(self, rows: int, batch_size: int, shuffle: tuple[int, int] | None):
        order = np.arange(rows) if shuffle is None else np.random.default_rng(shuffle).permutation(rows)
        self.batches = [order[i : i + batch_size].tolist() for i in range(0, rows, batch_size)]
        if shuffle is not None and batch_size > 1 and len(self.batches) > 1 and len(self.batches[-1]) == 1:
            self.batches.pop()  # batch normalisation cannot learn from one sample

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


class Pairs(pl.LightningDataModule):
    """The table's three sides as loaders; the train loader is made anew each epoch, keyed by (seed, epoch)."""

    def __init__(
        self, table: pa.Table, classes: Sequence[str], tokenizer: Tokenizer | None, screen: Screen | None,
        batch_size: int, seed: int, num_workers: int,
    ):  # fmt: skip
        super().__init__()
        self.classes, self.tokenizer, self.screen = tuple(classes), tokenizer, screen
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.sides = {side: Rows(table.filter(pc.equal(table["split"], side))) for side in ("train", "val", "test")}

    def train_dataloader(self) -> DataLoader:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self.loader("train", epoch)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val", None)

    def test_dataloader(self) -> DataLoader:
        return self.loader("test", None)

    def loader(self, side: str, epoch: int | None) -> DataLoader:
        """One side in the order of the table, or shuffled for one epoch of training."""
        rows = self.sides[side]
        shuffle = None if epoch is None else (self.seed, epoch)
        pairing: Any = Pairing(self.classes, self.tokenizer, self.screen, epoch)
        return DataLoader(
            rows, sampler=Batches(len(rows), self.batch_size, shuffle), batch_size=None, collate_fn=pairing,
            num_workers=self.num_workers, pin_memory=torch.cuda.is_available(),
        )  # fmt: skip
