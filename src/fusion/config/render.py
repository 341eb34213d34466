"""conf/render: how code is drawn, and which part of the picture is seen."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from fusion.config.errors import UserError, did_you_mean
from fusion.config.groups import read_group
from fusion.config.options import STRICT, choices_of, is_number, parse, show, to_dict, words

DEFAULT_FONT = "dejavu-sans-mono"  # on every machine, for matplotlib brings it


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


def parse_size(value: Any) -> Size:
    """Return 500, "680x500" or [680, 500] as a Size. Raises ValueError for anything else."""
    parts = value.lower().split("x") if isinstance(value, str) else value
    parts = parts if isinstance(parts, (list, tuple)) else [parts]
    try:
        width, height = (int(parts[0]), int(parts[-1])) if 1 <= len(parts) <= 2 else (0, 0)
    except (TypeError, ValueError):
        width = height = 0
    if not (8 <= width <= 8192 and 8 <= height <= 8192):
        raise ValueError(
            f"source_size={show(value)} must be one number or WIDTHxHEIGHT, each from 8 to 8192 pixels, say 680x500."
        )
    return Size(width, height)


def parse_side(value: Any) -> Any:
    """Return 224, "224x224" or [224, 224] as the side of a square picture, in pixels."""
    parts = value.lower().split("x") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        return value
    sides = [int(part) if str(part).isdigit() else 0 for part in parts]
    if len(set(sides)) != 1 or sides[0] < 8:
        raise ValueError(f"input_shape={show(value)} must be the side of a square picture in pixels, such as 224.")
    return sides[0]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Style:
    """How one screenshot looks; lengths are pixels of the source picture at scale 1, defaults Carbon's."""

    theme: str = Field(default="one-dark", description="Pygments theme; any, light and dark draw one")
    font: str = Field(default=DEFAULT_FONT, description="font name or path of a font file; any draws one")
    font_size: int = Field(default=14, ge=4, le=72, description="pixels per em")
    line_height: float = Field(default=133.0, ge=80, le=300, description="percent of the font size")
    line_numbers: bool = Field(
        default=False, description="a number before each line; in a configuration also a share, as 0.4"
    )
    first_line: int = Field(default=1, ge=0, le=99_999, description="the first line's number")
    padding_x: float = Field(
        default=8.2, ge=-25, le=40, description="percent of the width left and right of the window; negative cuts it"
    )
    padding_y: float = Field(
        default=8.2, ge=-25, le=40, description="percent of the height above and below the window, at least"
    )
    margin: int = Field(default=14, ge=0, le=200, description="pixels between window and code")
    window: Literal["mac", "windows", "none"] = Field(default="mac", description="controls of the window")
    title: str = Field(default="", description="text of the title bar")
    background: str = Field(
        default="#abb8c3", description="#rrggbb, #rrggbb-#rrggbb for a gradient; any, solid and gradient draw one"
    )
    shadow: float = Field(default=0.55, ge=0, le=1, description="opacity of the window's shadow")
    shadow_blur: float = Field(default=17.0, ge=0.5, le=100, description="pixels, standard deviation")
    shadow_drop: int = Field(default=20, ge=0, le=100, description="pixels the shadow lies below the window")
    corner_radius: int = Field(default=5, ge=0, le=100, description="pixels")
    scale: float = Field(default=1.0, ge=0.5, le=3, description="device pixels per pixel; Carbon exports at 2")
    height: Literal["content", "full"] = Field(
        default="content", description="window as high as its code, or as the picture allows"
    )
    scroll_y: float = Field(default=0.0, ge=0, le=1, description="0 shows the text's first lines, 1 its last")
    scroll_x: float = Field(
        default=0.0, ge=0, le=1, description="0 shows the lines' first columns, 1 the last of the longest"
    )
    shift_x: float = Field(default=0.0, ge=-50, le=50, description="percent of the width by which a crop cuts lines")
    shift_y: float = Field(default=0.0, ge=-50, le=50, description="percent of the height by which a crop cuts lines")
    marked: Literal["none", "line", "selection"] = Field(
        default="none", description="a band behind the current line or a selection"
    )
    marked_at: float = Field(
        default=0.5, ge=0, le=1, description="where the band begins, as a share of the visible lines"
    )
    degradation: Literal["none", "jpeg", "blur", "rescale"] = Field(
        default="none", description="what became of the file"
    )
    jpeg_quality: int = Field(default=75, ge=1, le=100, description="of degradation=jpeg")
    blur: float = Field(default=0.6, ge=0.1, le=5, description="pixels, standard deviation, of degradation=blur")
    rescale: float = Field(
        default=70.0,
        ge=10,
        le=100,
        description="percent, of degradation=rescale: made smaller, then as large as before",
    )


