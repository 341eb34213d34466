"""Texts -> what a backbone sees of their screenshots: the whole picture resized, a crop, or tiles."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import PIL
import PIL.features
import pygments

from fusion.config.errors import UserError, did_you_mean
from fusion.screenshots import layout, tiles
from fusion.screenshots.lexing import POLICIES
from fusion.screenshots.painter import Painter, Scene
from fusion.screenshots.resize import resize
from fusion.screenshots.style import FIELDS, Styles, hash_uniform, sample_key

log = logging.getLogger(__name__)

DRAWING = 1  # raised when the same configuration gives other pixels than before
BUFFER = 2 << 20  # bytes of source pictures drawn before they are resized: what a cache holds
PHASES = 6  # sub-pixel positions along each side in direct mode
WORDS = {
    "highlight": POLICIES,
    "mode": ("source", "direct"),
    "view": ("whole", "random_crop", "centre_crop", "tiles"),
}
DEFAULTS: dict[str, Any] = {
    "highlight": "neutral", "mode": "source", "view": "whole", "crop_size": 224,
    "tile_size": 448, "tile_margin": 32, "tile_columns": 2, "tile_edges": 0.02, "tile_count": 4,
}  # fmt: skip
LEFT, TOP, TILE = (np.array([number], np.uint64) for number in (1, 2, 3))  # streams of a key, for where a view lies


class Renderer:
    """Draws batches of one render configuration; what is random depends on (seed, epoch, id) alone."""

    def __init__(self, render: dict[str, Any], source_size: Any, input_shape: int, seed: int):
        known = [*DEFAULTS, *FIELDS]
        for name in render:
            if name not in known:
                hint = did_you_mean(name, known)
                raise UserError(f"render.{name} is not known{hint}; it is one of {', '.join(known)}.")
        self.options = DEFAULTS | {name: value for name, value in render.items() if name in DEFAULTS}
        self.size, self.shape, self.seed = parse_size(source_size), input_shape, seed
        self.seen = self._check()  # width and height of the part of the source picture that is drawn
        styles = Styles({name: value for name, value in render.items() if name not in DEFAULTS})
        self.painter = Painter(styles, self.options["highlight"], self.size)  # exact
        self.direct = None
        if self.options["mode"] == "direct":
            scale = (self.seen[0] / input_shape, self.seen[1] / input_shape)
            self.direct = Painter(styles, self.options["highlight"], self.size, scale, PHASES)
        self.spare: list[np.ndarray] = []  # buffers for source pictures that no thread is using
        self.threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def _check(self) -> tuple[int, int]:
        """Raises UserError for options that no picture can be drawn with."""
        options, shorter = self.options, min(self.size)
        if options["highlight"] == "true":
            log.warning("render.highlight=true colours by the label: what is told from such pictures proves nothing")
        for name, words in WORDS.items():
            if options[name] not in words:
                hint = did_you_mean(options[name], words)
                raise UserError(f"render.{name}={options[name]} is not known{hint}; it is {', '.join(words)}.")
        side = {"tiles": "tile_size", "random_crop": "crop_size", "centre_crop": "crop_size"}.get(options["view"])
        if side and not (isinstance(options[side], int) and 1 <= options[side] <= shorter):
            raise UserError(
                f"render.{side}={options[side]} must be a whole number from 1 to the source picture's "
                f"shorter side, {shorter}; make it smaller or source_size larger."
            )
        if options["view"] != "tiles":
            return (options[side], options[side]) if side else self.size
        if options["mode"] == "direct":
            raise UserError("render.mode=direct draws no tiles, which are chosen by looking; use render.mode=source.")
        for name, least in (("tile_margin", 0), ("tile_columns", 1), ("tile_count", 1), ("tile_edges", 0)):
            if not isinstance(options[name], (int, float)) or options[name] < least:
                raise UserError(f"render.{name}={options[name]} must be a number of at least {least}.")
        return self.size

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that changes pixels, first 16 hex."""
        distributions = {name: repr(spread) for name, spread in self.painter.styles.distributions.items()}
        versions = [DRAWING, pygments.__version__, PIL.__version__, PIL.features.version("freetype2")]
        facts = [self.options, distributions, self.painter.facts(), self.size, self.shape, self.seed, versions]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def scene(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> Scene:
        """The batch as it will be drawn, crops already taken; evaluation is never drawn directly."""
        keys = np.array([sample_key(self.seed, epoch, id) for id in ids], np.uint64)
        painter = self.painter if epoch is None else self.direct or self.painter
        scene = painter.scene(texts, ids, keys, labels)
        room = [self.size[0] - self.seen[0], self.size[1] - self.seen[1]]
        if self.options["view"] in ("whole", "tiles"):
            return scene
        if self.options["view"] == "centre_crop" or epoch is None:
            at = [np.full(len(keys), space // 2) for space in room]
        else:
            streams = zip((LEFT, TOP), room, strict=True)
            at = [np.floor(hash_uniform(keys, stream)[:, 0] * (space + 1)) for stream, space in streams]
        cut = layout.crop(scene.geometry, at[0], at[1])
        return Scene(scene.points, scene.classes, scene.offsets, cut, scene.columns)

    def __call__(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> np.ndarray:
        """-> (B, H, W, 3) uint8; of tiles in evaluation (B, K, H, W, 3), whose K answers are to be averaged.

        Epoch None is evaluation: the same styles for every snippet, whatever the seed and the epoch.
        """
        scene = self.scene(texts, ids, epoch, labels)
        shape = (self.shape, self.shape, 3)
        many = self.options["view"] == "tiles" and epoch is None
        out = np.empty((len(texts), self.options["tile_count"], *shape) if many else (len(texts), *shape), np.uint8)
        picks = None
        if self.options["view"] == "tiles" and not many:
            picks = hash_uniform(np.array([sample_key(self.seed, epoch, id) for id in ids], np.uint64), TILE)[:, 0]
        share = max(1, -(-len(texts) // self.threads))
        parts = [slice(i, min(i + share, len(texts))) for i in range(0, len(texts), share)]

        def part(rows: slice) -> None:
            if self.direct and epoch is not None:
                self.direct.draw(scene[rows], out[rows])
            else:
                self._draw(scene[rows], out[rows], None if picks is None else picks[rows])

        if len(parts) <= 1:
            for rows in parts:
                part(rows)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(part, parts))
        return out

    def _draw(self, scene: Scene, out: np.ndarray, picks: np.ndarray | None) -> None:
        """Fills out: a few source pictures at a time are drawn, worn, then resized or cut into tiles."""
        if self.options["view"] != "tiles" and self.seen == (self.shape, self.shape):
            self.painter.draw(scene, out)
            self.painter.wear(scene, out)
            return
        width, height = self.seen
        step = max(1, BUFFER // (width * height * 3))
        try:
            buffer = self.spare.pop()
        except IndexError:
            buffer = np.empty((step, height, width, 3), np.uint8)
        for i in range(0, len(out), step):
            rows = slice(i, min(i + step, len(out)))
            source = buffer[: rows.stop - i]
            self.painter.draw(scene[rows], source)
            self.painter.wear(scene[rows], source)
            if self.options["view"] != "tiles":
                resize(source, out[rows])
            else:
                for k, picture in enumerate(source, i):
                    self._tiles(picture, out[k], None if picks is None else picks[k])
        self.spare.append(buffer)

    def _tiles(self, picture: np.ndarray, out: np.ndarray, pick: float | None) -> None:
        """One source picture -> out, (K, H, W, 3), or one of its tiles, (H, W, 3)."""
        options, side = self.options, self.options["tile_size"]
        at = tiles.positions(self.size, side, options["tile_margin"], options["tile_columns"])
        density = tiles.densities(picture, at, side)
        kept = tiles.choose(density, options["tile_edges"], options["tile_count"])
        if pick is not None:
            kept = kept[int(pick * len(kept)) :][:1]
        cut = np.stack([picture[at[i][1] : at[i][1] + side, at[i][0] : at[i][0] + side] for i in kept])
        resize(cut, out if pick is None else out[None])


def parse_size(size: Any) -> tuple[int, int]:
    """500, "680x500" or [680, 500] -> (width, height) in pixels."""
    parts = size.lower().split("x") if isinstance(size, str) else size if isinstance(size, (list, tuple)) else [size]
    try:
        width, height = (int(parts[0]), int(parts[-1])) if 1 <= len(parts) <= 2 else (0, 0)
    except (TypeError, ValueError):
        width = height = 0
    if not (8 <= width <= 8192 and 8 <= height <= 8192):
        raise UserError(
            f"source_size={size} must be one number or WIDTHxHEIGHT, each from 8 to 8192 pixels, say 680x500."
        )
    return width, height
