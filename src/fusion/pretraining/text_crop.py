"""A text -> the part of it that a small picture shows: long enough to be read, begun anywhere.

A picture of 128 pixels holds some ten lines of twenty characters. Most places of a file leave such a picture half
empty, and from an empty picture nothing is learnt.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fusion.config.training import TextCrop
from fusion.screenshots.layout import TAB
from fusion.screenshots.style import hash_uniform

KIND, COLUMN, ROW = (np.array([number], np.uint64) for number in (11, 12, 13))  # streams of a key
DRAWN = 3  # lines handed on for each line wanted: small fonts show more, what does not fit is not drawn


@dataclass(frozen=True)
class TextCrops:
    """Crops of one size: of lines and columns, with at least so many visible characters in them."""

    rows: int
    columns: int
    min_characters: int

    @classmethod
    def scaled(cls, crop: TextCrop, share: float = 1.0) -> "TextCrops":
        """Return the crops of pictures whose side is that share of the full one, with text as large."""
        return cls(round(crop.rows * share), round(crop.columns * share), round(crop.min_characters * share**2))

    def crop(self, text: str, key: int) -> str:
        """Return one crop of a text, drawn by the key."""
        return text_crop(text, key, self.rows, self.columns, self.min_characters)

    def dense_rows(self, table: pa.Table) -> pa.Table:
        """Return the rows of which a crop with enough characters can be shown."""
        dense = [is_dense(text, self.rows, self.columns, self.min_characters) for text in table["text"].to_pylist()]
        return table.filter(pa.array(dense, pa.bool_()))


def text_crop(text: str, key: int, rows: int, columns: int, min_characters: int) -> str:
    """Return lines of the text, cut on the left, of which the first `rows` show enough characters in `columns`.

    Half of the crops begin at the first column, three tenths at the indentation of the text, the others at any
    column. Where nothing there is dense enough, the first column is taken, and its densest lines.
    """
    lines = text.expandtabs(TAB).split("\n")
    keys = np.array([key], np.uint64)
    kind, column, row = (float(hash_uniform(keys, stream)[0, 0]) for stream in (KIND, COLUMN, ROW))
    first = 0
    if kind >= 0.8:
        first = int(column * max(1, max(len(line) for line in lines) - columns // 2))
    elif kind >= 0.5:
        first = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    shown = density(lines, first, rows, columns)
    if shown.max() < min_characters:
        first, shown = 0, density(lines, 0, rows, columns)
    starts = np.flatnonzero(shown >= min_characters)
    start = int(starts[int(row * len(starts))]) if len(starts) else int(shown.argmax())
    return "\n".join(line[first:] for line in lines[start : start + DRAWN * rows])


def is_dense(text: str, rows: int, columns: int, min_characters: int) -> bool:
    """Return whether some crop that begins at the first column shows enough characters."""
    return bool(density(text.expandtabs(TAB).split("\n"), 0, rows, columns).max() >= min_characters)


def density(lines: list[str], first: int, rows: int, columns: int) -> np.ndarray:
    """Return (L,), for each line the characters other than blanks in the `rows` lines from it on, `columns` wide."""
    cut = (line[first : first + columns] for line in lines)
    total = np.cumsum([0, *(len(line) - line.count(" ") for line in cut)])
    return total[np.minimum(np.arange(len(lines)) + rows, len(lines))] - total[:-1]
