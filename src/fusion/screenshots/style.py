"""(seed, epoch, id) -> Style: everything that may differ between two pictures of one text.

In a configuration each field is one value, a list to draw from evenly (repeat a value to weight it), or for
numbers `[low, high]`, a range with both ends. Every field is drawn from its own stream of the key, so that
fixing one field leaves the others as they were.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.config.errors import UserError, did_you_mean
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


def _field(
    default: Any, help: str, low: float | None = None, high: float | None = None, words: Sequence[str] = ()
) -> Any:
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "words": words})


@dataclass(frozen=True)
class Style:
    """How one screenshot looks; lengths are pixels of the source picture at scale 1, defaults Carbon's."""

    theme: str = _field("one-dark", "Pygments theme; any, light and dark draw one")
    font: str = _field(fonts.ALWAYS, "font name or path of a font file; any draws one")
    font_size: int = _field(14, "pixels per em", 4, 72)
    line_height: float = _field(133.0, "percent of the font size", 80, 300)
    line_numbers: bool = _field(False, "a number before each line; in a configuration also a share, such as 0.4")
    first_line: int = _field(1, "the first line's number", 0, 99_999)
    padding_x: float = _field(
        8.2, "percent of the picture's width left and right of the window; negative cuts it", -25, 40
    )
    padding_y: float = _field(8.2, "percent of the picture's height above and below the window, at least", -25, 40)
    margin: int = _field(14, "pixels between window and code", 0, 200)
    window: str = _field("mac", "controls of the window", words=("mac", "windows", "none"))
    title: str = _field("", "text of the title bar")
    background: str = _field("#abb8c3", "#rrggbb, #rrggbb-#rrggbb for a gradient; any, solid and gradient draw one")
    shadow: float = _field(0.55, "opacity of the window's shadow", 0, 1)
    shadow_blur: float = _field(17.0, "pixels, standard deviation", 0.5, 100)
    shadow_drop: int = _field(20, "pixels the shadow lies below the window", 0, 100)
    corner_radius: int = _field(5, "pixels", 0, 100)
    scale: float = _field(1.0, "device pixels per pixel; Carbon exports at 2", 0.5, 3)
    height: str = _field("content", "window as high as its code, or as the picture allows", words=("content", "full"))
    scroll_y: float = _field(0.0, "0 shows the text's first lines, 1 its last", 0, 1)
    scroll_x: float = _field(0.0, "0 shows the lines' first columns, 1 the last of the longest", 0, 1)
    shift_x: float = _field(0.0, "percent of the width by which a crop moves the picture left, cutting lines", -50, 50)
    shift_y: float = _field(0.0, "percent of the height by which a crop moves the picture up, cutting lines", -50, 50)
    marked: str = _field("none", "a band behind the current line or a selection", words=("none", "line", "selection"))
    marked_at: float = _field(0.5, "where the band begins, as a share of the visible lines", 0, 1)
    wear: str = _field("none", "what became of the file", words=("none", "jpeg", "blur", "rescale"))
    jpeg_quality: int = _field(75, "of wear=jpeg", 1, 100)
    blur: float = _field(0.6, "pixels, standard deviation, of wear=blur", 0.1, 5)
    rescale: float = _field(70.0, "percent, of wear=rescale: made smaller, then as large as before", 10, 100)


FIELDS = {field.name: field for field in dataclasses.fields(Style)}
KINDS: dict[str, type] = {name: type(field.default) for name, field in FIELDS.items()}


@dataclass(frozen=True)
class Distribution:
    """What a field is drawn from: values with their cumulated weights, or a range."""

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
    """The style part of a render configuration -> one Style, or a batch of them as columns."""

    def __init__(self, render: dict[str, Any]):
        for name in render:
            if name not in FIELDS:
                hint = did_you_mean(name, FIELDS)
                raise UserError(f"render.{name} is not known{hint}; it is one of {', '.join(FIELDS)}.")
        self.distributions = {name: _spread(name, render.get(name, field.default)) for name, field in FIELDS.items()}
        self.salts = np.array([zlib.crc32(name.encode()) for name in FIELDS], np.uint64)

    def words(self, name: str) -> tuple[str, ...]:
        """What the numbers in a column of words stand for."""
        return self.distributions[name].values

    def columns(self, keys: np.ndarray) -> dict[str, np.ndarray]:
        """(B,) uint64 -> every field as (B,) numbers; words as indices into words(name)."""
        drawn = hash_uniform(keys, self.salts)
        return {name: spread(drawn[:, i]) for i, (name, spread) in enumerate(self.distributions.items())}

    def one(self, key: int) -> Style:
        columns = self.columns(np.array([key], np.uint64))
        return self.style({name: column[0] for name, column in columns.items()})

    def style(self, row: dict[str, Any]) -> Style:
        """One row of the columns -> Style."""
        values: dict[str, Any] = {}
        for name, field in FIELDS.items():
            if isinstance(field.default, str):
                values[name] = self.words(name)[int(row[name])]
            else:
                values[name] = KINDS[name](row[name])
        return Style(**values)


