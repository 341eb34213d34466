"""Rows of the snippet table -> one batch in which each snippet is paired with its screenshot.

{"text": {"input_ids": (B, T) int64, "attention_mask": (B, T) bool}, "image": (B, H, W, 3) uint8,
 "label": (B,) int64, "id": [B], "present": {"text": (B,) bool, "image": (B,) bool}}

Where features of a frozen image branch are kept (training/feature_cache.py), "features": {"image": (B, D)} takes the
place of "image". Where what is read in a picture is a modality (training/readings.py), "read" is such a text too, with
"quality": (B, 4), how well it was read; and "colours" the same text with its coloured words marked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from fusion.branches import Tokenizer
from fusion.reading.transcript import QUALITY
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.user_images import Pictures, open_picture
from fusion.snippets.snippet import key_of

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
        """Rows -> their features (B, [K,] D), in the same order; zeros of a row without a picture."""
        positions, features = self.positions[style], self.features[style]
        found = features[[positions.get(row, 0) for row in rows]]
        found[[row not in positions for row in rows]] = 0
        return found


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
        """Rows -> what was read in their pictures, the same with coloured words marked, and how well (B, 4).

        Of a row without a picture nothing was read.
        """
        nothing = ("", "", np.zeros(QUALITY, np.float32))
        texts, coloured, quality = zip(*(self.read[style].get(row, nothing) for row in rows), strict=True)
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
    picture_share: float = 1.0  # of the rows; the others are a text alone
    has_colours: bool = False  # a member sees what was read with its coloured words marked


class Collate:
    """Rows of the table as columns -> one batch. Style None draws the one of each row that evaluation uses."""

    def __init__(self, classes: Sequence[str], sources: Sources, style: Style):
        self.class_index = {label: i for i, label in enumerate(classes)}
        self.sources, self.style = sources, style
        self.epoch = style if isinstance(style, int) else None

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, Any]:
        texts, ids, labels, sources = rows["text"], rows["id"], rows.get("label"), self.sources
        has_pictures = sources.features is not None or sources.renderer is not None
        drawn = [False] * len(texts)
        if has_pictures:
            drawn = have_pictures(ids, rows.get("image") or [None] * len(ids), sources.picture_share)
        if sources.change is not None and self.epoch is not None:  # not of a text that its picture must show
            changed = self._each(sources.change, texts, ids)
            texts = [text if keep else other for text, other, keep in zip(texts, changed, drawn, strict=True)]
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
        elif sources.renderer is not None:
            batch["image"] = self._pictures(sources.renderer, rows, texts)
        if has_pictures:
            batch["present"]["image"] = torch.tensor(drawn)
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


def have_pictures(ids: Sequence[str], own: Sequence[str | None], share: float) -> list[bool]:
    """Return which rows have a picture: those with one of their own, and of the others a share, told by their ids."""
    return [bool(path) or share >= 1 or key_of(id) / 2**64 < share for id, path in zip(ids, own, strict=True)]


def row_keys(rows: dict[str, list[Any]]) -> list[RowKey]:
    """Columns -> the key of each row; the same text may have two labels, or two screenshots."""
    own = rows.get("image") or [""] * len(rows["id"])
    return [(id, label, path or "") for id, label, path in zip(rows["id"], rows["label"], own, strict=True)]


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
