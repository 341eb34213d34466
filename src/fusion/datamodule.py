"""Snippet table -> batches in which each snippet is paired with its screenshot.

{"text": {"input_ids": (B, T) int64, "attention_mask": (B, T) bool}, "image": (B, H, W, 3) uint8,
 "label": (B,) int64, "id": [B], "present": {"text": (B,) bool, "image": (B,) bool}}

Where features of a frozen image branch are kept (training/feature_cache.py), "features": {"image": (B, D)} takes the
place of "image".
"""

from collections.abc import Callable, Iterator, Sequence
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

RowKey = tuple[str, str, str]  # id, label, the user's own picture or ""


@dataclass
class FeatureStore:
    """Features of every picture that training, validation and test will ask for, by style and row."""

    features: dict[int | None, torch.Tensor] = field(default_factory=dict)  # style, None in evaluation -> (N, [K,] D)
    positions: dict[int | None, dict[RowKey, int]] = field(default_factory=dict)  # style -> row -> its place in them

    def add(self, style: int | None, rows: Sequence[RowKey], features: torch.Tensor) -> None:
        """Append the features (N, [K,] D) of rows drawn in one style."""
        before = self.features.get(style)
        first = 0 if before is None else len(before)
        self.features[style] = features if before is None else torch.cat([before, features])
        self.positions.setdefault(style, {}).update({row: first + i for i, row in enumerate(rows)})

    def __call__(self, rows: Sequence[RowKey], style: int | None) -> torch.Tensor:
        """Rows -> their features (B, [K,] D), in the same order."""
        positions = self.positions[style]
        return self.features[style][[positions[row] for row in rows]]


class Collate:
    """Rows of the table as columns -> one batch. Epoch None draws the one style of each row that evaluation uses."""

    def __init__(
        self,
        classes: Sequence[str],
        tokenizer: Tokenizer | None,
        renderer: Renderer | None,
        epoch: int | None,
        pictures: Pictures | None = None,
        features: FeatureStore | None = None,
        change: Callable[[str, str, int], str] | None = None,
    ):
        self.class_index = {label: i for i, label in enumerate(classes)}
        self.tokenizer, self.renderer, self.epoch, self.pictures = tokenizer, renderer, epoch, pictures
        self.features = features  # take the place of the pictures
        self.change = change  # text, id, epoch -> the text as training sees it

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, Any]:
        texts, ids, labels = rows["text"], rows["id"], rows.get("label")
        if self.change is not None and self.epoch is not None:
            texts = [self.change(text, id, self.epoch) for text, id in zip(texts, ids, strict=True)]
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
                given = self.pictures([rows["image"][i] for i in own])  # (O, H, W, 3)
                image[own] = given if image.ndim == 4 else given[:, None]  # each of its tiles is the whole picture
            batch["image"] = torch.from_numpy(image)  # (B, H, W, 3)
            batch["present"]["image"] = torch.ones(len(texts), dtype=torch.bool)
        if labels is not None:
            batch["label"] = torch.tensor([self.class_index[label] for label in labels])
        return batch


def row_keys(rows: dict[str, list[Any]]) -> list[RowKey]:
    """Columns -> the key of each row; the same text may have two labels, or two screenshots."""
    own = rows.get("image") or [""] * len(rows["id"])
    return [(id, label, path or "") for id, label, path in zip(rows["id"], rows["label"], own, strict=True)]


class SnippetDataset(torch.utils.data.Dataset[dict[str, list[Any]]]):
    """The rows of one split, as columns; asked for whole batches at once, so that drawing can be batched too.

    The table stays where it is, which may be a file larger than memory: only the rows asked for are read.
    """

    def __init__(self, table: pa.Table, split: str):
        columns = [name for name in ("id", "text", "label", "group", "image") if name in table.column_names]
        self.numbers = np.flatnonzero(pc.equal(table["split"], split).to_numpy())  # of the split's rows in the table
        self.reader = RowReader(table.select(columns))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, numbers: Sequence[int]) -> dict[str, list[Any]]:
        return self.reader.take(self.numbers[numbers].tolist()).to_pydict()

    def row_keys(self) -> list[RowKey]:
        """Return the key of each row; texts are not read."""
        names = [name for name in ("id", "label", "image") if name in self.reader.schema.names]
        columns = {name: pa.chunked_array([part[name] for part in self.reader.batches]) for name in names}
        return row_keys({name: column.take(self.numbers).to_pylist() for name, column in columns.items()})