def sample_key(seed: int, epoch: int | None, id: str) -> int:
    """Of evaluation (epoch None) the same for every seed, so that runs are judged on the same pictures."""
    text = f"evaluation|{id}" if epoch is None else f"{seed}|{epoch}|{id}"
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def hash_uniform(keys: np.ndarray, salts: np.ndarray) -> np.ndarray:
    """(B,), (K,) uint64 -> (B, K) in [0, 1), by the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        x = keys[:, None] + (salts[None] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _spread(name: str, given: Any) -> Distribution:
    """One field of the configuration, checked. Raises UserError with the value and what it may be."""
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    if not values:
        raise UserError(f"render.{name}=[] gives nothing to draw from.")
    default = FIELDS[name].default
    if isinstance(default, str):
        weights: dict[str, float] = {}
        for value in values:
            for word, weight in _expand(name, str(value)).items():
                weights[word] = weights.get(word, 0) + weight
        return Distribution(tuple(weights), tuple(np.cumsum(list(weights.values())).tolist()))
    if isinstance(default, bool):
        return _share(name, values)
    for value in values:
        _check_number(name, value)
    if len(values) == 2 and values[0] != values[1]:
        if values[0] > values[1]:
            raise UserError(f"render.{name}={given} is no range; write the lower end first.")
        return Distribution(tuple(values), is_range=True, is_whole=isinstance(default, int))
    return Distribution(tuple(values), tuple(float(i + 1) for i in range(len(values))))


def _share(name: str, values: list[Any]) -> Distribution:
    share = sum(float(value) if isinstance(value, (bool, int, float)) else np.nan for value in values) / len(values)
    if not 0 <= share <= 1:
        raise UserError(f"render.{name}={values[0]} must be true, false or a share between 0 and 1.")
    return Distribution((False, True), (1 - share, 1.0))


def _check_number(name: str, value: Any) -> None:
    low, high = FIELDS[name].metadata["low"], FIELDS[name].metadata["high"]
    whole = isinstance(FIELDS[name].default, int)
    right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not right:
        kind = "a whole number" if whole else "a number"
        raise UserError(
            f"render.{name}={value} must be {kind} from {low:g} to {high:g}: {FIELDS[name].metadata['help']}."
        )


def _expand(name: str, word: str) -> dict[str, float]:
    """A word of the configuration -> the words it stands for, weighted to one in all."""
    if name == "theme" and word in ("any", "light", "dark"):
        weights = themes.of_kind(word)
        total = sum(weights.values())
        return {theme: weight / total for theme, weight in weights.items()}
    if name == "background" and word in ("any", "solid", "gradient"):
        chosen = {"any": SOLIDS + GRADIENTS, "solid": SOLIDS, "gradient": GRADIENTS}[word]
        return dict.fromkeys(chosen, 1 / len(chosen))
    if name == "font" and word == "any":
        found = fonts.available()
        return dict.fromkeys(found, 1 / len(found))
    words = FIELDS[name].metadata["words"]
    if words and word not in words:
        raise UserError(f"render.{name}={word} is not known{did_you_mean(word, words)}; it is {', '.join(words)}.")
    checks: dict[str, Callable[[str], Any]] = {
        "theme": themes.palette,
        "font": fonts.load,
        "background": two_colors,
    }
    if name in checks:
        checks[name](word)
    return {word: 1.0}


def two_colors(background: str) -> np.ndarray:
    """'#rrggbb' or '#rrggbb-#rrggbb' -> (2, 3) uint8, the upper and the lower end."""
    parts = background.split("-")
    try:
        return np.stack([themes.rgb(parts[0]), themes.rgb(parts[-1])])
    except ValueError as error:
        raise UserError(
            f"render.background={background} is not known; it is any, solid, gradient, #rrggbb or a gradient "
            "as #rrggbb-#rrggbb."
        ) from error
