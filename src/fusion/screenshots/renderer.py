"""Texts -> what a backbone sees of their screenshots: the whole picture resized, a crop, or tiles."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL
import PIL.features
import pygments

from fusion.config.render import VIEW, Render, Size
from fusion.screenshots import layout, tiles
from fusion.screenshots.painter import Painter, Scene
from fusion.screenshots.resize import resize
from fusion.screenshots.style import Styles, hash_uniform, sample_key

DRAWING = 1  # raised when the same configuration gives other pixels than before
BUFFER = 2 << 20  # bytes of source pictures drawn before they are resized: what a cache holds
PHASES = 6  # sub-pixel positions along each side in direct mode
LEFT, TOP, TILE = (np.array([number], np.uint64) for number in (1, 2, 3))  # streams of a key, for where a view lies

Damage = Callable[[np.ndarray, str, int | None], np.ndarray]  # source picture (H, W, 3), id, epoch -> the same, damaged


class Renderer:
    """Draws batches of one render configuration; what is random depends on (seed, epoch, id) alone."""

    def __init__(self, render: Render, source_size: Size, input_shape: int, seed: int, damage: Damage | None = None):
        """Raise UserError for a theme, font or background that does not exist or cannot be had.

        damage: done to every source picture; its repr tells one from another.
        """
        self.damage = damage
        self.render, self.size, self.shape, self.seed = render, source_size, input_shape, seed
        is_crop = render.view in ("random_crop", "centre_crop")
        self.visible = Size(render.crop_size, render.crop_size) if is_crop else source_size  # part that is drawn
        styles = Styles(render.style)
        self.painter = Painter(styles, render.highlight, source_size)  # exact
        self.direct = None
        if render.mode == "direct" and damage is None:  # which needs the source pictures
            scale = (self.visible.width / input_shape, self.visible.height / input_shape)
            self.direct = Painter(styles, render.highlight, source_size, scale, PHASES)
        self.buffers: list[np.ndarray] = []  # for source pictures, those that no thread is using
        self.threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits of the sha256 over everything that changes pixels."""
        view = {name: getattr(self.render, name) for name in VIEW}
        distributions = {name: repr(each) for name, each in self.painter.styles.distributions.items()}
        versions = [DRAWING, pygments.__version__, PIL.__version__, PIL.features.version("freetype2")]
        facts = [view, distributions, self.painter.facts(), self.size, self.shape, self.seed, versions]
        facts += [] if self.damage is None else [repr(self.damage)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def scene(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> Scene:
        """Return the batch as it will be drawn, crops already taken; evaluation is never drawn directly."""
        keys = np.array([sample_key(self.seed, epoch, id) for id in ids], np.uint64)
        painter = self.painter if epoch is None else self.direct or self.painter
        scene = painter.scene(texts, ids, keys, labels)
        room = [self.size.width - self.visible.width, self.size.height - self.visible.height]
        if self.render.view in ("whole", "tiles"):
            return scene
        if self.render.view == "centre_crop" or epoch is None:
            at = [np.full(len(keys), space // 2) for space in room]
        else:
            streams = zip((LEFT, TOP), room, strict=True)
            at = [np.floor(hash_uniform(keys, stream)[:, 0] * (space + 1)) for stream, space in streams]
        cropped = layout.crop(scene.geometry, at[0], at[1])
        return Scene(scene.points, scene.classes, scene.offsets, cropped, scene.columns)

    def __call__(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> np.ndarray:
        """B texts -> (B, H, W, 3) uint8; tiles in evaluation (B, K, H, W, 3), whose K predictions are averaged.

        Epoch None is evaluation: the same styles for every snippet, whatever the seed and the epoch.
        """
        scene = self.scene(texts, ids, epoch, labels)
        count, shape = len(texts), (self.shape, self.shape, 3)
        all_tiles = self.render.view == "tiles" and epoch is None
        out = np.empty((count, self.render.tile_count, *shape) if all_tiles else (count, *shape), np.uint8)
        picks = None
        if self.render.view == "tiles" and not all_tiles:
            picks = hash_uniform(np.array([sample_key(self.seed, epoch, id) for id in ids], np.uint64), TILE)[:, 0]
        share = max(1, -(-count // self.threads))
        parts = [slice(i, min(i + share, count)) for i in range(0, count, share)]

        def draw(rows: slice) -> None:
            if self.direct and epoch is not None:
                self.direct.draw(scene[rows], out[rows])
            else:
                self._draw(scene[rows], out[rows], None if picks is None else picks[rows], ids[rows], epoch)

        if len(parts) <= 1:
            for rows in parts:
                draw(rows)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(draw, parts))
        return out

    def source(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> np.ndarray:
        """B texts -> their source pictures (B, H, W, 3) uint8, whole and before they are resized."""
        keys = np.array([sample_key(self.seed, epoch, id) for id in ids], np.uint64)
        out = np.empty((len(texts), self.size.height, self.size.width, 3), np.uint8)
        self._paint(self.painter.scene(texts, ids, keys, labels), out, ids, epoch)
        return out

    def marked(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> list[str]:
        """B texts -> the same with the words marked that are coloured in their source pictures."""
        keys = np.array([sample_key(self.seed, epoch, id) for id in ids], np.uint64)
        return self.painter.marked(self.painter.scene(texts, ids, keys, labels), texts)

    def _paint(self, scene: Scene, out: np.ndarray, ids: Sequence[str], epoch: int | None) -> None:
        """Fill out with source pictures, degraded and damaged."""
        self.painter.draw(scene, out)
        self.painter.degrade(scene, out)
        if self.damage is not None:
            for picture, id in zip(out, ids, strict=True):
                picture[:] = self.damage(picture, id, epoch)

    def _draw(
        self, scene: Scene, out: np.ndarray, picks: np.ndarray | None, ids: Sequence[str], epoch: int | None
    ) -> None:
        """Fill out: a few source pictures at a time are drawn, degraded, then resized or cut into tiles."""
        if self.render.view != "tiles" and self.visible == (self.shape, self.shape):
            self._paint(scene, out, ids, epoch)
            return
        width, height = self.visible
        step = max(1, BUFFER // (width * height * 3))
        try:
            buffer = self.buffers.pop()
        except IndexError:
            buffer = np.empty((step, height, width, 3), np.uint8)
        for i in range(0, len(out), step):
            rows = slice(i, min(i + step, len(out)))
            source = buffer[: rows.stop - i]
            self._paint(scene[rows], source, ids[rows], epoch)
            if self.render.view != "tiles":
                resize(source, out[rows])
            else:
                for k, picture in enumerate(source, i):
                    self._tiles(picture, out[k], None if picks is None else picks[k])
        self.buffers.append(buffer)

    def _tiles(self, picture: np.ndarray, out: np.ndarray, pick: float | None) -> None:
        """Fill out, (K, H, W, 3), with tiles of a source picture; or (H, W, 3), with the one that `pick` falls on."""
        render, side = self.render, self.render.tile_size
        at = tiles.positions(self.size, side, render.tile_margin, render.tile_columns)
        density = tiles.densities(picture, at, side)
        chosen = tiles.choose(density, render.tile_edges, render.tile_count)
        if pick is not None:
            chosen = chosen[int(pick * len(chosen)) :][:1]
        cut = np.stack([picture[at[i][1] : at[i][1] + side, at[i][0] : at[i][0] + side] for i in chosen])
        resize(cut, out if pick is None else out[None])
