"""Snippet table -> batches in which each snippet is paired with its screenshot.

{"text": {"input_ids": (B, T) int64, "attention_mask": (B, T) bool}, "image": (B, H, W, 3) uint8,
 "label": (B,) int64, "id": [B], "present": {"text": (B,) bool, "image": (B,) bool}}

Where features of a frozen image branch are kept (model/features.py), "features": {"image": (B, D)} takes the place of
"image".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from fusion.branches import Tokenizer
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.user_images import Pictures
from fusion.snippets.snippet import RowReader
from fusion.snippets.user.stream import Stream

Row = tuple[str, str, str]  # id, label, the user's own picture or ""


@dataclass
class Features:
    """Of every row that training, validation and test will ask for."""

    held: dict[int | None, torch.Tensor] = field(default_factory=dict)  # variant, None in evaluation -> (N, [K,] D)
    at: dict[int | None, dict[Row, int]] = field(default_factory=dict)  # variant -> row -> its place

    def add(self, variant: int | None, rows: Sequence[Row], values: torch.Tensor) -> None:
        known = self.held.get(variant)
        before = 0 if known is None else len(known)
        self.held[variant] = values if known is None else torch.cat([known, values])
        self.at.setdefault(variant, {}).update({row: before + i for i, row in enumerate(rows)})

    def __call__(self, rows: Sequence[Row], variant: int | None) -> torch.Tensor:
        """-> (B, [K,] D), in the order of the rows."""
        places = self.at[variant]
        return self.held[variant][[places[row] for row in rows]]


class Collate:
    """SnippetDataset of the table -> one batch. Epoch None draws the one style set that evaluation uses."""

    def __init__(
        self,
        classes: Sequence[str],
        tokenizer: Tokenizer | None,
        renderer: Renderer | None,
        epoch: int | None,
        pictures: Pictures | None = None,
        features: Features | None = None,
    ):
        self.number = {label: i for i, label in enumerate(classes)}
        self.tokenizer, self.renderer, self.epoch, self.pictures = tokenizer, renderer, epoch, pictures
        self.features = features  # of the pictures, instead of them

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, Any]:
        texts, ids, labels = rows["text"], rows["id"], rows.get("label")
        batch: dict[str, Any] = {"id": ids, "present": {}}
        if self.tokenizer is not None:
            batch["text"] = self.tokenizer(texts)
            batch["present"]["text"] = torch.ones(len(texts), dtype=torch.bool)
        if self.features is not None:
            batch["features"] = {"image": self.features(row_keys(rows), self.epoch)}  # (B, [K,] D)
            batch["present"]["image"] = torch.ones(len(texts), dtype=torch.bool)
        elif self.renderer is not None:
            image = self.renderer(texts, ids, self.epoch, labels)
            own = [i for i, path in enumerate(rows.get("image", ())) if path]
            if own and self.pictures is not None:
                seen = self.pictures([rows["image"][i] for i in own])  # (O, H, W, 3)
                image[own] = seen if image.ndim == 4 else seen[:, None]  # each of its tiles is the whole picture
            batch["image"] = torch.from_numpy(image)  # (B, H, W, 3)
            batch["present"]["image"] = torch.ones(len(texts), dtype=torch.bool)
        if labels is not None:
            batch["label"] = torch.tensor([self.number[label] for label in labels])
        return batch


def row_keys(rows: dict[str, list[Any]]) -> list[Row]:
    """Columns -> (id, label, own picture) of each row; the same text may have two labels, or two screenshots."""
    own = rows.get("image") or [""] * len(rows["id"])
    return [(id, label, path or "") for id, label, path in zip(rows["id"], rows["label"], own, strict=True)]


class SnippetDataset(torch.utils.data.Dataset[dict[str, list[Any]]]):
    """One side of the split, as columns; asked for whole batches at once, so that drawing can be batched too.

    The table stays where it is, which may be a file larger than memory: only the rows asked for are read.
    """

    def __init__(self, table: pa.Table, side: str):
        columns = [name for name in ("id", "text", "label", "group", "image") if name in table.column_names]
        self.numbers = np.flatnonzero(pc.equal(table["split"], side).to_numpy())  # of the side's rows in the table
        self.reader = RowReader(table.select(columns))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, numbers: Sequence[int]) -> dict[str, list[Any]]:
        return self.reader.take(self.numbers[numbers].tolist()).to_pydict()

    def named(self) -> list[Row]:
        """What tells each row of the side apart, without its text."""
        names = [name for name in ("id", "label", "image") if name in self.reader.schema.names]
        held = {name: pa.chunked_array([part[name] for part in self.reader.batches]) for name in names}
        return row_keys({name: column.take(self.numbers).to_pylist() for name, column in held.items()})


class BatchSampler(Sampler[list[int]]):
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


class StreamDataset(torch.utils.data.IterableDataset[dict[str, list[Any]]]):
    """The training rows of a stream in batches; ranks and workers each read their own part of it."""

    def __init__(self, stream: Stream, batch_size: int, seed: int, epoch: int):
        self.stream, self.batch_size, self.seed, self.epoch = stream, batch_size, seed, epoch

    def __iter__(self) -> Iterator[dict[str, list[Any]]]:
        spread = torch.distributed
        rank, world = (spread.get_rank(), spread.get_world_size()) if spread.is_initialized() else (0, 1)
        rows = self.stream.rows(self.seed, self.epoch, rank, world)
        while batch := list(islice(rows, self.batch_size)):
            yield {name: [row[name] for row in batch] for name in batch[0]}


class SnippetDataModule(pl.LightningDataModule):
    """The table's three sides as loaders; the train loader is made anew each epoch, keyed by (seed, epoch)."""

    def __init__(
        self, table: pa.Table, classes: Sequence[str], tokenizer: Tokenizer | None, renderer: Renderer | None,
        batch_size: int, seed: int, num_workers: int, pictures: Pictures | None = None, stream: Stream | None = None,
        variants: int | None = None,
    ):  # fmt: skip
        super().__init__()
        self.classes, self.tokenizer, self.renderer, self.pictures = tuple(classes), tokenizer, renderer, pictures
        self.stream = stream  # the training rows, if they are not those of the table
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.variants = variants  # styles that training goes round; None draws new ones in each epoch
        self.features: Features | None = None  # of a frozen image branch, instead of pictures
        self.sides = {side: SnippetDataset(table, side) for side in ("train", "val", "test")}

    def train_dataloader(self) -> DataLoader:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self.loader("train", epoch)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val", None)

    def test_dataloader(self) -> DataLoader:
        return self.loader("test", None)

    def loader(self, side: str, epoch: int | None) -> DataLoader:
        """One side in the order of the table, or shuffled for one epoch of training."""
        loading: dict[str, Any] = {"num_workers": self.num_workers, "pin_memory": torch.cuda.is_available()}
        style = epoch % self.variants if epoch is not None and self.variants else epoch
        pairing: Any = Collate(self.classes, self.tokenizer, self.renderer, style, self.pictures, self.features)
        if self.stream is not None and epoch is not None:
            rows = StreamDataset(self.stream, self.batch_size, self.seed, epoch)
            return DataLoader(rows, batch_size=None, collate_fn=pairing, **loading)
        shuffle = None if epoch is None else (self.seed, epoch)
        batches = BatchSampler(len(self.sides[side]), self.batch_size, shuffle)
        return DataLoader(self.sides[side], sampler=batches, batch_size=None, collate_fn=pairing, **loading)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return to_device(batch, device)  # Lightning's own walk asks every value whether it is one of a dozen kinds

    def draw(self, side: str, variant: int | None) -> tuple[list[Row], Iterator[torch.Tensor]]:
        """One side of the table in one style variant -> its rows, and their pictures in batches, none drawn yet."""
        rows = self.sides[side]
        pairing: Any = Collate(self.classes, None, self.renderer, variant, self.pictures)
        batches = BatchSampler(len(rows), self.batch_size, None)
        loader = DataLoader(rows, sampler=batches, batch_size=None, collate_fn=pairing, num_workers=self.num_workers)
        return rows.named(), (batch["image"] for batch in loader)


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch -> the same with every tensor in it on the device."""
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    return batch.to(device, non_blocking=device.type == "cuda") if isinstance(batch, torch.Tensor) else batch
