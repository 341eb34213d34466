"""Snippet table -> batches in which each snippet is paired with its screenshot.

{"text": {"input_ids": (B, T) int64, "attention_mask": (B, T) bool}, "image": (B, H, W, 3) uint8,
 "label": (B,) int64, "id": [B], "present": {"text": (B,) bool, "image": (B,) bool}}

Where features of a frozen image branch are kept (training/feature_cache.py), "features": {"image": (B, D)} takes the
place of "image". Where what is read in a picture is a modality (training/readings.py), "read" is such a text too, with
"quality": (B, 4), how well it was read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.user_images import Pictures, open_picture
from fusion.snippets.snippet import RowReader
from fusion.snippets.user.stream import Stream

RowKey = tuple[str, str, str]  # id, label, the user's own picture or ""
DAMAGED = "damaged"  # the style of evaluation with damaged pictures
Style = int | str | None  # of pictures: the number of an epoch, None for that of evaluation, or DAMAGED


@dataclass
class FeatureStore:
    """Features of every picture that training, validation and test will ask for, by style and row."""

    features: dict[Style, torch.Tensor] = field(default_factory=dict)  # style, None in evaluation -> (N, [K,] D)
    positions: dict[Style, dict[RowKey, int]] = field(default_factory=dict)  # style -> row -> its place in them

    def add(self, style: Style, rows: Sequence[RowKey], features: torch.Tensor) -> None:
        """Append the features (N, [K,] D) of rows drawn in one style."""
        before = self.features.get(style)
        first = 0 if before is None else len(before)
        self.features[style] = features if before is None else torch.cat([before, features])
        self.positions.setdefault(style, {}).update({row: first + i for i, row in enumerate(rows)})

    def __call__(self, rows: Sequence[RowKey], style: Style) -> torch.Tensor:
        """Rows -> their features (B, [K,] D), in the same order."""
        positions = self.positions[style]
        return self.features[style][[positions[row] for row in rows]]


@dataclass
class ReadingStore:
    """What was read in every picture that training, validation and test will ask for, by style and row."""

    # by style and row: the text, the same with its coloured words marked, quality (4,)
    read: dict[Style, dict[RowKey, tuple[str, str, np.ndarray]]] = field(default_factory=dict)

    def add(
        self, style: Style, rows: Sequence[RowKey], texts: Sequence[str], coloured: Sequence[str], quality: np.ndarray
    ) -> None:
        """Add what was read in pictures of rows in one style, quality (N, 4)."""
        self.read.setdefault(style, {}).update(zip(rows, zip(texts, coloured, quality, strict=True), strict=True))

    def __call__(self, rows: Sequence[RowKey], style: Style) -> tuple[list[str], list[str], torch.Tensor]:
        """Rows -> what was read in their pictures, the same with coloured words marked, and how well (B, 4)."""
        texts, coloured, quality = zip(*(self.read[style][row] for row in rows), strict=True)
        return [*texts], [*coloured], torch.from_numpy(np.stack(quality))


@dataclass(frozen=True)
class Sources:
    """What a batch is made with, beside its rows."""

    tokenizer: Tokenizer | None = None
    renderer: Renderer | None = None
    pictures: Pictures | None = None  # the user's own
    features: FeatureStore | None = None  # take the place of the pictures
    readings: ReadingStore | None = None
    change: Callable[[str, str, int], str] | None = None  # text, id, epoch -> the text as training sees it
    damage: Callable[[str, str, Any], str] | None = None  # the same, after its picture was drawn; in evaluation too
    has_text: bool = True  # else it is missing
    has_colours: bool = False  # a member sees what was read with its coloured words marked


class Collate:
    """Rows of the table as columns -> one batch. Style None draws the one of each row that evaluation uses."""

    def __init__(self, classes: Sequence[str], sources: Sources, style: Style):
        self.class_index = {label: i for i, label in enumerate(classes)}
        self.sources, self.style = sources, style
        self.epoch = style if isinstance(style, int) else None

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, Any]:
        texts, ids, labels, sources = rows["text"], rows["id"], rows.get("label"), self.sources
        if sources.change is not None and self.epoch is not None:
            texts = self._each(sources.change, texts, ids)
        batch: dict[str, Any] = {"id": ids, "present": {}}
        if sources.tokenizer is not None:
            given = texts if sources.damage is None else self._each(sources.damage, texts, ids)
            batch["text"] = sources.tokenizer(given)
            batch["present"]["text"] = torch.full((len(texts),), sources.has_text)
        if sources.readings is not None and sources.tokenizer is not None:
            read, coloured, quality = sources.readings(row_keys(rows), self.style)
            batch["read"] = sources.tokenizer(read) | {"quality": quality}
            if sources.has_colours:
                batch["colours"] = sources.tokenizer(coloured)
            batch["present"]["read"] = torch.tensor([bool(text.strip()) for text in read])
        if sources.features is not None:
            batch["features"] = {"image": sources.features(row_keys(rows), self.style)}  # (B, [K,] D)
            batch["present"]["image"] = torch.ones(len(texts), dtype=torch.bool)
        elif sources.renderer is not None:
            batch["image"] = self._pictures(sources.renderer, rows, texts)
            batch["present"]["image"] = torch.ones(len(texts), dtype=torch.bool)
        if labels is not None:
            batch["label"] = torch.tensor([self.class_index[label] for label in labels])
        return batch

    def _each(self, change: Callable[[str, str, Any], str], texts: list[str], ids: list[str]) -> list[str]:
        return [change(text, id, self.epoch) for text, id in zip(texts, ids, strict=True)]

    def _pictures(self, renderer: Renderer, rows: dict[str, list[Any]], texts: list[str]) -> torch.Tensor:
        """Return the pictures drawn or, where a row has one of its own, given: (B, [K,] H, W, 3)."""
        image = renderer(texts, rows["id"], self.epoch, rows.get("label"))
        own = [i for i, path in enumerate(rows.get("image", ())) if path]
        if own and self.sources.pictures is not None:
            given = self.sources.pictures([rows["image"][i] for i in own])  # (O, H, W, 3)
            image[own] = given if image.ndim == 4 else given[:, None]  # each of its tiles is the whole picture
        return torch.from_numpy(image)


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
        damage: Callable[[str, str, Any], str] | None = None, renderers: Mapping[str, Renderer] = MappingProxyType({}),
    ):  # fmt: skip
        """change, damage: of training texts, before and after their pictures are drawn: text, id, epoch -> text.

        renderers: those of training, "train", and of damaged pictures in evaluation, DAMAGED, where they are others.
        """
        super().__init__()
        self.classes, self.renderer, self.renderers = tuple(classes), renderer, renderers
        self.stream = stream  # the training rows, if they are not those of the table
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.num_styles = num_styles  # that training repeats, one an epoch; None draws new ones in each epoch
        self.damage = damage
        self.sources = Sources(tokenizer, renderer, pictures, change=change)
        self.splits = {split: SnippetDataset(table, split) for split in ("train", "val", "test")}

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

    def loader(self, split: str, epoch: int | None, style: Style = None, **situation: Any) -> DataLoader:
        """Return the batches of a split, in the order of the table or shuffled for one epoch of training.

        style: DAMAGED evaluates with damaged pictures; situation: what else of Sources differs in evaluation.
        """
        if epoch is not None:
            style, situation = epoch % self.num_styles if self.num_styles else epoch, {"damage": self.damage}
        loading: dict[str, Any] = {"num_workers": self.num_workers, "pin_memory": torch.cuda.is_available()}
        renderer = None if self.renderer is None else self.drawn_by(style)
        collate: Any = Collate(self.classes, replace(self.sources, renderer=renderer, **situation), style)
        if self.stream is not None and epoch is not None:
            rows = StreamDataset(self.stream, self.batch_size, self.seed, epoch)
            return DataLoader(rows, batch_size=None, collate_fn=collate, **loading)
        shuffle = None if epoch is None else (self.seed, epoch)
        batches = BatchSampler(len(self.splits[split]), self.batch_size, shuffle)
        return DataLoader(self.splits[split], sampler=batches, batch_size=None, collate_fn=collate, **loading)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return to_device(batch, device)  # Lightning's own walk asks every value whether it is one of a dozen kinds

    def draw(self, split: str, style: Style) -> tuple[list[RowKey], Iterator[torch.Tensor]]:
        """Return the rows of a split, and their pictures in one style, batch by batch, none drawn yet."""
        sources = Sources(renderer=self.drawn_by(style), pictures=self.sources.pictures)
        loader = self._in_order(split, Collate(self.classes, sources, style), self.num_workers)
        return self.splits[split].row_keys(), (batch["image"] for batch in loader)

    def read(self, split: str, style: Style, read: Callable[..., Any], workers: int) -> tuple[list[RowKey], Any]:
        """Return the rows of a split, and batch by batch what `read` makes of their source pictures in one style.

        read: pictures, each (H, W, 3) uint8 -> anything; it is called in the processes that draw.
        """
        return self.splits[split].row_keys(), self._in_order(split, Reading(self.drawn_by(style), style, read), workers)

    def drawn_by(self, style: Style) -> Renderer:
        """Return what draws the pictures of a style; there is an image branch."""
        assert self.renderer is not None
        if style == DAMAGED:
            return self.renderers[DAMAGED]
        return self.renderers.get("train", self.renderer) if isinstance(style, int) else self.renderer

    def _in_order(self, split: str, collate: Any, workers: int) -> DataLoader:
        rows = self.splits[split]
        batches = BatchSampler(len(rows), self.batch_size, None)
        return DataLoader(rows, sampler=batches, batch_size=None, collate_fn=collate, num_workers=workers)


@dataclass(frozen=True)
class Reading:
    """Rows of the table as columns -> what `read` makes of their source pictures, drawn or given."""

    renderer: Renderer
    style: Style
    read: Callable[[list[np.ndarray]], Any]

    def __call__(self, rows: dict[str, list[Any]]) -> Any:
        epoch = self.style if isinstance(self.style, int) else None
        pictures = [*self.renderer.source(rows["text"], rows["id"], epoch, rows.get("label"))]
        for i, path in enumerate(rows.get("image", ())):
            if path:
                pictures[i] = open_picture(path)
        return self.read(pictures)


def to_device(batch: Any, device: torch.device) -> Any:
    """Batch -> the same with every tensor in it on the device."""
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    return batch.to(device, non_blocking=device.type == "cuda") if isinstance(batch, torch.Tensor) else batch
