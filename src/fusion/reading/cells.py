"""What the network says of each cell -> the inked cells, each with the place of the character that it belongs to."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fusion.reading.alphabet import CELL_HEIGHT, CELL_WIDTH, LINE_HEIGHT, PITCH, WIDE

SEEN = 0.35  # probability of ink from which a cell votes


class CellMaps(NamedTuple):
    """What the network says of each cell of a picture; h = H / 8 rows, w = W / 4 columns."""

    hidden: np.ndarray  # (h, w, hidden): what the network tells characters by
    ink: np.ndarray  # (h, w) probability that a character stands here
    sizes: np.ndarray  # (4, h, w): offset to the character's centre in pitches and line heights, log of both
    roles: np.ndarray  # (2, h, w) probabilities of being a line number, and of being a title


@dataclass(frozen=True)
class Cells:
    """The inked cells of a picture, N of them, in its pixels."""

    x: np.ndarray  # (N,) of the centre of the character that the cell belongs to
    y: np.ndarray
    own_x: np.ndarray  # (N,) of the cell itself
    pitch: np.ndarray
    line_height: np.ndarray
    ink: np.ndarray  # (N,) probability that something stands here
    characters: np.ndarray  # (N, CLASSES) log-probabilities
    roles: np.ndarray  # (N, 2) probabilities of being a line number, and of being a title

    def __getitem__(self, chosen: np.ndarray) -> "Cells":
        return Cells(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.x)


def inked(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of ink (h, w) -> rows and columns (N,) of the cells that vote."""
    rows, columns = np.nonzero(ink > SEEN)
    return rows, columns


def place(
    at: tuple[np.ndarray, np.ndarray], ink: np.ndarray, sizes: np.ndarray, characters: np.ndarray, roles: np.ndarray
) -> Cells:
    """Rows and columns of N cells, and what the network says there -> Cells.

    ink: (N,); sizes: (4, N); characters: (N, CLASSES) log-probabilities; roles: (2, N) probabilities.
    """
    pitch, line_height = PITCH * np.exp(sizes[2]), LINE_HEIGHT * np.exp(sizes[3])
    own_x = (at[1] + 0.5) * CELL_WIDTH
    x = own_x + sizes[0] * pitch
    y = (at[0] + 0.5) * CELL_HEIGHT + sizes[1] * line_height
    is_wide = characters.argmax(1) == WIDE
    x = np.where(is_wide, x - pitch / 2, x)  # of the first of its two columns
    return Cells(x, y, own_x, pitch, line_height, ink, characters, roles.T)


def median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the value that half of the weight lies below."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