class BatchSampler(Sampler[list[int]]):
    """Row numbers in batches, shuffled by (seed, epoch), so that resuming and workers change nothing."""

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
    """The training rows of a stream in batches; each rank and worker reads a part of its own."""

    def __init__(self, stream: Stream, batch_size: int, seed: int, epoch: int):
        self.stream, self.batch_size, self.seed, self.epoch = stream, batch_size, seed, epoch

    def __iter__(self) -> Iterator[dict[str, list[Any]]]:
        group = torch.distributed
        rank, world = (group.get_rank(), group.get_world_size()) if group.is_initialized() else (0, 1)
        rows = self.stream.rows(self.seed, self.epoch, rank, world)
        while batch := list(islice(rows, self.batch_size)):
            yield {name: [row[name] for row in batch] for name in batch[0]}


class SnippetDataModule(pl.LightningDataModule):
    """The three splits of a table as loaders; the train loader is made anew each epoch, keyed by (seed, epoch)."""

    def __init__(
        self, table: pa.Table, classes: Sequence[str], tokenizer: Tokenizer | None, renderer: Renderer | None,
        batch_size: int, seed: int, num_workers: int, pictures: Pictures | None = None, stream: Stream | None = None,
        num_styles: int | None = None, change: Callable[[str, str, int], str] | None = None,
    ):  # fmt: skip
        super().__init__()
        self.classes, self.tokenizer, self.renderer, self.pictures = tuple(classes), tokenizer, renderer, pictures
        self.stream = stream  # the training rows, if they are not those of the table
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.num_styles = num_styles  # that training repeats, one an epoch; None draws new ones in each epoch
        self.change = change  # of training texts: text, id, epoch -> text
        self.features: FeatureStore | None = None  # of a frozen image branch, instead of pictures
        self.splits = {split: SnippetDataset(table, split) for split in ("train", "val", "test")}

    def train_dataloader(self) -> DataLoader:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self.loader("train", epoch)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val", None)

    def test_dataloader(self) -> DataLoader:
        return self.loader("test", None)

    def loader(self, split: str, epoch: int | None) -> DataLoader:
        """Return the batches of a split, in the order of the table or shuffled for one epoch of training."""
        loading: dict[str, Any] = {"num_workers": self.num_workers, "pin_memory": torch.cuda.is_available()}
        style = epoch % self.num_styles if epoch is not None and self.num_styles else epoch
        collate: Any = Collate(
            self.classes, self.tokenizer, self.renderer, style, self.pictures, self.features, self.change
        )
        if self.stream is not None and epoch is not None:
            rows = StreamDataset(self.stream, self.batch_size, self.seed, epoch)
            return DataLoader(rows, batch_size=None, collate_fn=collate, **loading)
        shuffle = None if epoch is None else (self.seed, epoch)
        batches = BatchSampler(len(self.splits[split]), self.batch_size, shuffle)
        return DataLoader(self.splits[split], sampler=batches, batch_size=None, collate_fn=collate, **loading)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return to_device(batch, device)  # Lightning's own walk asks every value whether it is one of a dozen kinds

    def draw(self, split: str, style: int | None) -> tuple[list[RowKey], Iterator[torch.Tensor]]:
        """Return the rows of a split, and their pictures in one style, batch by batch, none drawn yet."""
        rows = self.splits[split]
        collate: Any = Collate(self.classes, None, self.renderer, style, self.pictures)
        batches = BatchSampler(len(rows), self.batch_size, None)
        loader = DataLoader(rows, sampler=batches, batch_size=None, collate_fn=collate, num_workers=self.num_workers)
        return rows.row_keys(), (batch["image"] for batch in loader)


def to_device(batch: Any, device: torch.device) -> Any:
    """Batch -> the same with every tensor in it on the device."""
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    return batch.to(device, non_blocking=device.type == "cuda") if isinstance(batch, torch.Tensor) else batch
