"""A key -> Style: everything that may differ between two pictures of one text.

In a configuration each field is one value, a list to draw from evenly (repeat a value to weight it), or for
numbers `[low, high]`, a range with both ends. Every field is drawn from its own stream of the key, so that
fixing one field leaves the others as they were. The key is made of (seed, epoch, id).
"""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.config.errors import UserError
from fusion.config.render import STYLE, Style
from fusion.screenshots import fonts, themes

SOLIDS = (
    "#abb8c3", "#f2f2f2", "#e8eaf0", "#d9e2ec", "#c9d6df", "#f6e7cb", "#f4dcd6", "#dcedc8", "#d7ccc8",
    "#cfd8dc", "#4a90e2", "#50707e", "#7b8ba3", "#5c6b73", "#3d5a80", "#2f3e46", "#22223b", "#2b2d42",
    "#1f2933", "#121619",
)  # fmt: skip
GRADIENTS = (
    "#5ee7df-#b490ca", "#cfd9df-#e2ebf0", "#a1c4fd-#c2e9fb", "#fbc2eb-#a6c1ee", "#ffecd2-#fcb69f",
    "#84fab0-#8fd3f4", "#667eea-#764ba2", "#2b5876-#4e4376", "#0f2027-#2c5364", "#ff9a9e-#fecfef",
    "#d299c2-#fef9d7", "#30cfd0-#330867",
)  # fmt: skip
# A field's stream comes from its name, so one that was renamed keeps the name it was first drawn by: every picture of
# every seed stays the same.
FIRST_NAMES = {"degradation": "wear"}


@dataclass(frozen=True)
class Distribution:
    """The values that a field is drawn from, with their cumulated weights, or the two ends of a range."""

    values: tuple[Any, ...]
    cumulated: tuple[float, ...] = ()
    is_range: bool = False
    is_whole: bool = False

    def __call__(self, uniform: np.ndarray) -> np.ndarray:
        """(B,) in [0, 1) -> (B,) numbers or, for words, indices into values."""
        if self.is_range:
            low, high = self.values
            if self.is_whole:
                return low + np.floor(uniform * (high - low + 1))
            return low + uniform * (high - low)
        index = np.searchsorted(self.cumulated, uniform * self.cumulated[-1], side="right")
        return index if isinstance(self.values[0], str) else np.asarray(self.values, float)[index]


class Styles:
    """The style of a render configuration -> one Style, or a batch of them as columns."""

    def __init__(self, style: Mapping[str, Any]):
        """style: checked values of some fields; the others have their defaults.

        Raises UserError for a theme, font or background that does not exist or cannot be had.
        """
        self.distributions = {
            name: _distribution(name, style.get(name, field.default)) for name, field in STYLE.items()
        }
        self.salts = np.array([zlib.crc32(FIRST_NAMES.get(name, name).encode()) for name in STYLE], np.uint64)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the words that the numbers in a column stand for."""
        return self.distributions[name].values

    def columns(self, keys: np.ndarray) -> dict[str, np.ndarray]:
        """(B,) uint64 -> every field as (B,) numbers; words as indices into choices(name)."""
        uniform = hash_uniform(keys, self.salts)
        return {name: draw(uniform[:, i]) for i, (name, draw) in enumerate(self.distributions.items())}

    def sample(self, key: int) -> Style:
        """Return the style that a key stands for."""
        columns = self.columns(np.array([key], np.uint64))
        values: dict[str, Any] = {}
        for name, field in STYLE.items():
            number = columns[name][0]
            is_word = isinstance(field.default, str)
            values[name] = self.choices(name)[int(number)] if is_word else type(field.default)(number)
        return Style(**values)


def sample_key(seed: int, epoch: int | None, id: str) -> int:
    """Return 64 bits; in evaluation (epoch None) the same for every seed, so that all runs see the same pictures."""
    text = f"evaluation|{id}" if epoch is None else f"{seed}|{epoch}|{id}"
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def hash_uniform(keys: np.ndarray, salts: np.ndarray) -> np.ndarray:
    """(B,), (K,) uint64 -> (B, K) in [0, 1), by the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        x = keys[:, None] + (salts[None] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _distribution(name: str, given: Any) -> Distribution:
    """Return what a field is drawn from; `given` is a value, a list of them or a range."""
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    default = STYLE[name].default
    if isinstance(default, str):
        weights: dict[str, float] = {}
        for value in values:
            for word, weight in _expand(name, str(value)).items():
                weights[word] = weights.get(word, 0) + weight
        return Distribution(tuple(weights), tuple(np.cumsum(list(weights.values())).tolist()))
    if isinstance(default, bool):
        share = sum(map(float, values)) / len(values)
        return Distribution((False, True), (1 - share, 1.0))
    if len(values) == 2 and values[0] != values[1]:
        return Distribution(tuple(values), is_range=True, is_whole=isinstance(default, int))
    return Distribution(tuple(values), tuple(float(i + 1) for i in range(len(values))))


def _expand(name: str, word: str) -> dict[str, float]:
    """Return the words that a word of the configuration stands for, weighted to one in all."""
    if name == "theme" and word in ("any", "light", "dark"):
        weights = themes.of_kind(word)
        total = sum(weights.values())
        return {theme: weight / total for theme, weight in weights.items()}
    if name == "background" and word in ("any", "solid", "gradient"):
        backgrounds = {"any": SOLIDS + GRADIENTS, "solid": SOLIDS, "gradient": GRADIENTS}[word]
        return dict.fromkeys(backgrounds, 1 / len(backgrounds))
    if name == "font" and word == "any":
        available = fonts.available()
        return dict.fromkeys(available, 1 / len(available))
    checks: dict[str, Callable[[str], Any]] = {
        "theme": themes.palette, "font": fonts.load, "background": two_colors,
    }  # fmt: skip
    if name in checks:
        checks[name](word)
    return {word: 1.0}


def two_colors(background: str) -> np.ndarray:
    """'#rrggbb' or '#rrggbb-#rrggbb' -> (2, 3) uint8, the upper left and the lower right colour."""
    parts = background.split("-")
    try:
        return np.stack([themes.rgb(parts[0]), themes.rgb(parts[-1])])
    except ValueError as error:
        raise UserError(
            f"render.background={background} is not known; it is any, solid, gradient, #rrggbb or a gradient "
            "as #rrggbb-#rrggbb."
        ) from error