STYLE: dict[str, FieldInfo] = dict(Style.__pydantic_fields__)  # type: ignore[attr-defined]


def check_style(name: str, given: Any) -> None:
    """Raise ValueError for a value that a field of a style cannot be drawn from.

    A value, a list of values, or for numbers [low, high]. Names of themes, fonts and colours are checked where
    they are known, in screenshots.
    """
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    default, field = STYLE[name].default, STYLE[name]
    if not values:
        raise ValueError(f"render.{name}=[] gives nothing to draw from.")
    if isinstance(default, bool):
        numbers = all(isinstance(value, bool) or is_number(value) for value in values)
        if not numbers or not 0 <= sum(values) / len(values) <= 1:
            raise ValueError(f"render.{name}={show(given)} must be true, false or a share between 0 and 1.")
    elif isinstance(default, str):
        known = choices_of(field)
        for value in values:
            if known and value not in known:
                hint = did_you_mean(str(value), known)
                raise ValueError(f"render.{name}={show(value)} is not known{hint}; it is {', '.join(known)}.")
    else:
        for value in values:
            low, high = (getattr(note, end) for end in ("ge", "le") for note in field.metadata if hasattr(note, end))
            if not is_number(value, whole=isinstance(default, int)) or not low <= value <= high:
                raise ValueError(f"render.{name}={show(value)} must be {words(field)}: {field.description}.")
        if len(values) == 2 and values[0] > values[1]:
            raise ValueError(f"render.{name}={show(given)} is no range; write the lower end first.")


def _true_as_word(value: Any) -> Any:
    """Take the truth value true for the word, for Hydra reads render.highlight=true as one."""
    return "true" if value is True else value


Highlight = Annotated[Literal["none", "neutral", "guessed", "true", "random"], BeforeValidator(_true_as_word)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Render:
    """What is seen of a screenshot, and what each field of its style is drawn from."""

    highlight: Highlight = Field(
        default="neutral", description="whose lexer colours the code; true writes the label into the picture"
    )
    mode: Literal["source", "direct"] = Field(
        default="source", description="exact at source_size, then resized; or drawn at the training size at once"
    )
    view: Literal["whole", "random_crop", "centre_crop", "tiles"] = Field(
        default="whole", description="the part that is seen"
    )
    crop_size: int = Field(default=224, ge=1, description="pixels of the source picture")
    tile_size: int = Field(default=448, ge=1, description="pixels of the source picture")
    tile_margin: int = Field(default=32, ge=0, description="pixels left of the first tile")
    tile_columns: int = Field(default=2, ge=1, description="tiles side by side")
    tile_edges: float = Field(
        default=0.02, ge=0, description="share of a tile's pixels on an edge, the same for every class"
    )
    tile_count: int = Field(default=4, ge=1, description="most tiles of one picture")
    style: dict[str, Any] = Field(default_factory=dict, description="fields of Style: a value, a list or a range")

    def to_option(self) -> dict[str, Any]:
        """Return the options as conf/render has them, those of the style among them."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: to_dict(value) for name, value in (own | own.pop("style")).items()}

    def replaced(self, **changes: Any) -> "Render":
        """Return the same with some options changed. Raises UserError for values that cannot be."""
        changed: Render = parse(RenderOptions, self.to_option() | changes, "render")
        return changed


VIEW = tuple(name for name in Render.__pydantic_fields__ if name != "style")  # type: ignore[attr-defined]


def _split(given: Any) -> Any:
    """Sort the options of conf/render into those of the view and those of the style."""
    if not isinstance(given, Mapping):
        return given
    style = {name: value for name, value in given.items() if name not in VIEW}
    for name, value in style.items():
        if name not in STYLE:
            known = (*VIEW, *STYLE)
            raise ValueError(f"render.{name} is not known{did_you_mean(name, known)}; it is one of {', '.join(known)}.")
        check_style(name, value)
    return {name: value for name, value in given.items() if name in VIEW} | {"style": style}


RenderOptions = Annotated[Render, BeforeValidator(_split)]


def load_render_options(name: str, **changes: Any) -> Render:
    """Return conf/render/NAME.yaml, some values changed, each checked."""
    options: Render = parse(RenderOptions, read_group("render", name) | changes, "render")
    return options


def check_view(render: Render, size: Size) -> None:
    """Raise UserError for a view that source pictures of this size do not have."""
    side = {"tiles": "tile_size", "random_crop": "crop_size", "centre_crop": "crop_size"}.get(render.view)
    if side and getattr(render, side) > min(size):
        raise UserError(
            f"render.{side}={getattr(render, side)} is more than the source picture's shorter side, {min(size)}; "
            "make it smaller or source_size larger."
        )
    if render.view == "tiles" and render.mode == "direct":
        raise UserError("render.mode=direct draws no tiles, which are chosen by looking; use render.mode=source.")
