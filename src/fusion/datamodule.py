"""Snippet table -> batches in which each snippet is paired with its screenshot, in the order of an epoch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from fusion.branches import Tokenizer
from fusion.collate import DAMAGED, Collate, FeatureStore, Reading, RowKey, Sources, Style, have_pictures, row_keys
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.user_images import Pictures
from fusion.snippets.snippet import RowReader
from fusion.snippets.user.stream import Stream


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
        damage: Callable[[str, str, Any], str] | None = None, renderers: Mapping[str, Renderer] = MappingProxyType({}),
        picture_share: float = 1.0,
    ):  # fmt: skip
        """change, damage: of training texts, before and after their pictures are drawn: text, id, epoch -> text.

        renderers: those of training, "train", and of damaged pictures in evaluation, DAMAGED, where they are others.
        picture_share: of the rows that have a picture; the others are a text alone.
        """
        super().__init__()
        self.classes, self.renderer, self.renderers = tuple(classes), renderer, renderers
        self.stream = stream  # the training rows, if they are not those of the table
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.num_styles = num_styles  # that training repeats, one an epoch; None draws new ones in each epoch
        self.damage = damage
        self.sources = Sources(tokenizer, renderer, pictures, change=change, picture_share=picture_share)
        self.splits = {split: SnippetDataset(table, split) for split in ("train", "val", "test")}
        # the numbers of the rows of each split that have a picture
        self.drawn = {split: _drawn(rows, picture_share) for split, rows in self.splits.items()}

    @property
    def features(self) -> FeatureStore | None:
        """Those of a frozen image branch, which take the place of pictures."""
        return self.sources.features

    def train_dataloader(self) -> DataLoader:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self.loader("train", epoch)

    def val_dataloader(self) -> DataLoader:
        return self.loader("val", None)

    def test_dataloader(self) -> DataLoader:
        return self.loader("test", None)

    def use(self, **kept: Any) -> None:
        """Take features or readings, as Sources has them, in place of what each batch would compute."""
        self.sources = replace(self.sources, **kept)

    def loader(
        self, split: str, epoch: int | None, style: Style = None, drawn: bool = False, **situation: Any
    ) -> DataLoader:
        """Return the batches of a split, in the order of the table or shuffled for one epoch of training.

        style: DAMAGED evaluates with damaged pictures; drawn: only rows that have a picture; situation: what else of
        Sources differs in evaluation.
        """
        if epoch is not None:
            style, situation = epoch % self.num_styles if self.num_styles else epoch, {"damage": self.damage}
        loading: dict[str, Any] = {"num_workers": self.num_workers, "pin_memory": torch.cuda.is_available()}
        renderer = None if self.renderer is None else self.drawn_by(style)
        collate: Any = Collate(self.classes, replace(self.sources, renderer=renderer, **situation), style)
        if self.stream is not None and epoch is not None:
            rows = StreamDataset(self.stream, self.batch_size, self.seed, epoch)
            return DataLoader(rows, batch_size=None, collate_fn=collate, **loading)
        if drawn:
            return self._in_order(split, collate, **loading)
        shuffle = None if epoch is None else (self.seed, epoch)
        batches = BatchSampler(len(self.splits[split]), self.batch_size, shuffle)
        return DataLoader(self.splits[split], sampler=batches, batch_size=None, collate_fn=collate, **loading)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return to_device(batch, device)  # Lightning's own walk asks every value whether it is one of a dozen kinds

    def draw(self, split: str, style: Style) -> tuple[list[RowKey], Iterator[torch.Tensor]]:
        """Return the rows of a split that have pictures, and those in one style, batch by batch, none drawn yet."""
        sources = Sources(renderer=self.drawn_by(style), pictures=self.sources.pictures)
        loader = self._in_order(split, Collate(self.classes, sources, style), num_workers=self.num_workers)
        return self.drawn_keys(split), (batch["image"] for batch in loader)

    def drawn_keys(self, split: str) -> list[RowKey]:
        """Return the keys of the rows of a split that have a picture."""
        keys = self.splits[split].row_keys()
        return [keys[i] for i in self.drawn[split]]

    def read(self, split: str, style: Style, read: Callable[..., Any], workers: int) -> tuple[list[RowKey], Any]:
        """Return the rows of a split, and batch by batch what `read` makes of their source pictures in one style.

        read: pictures, each (H, W, 3) uint8 -> anything; it is called in the processes that draw.
        """
        reading = Reading(self.drawn_by(style), style, read)
        return self.drawn_keys(split), self._in_order(split, reading, num_workers=workers)

    def drawn_by(self, style: Style) -> Renderer:
        """Return what draws the pictures of a style; there is an image branch."""
        assert self.renderer is not None
        if style == DAMAGED:
            return self.renderers[DAMAGED]
        return self.renderers.get("train", self.renderer) if isinstance(style, int) else self.renderer

    def _in_order(self, split: str, collate: Any, **loading: Any) -> DataLoader:
        """Return the batches of the rows of a split that have a picture."""
        numbers = self.drawn[split].tolist()
        batches: Any = [numbers[i : i + self.batch_size] for i in range(0, len(numbers), self.batch_size)]
        return DataLoader(self.splits[split], sampler=batches, batch_size=None, collate_fn=collate, **loading)


def _drawn(rows: SnippetDataset, share: float) -> np.ndarray:
    """Return the numbers of the rows that have a picture."""
    if share >= 1:
        return np.arange(len(rows))
    keys = rows.row_keys()
    return np.flatnonzero(have_pictures([id for id, _, _ in keys], [path for *_, path in keys], share))


def to_device(batch: Any, device: torch.device) -> Any:
    """Batch -> the same with every tensor in it on the device."""
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    return batch.to(device, non_blocking=device.type == "cuda") if isinstance(batch, torch.Tensor) else batch
