"""A run -> the texts of its test snippets and pictures of them, where they lie on this machine; nothing is fetched."""

import base64
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.data import DataOptions, Packages
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.config.render import DEFAULT_FONT, Render
from fusion.config.schema import Config, load_config
from fusion.snippets import sources
from fusion.snippets.corpus.build import cached
from fusion.snippets.kfold import folded
from fusion.snippets.snippet import select_split, split_hash

COLOURS = 64  # of a picture: code has few, and the page is to be small
NOT_HERE = "The snippets of this run are not on this machine, so their ids are shown."
OTHERS = "The snippets on this machine are no longer those of this run, so ids are shown."


@dataclass(frozen=True)
class Text:
    """A snippet's text, and its picture as a data URL; None of a run that sees none, or of one that cannot be drawn."""

    text: str
    picture: str | None


def find_texts(
    run: Mapping[str, Any], ids: Collection[str], seen_by: Mapping[str, Any] | None = None
) -> tuple[dict[str, Text], str]:
    """Return the texts of test snippets by their ids, and '' or a sentence that says why there are none.

    seen_by: the run whose pictures are drawn, where that is another one.
    """
    try:
        config, view = load_config(run["config"]), load_config((seen_by or run)["config"])
        table = _table(config)
        if table is None:
            return {}, NOT_HERE
        if split_hash(table) not in (run.get("data_hash"), run.get("split_hash")):
            return {}, OTHERS
    except (UserError, OSError, KeyError, TypeError, ValueError, pa.ArrowException):  # of an older fusion, or not whole
        return {}, NOT_HERE
    test = select_split(table, "test")
    rows = test.filter(pc.is_in(test["id"], pa.array(sorted(ids), pa.string()))).to_pylist()
    drawn = _Drawn.of(view) if view.has_image else None
    return {row["id"]: Text(row["text"], drawn.picture(row) if drawn else None) for row in rows}, ""


def _table(config: Config) -> pa.Table | None:
    """Return the table that a run was made on; None where it would have to be fetched, or built for long."""
    if config.is_streamed or not _is_here(config.data):
        return None
    table = sources.load(config.data, cache_dir())
    if config.fold is None or config.folds is None:
        return table
    return folded(table, config.fold, config.folds, config.seed)


def _is_here(data: DataOptions) -> bool:
    if isinstance(data, Packages):
        return cached(data, cache_dir()) is not None
    return bool(data.path) and Path(str(data.path)).expanduser().exists()


class _Drawn:
    """Draws snippets as a run saw them, in those of its fonts that are here."""

    def __init__(self, config: Config):
        from fusion.screenshots.renderer import Renderer

        self.renderer = Renderer(_with_fonts_here(config.render), config.source_size, config.input_shape, config.seed)

    @classmethod
    def of(cls, config: Config) -> "_Drawn | None":
        """Return it; None where a theme or a font of the run is not here."""
        try:
            return cls(config)
        except UserError:
            return None

    def picture(self, row: Mapping[str, Any]) -> str | None:
        """Return the picture of a row as a data URL: drawn, or the user's own; None where that cannot be read."""
        if row.get("image"):
            return _own_picture(Path(row["image"]), self.renderer.size)
        (picture,) = self.renderer.source([row["text"]], [row["id"]], None, [row["label"]])
        return to_url(picture)


def _own_picture(path: Path, size: tuple[int, int]) -> str | None:
    from fusion.screenshots.user_images import PictureError, fitted, open_picture

    try:
        return to_url(fitted(open_picture(path), size))
    except PictureError:
        return None


def _with_fonts_here(render: Render) -> Render:
    """Return the options with any font that would have to be fetched left out."""
    from fusion.screenshots import fonts

    given = render.style.get("font", DEFAULT_FONT)
    asked = [*given] if isinstance(given, (list, tuple)) else [given]
    names = [name for word in asked for name in (fonts.names() if word == "any" else [word])]
    here = [name for name in names if name not in fonts.catalogue() or fonts.is_here(name)]
    return render if len(here) == len(names) else render.replaced(font=here or [DEFAULT_FONT])


def to_url(picture: np.ndarray) -> str:
    """Return a picture (H, W, 3) uint8 as the data URL of a small PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(picture).quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
