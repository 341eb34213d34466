"""Texts -> what a backbone sees of their screenshots: the whole picture resized, a crop, or tiles."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import PIL
import PIL.features
import pygments

from fusion.config import UserError, did_you_mean
from fusion.screenshots import fonts, layout, page, themes
from fusion.screenshots.draw import draw_batch
from fusion.screenshots.glyphs import Bank, metrics
from fusion.screenshots.lexing import POLICIES, code_points, neutral, token_classes
from fusion.screenshots.resize import resize
from fusion.screenshots.style import FIELDS, Styles, key_of, two_colors, uniforms
from fusion.screenshots.wear import wear_out

DRAWING = 1  # raised when the same configuration gives other pixels than before
MAX_CHARACTERS = 100_000  # of a text that are looked at; more do not fit into any picture
BUFFER = 6 << 20  # bytes of source pictures that one thread holds
PHASES = 8  # sub-pixel positions along each side in direct mode
VIEW = {"highlight": "neutral", "mode": "source", "view": "whole", "crop_size": 224}
WORDS = {"highlight": POLICIES, "mode": ("source", "direct"), "view": ("whole", "random_crop", "centre_crop")}
LEFT, TOP = (np.array([number], np.uint64) for number in (1, 2))  # streams of a key for where a view lies


class Screen:
    """Draws batches of one render configuration; what is random depends on (seed, epoch, id) alone."""

    def __init__(self, render: dict[str, Any], source_size: Any, input_shape: int, seed: int):
        self.options = VIEW | {name: value for name, value in render.items() if name in VIEW}
        for name, words in WORDS.items():
            check_word(name, self.options[name], words)
        rest = {name: value for name, value in render.items() if name not in VIEW}
        for name in rest:
            if name not in FIELDS:
                known = [*VIEW, *FIELDS]
                raise UserError(
                    f"render.{name} is not known{did_you_mean(name, known)}; it is one of {', '.join(known)}."
                )
        self.styles = Styles(rest)
        self.size, self.shape, self.seed = parse_size(source_size), input_shape, seed
        self.seen = self._seen()
        direct = self.options["mode"] == "direct"
        self.scale = (self.seen[0] / input_shape, self.seen[1] / input_shape) if direct else (1.0, 1.0)
        self.bank = Bank(PHASES if direct else 1)
        self.threads = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        palettes = [themes.palette(name) for name in self.styles.words("theme")]
        self.tables = (
            np.stack([p.ground for p in palettes]), np.stack([p.mark for p in palettes]),
            np.stack([p.inks for p in palettes]), np.stack([p.faces for p in palettes]),
            np.stack([two_colors(name) for name in self.styles.words("background")]),
            layout.title_table(self.styles.words("title")), *page.tables(),
        )  # fmt: skip
        self.kept: dict[tuple[str, str | None], np.ndarray] = {}

    def _seen(self) -> tuple[int, int]:
        """Width and height of the part of the source picture that is seen."""
        if self.options["view"] == "whole":
            return self.size
        side = self.options["crop_size"]
        if not isinstance(side, int) or not 1 <= side <= min(self.size):
            raise UserError(
                f"render.crop_size={side} must be a whole number from 1 to the source picture's shorter side, "
                f"{min(self.size)}; make it smaller or source_size larger."
            )
        return side, side

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that changes pixels, first 16 hex."""
        facts = {
            "drawing": DRAWING, "options": self.options, "styles": {k: repr(v) for k, v in self.styles.spreads.items()},
            "fonts": [fonts.load(name).sha256 for name in self.styles.words("font")],
            "palettes": [hashlib.sha256(table.tobytes()).hexdigest() for table in self.tables],
            "size": self.size, "shape": self.shape, "seed": self.seed,
            "versions": [pygments.__version__, PIL.__version__, PIL.features.version("freetype2")],
        }  # fmt: skip
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def __call__(
        self, texts: Sequence[str], ids: Sequence[str], epoch: int | None, labels: Sequence[str] | None = None
    ) -> np.ndarray:
        """-> (B, H, W, 3) uint8. Epoch None is evaluation: the same styles whatever the seed and the epoch."""
        keys = np.array([key_of(self.seed, epoch, id) for id in ids], np.uint64)
        texts = [text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] for text in texts]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        points = code_points("".join(texts))
        classes = self._classes(texts, ids, keys, labels, points, offsets)
        columns = self.styles.columns(keys)
        geometry = self._view(self.geometry(texts, columns), keys, epoch)
        out = np.empty((len(texts), self.shape, self.shape, 3), np.uint8)

        def part(rows: range) -> None:
            piece = slice(rows.start, rows.stop)
            cut = {name: column[piece] for name, column in columns.items()}
            self._draw(out[piece], geometry[piece], points, classes, offsets[rows.start : rows.stop + 1], cut)

        share = max(1, -(-len(texts) // self.threads))
        parts = [range(i, min(i + share, len(texts))) for i in range(0, len(texts), share)]
        if len(parts) == 1:
            part(parts[0])
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(part, parts))
        return out

    def geometry(self, texts: Sequence[str], columns: dict[str, np.ndarray]) -> np.ndarray:
        """Columns of styles -> (B,) layout.GEOMETRY of whole source pictures."""
        pixels = np.maximum(np.rint(columns["font_size"] * columns["scale"]), 1).astype(np.int64)
        kinds, which = np.unique(columns["font"] * 10_000 + pixels, return_inverse=True)
        names = self.styles.words("font")
        found = [(names[kind // 10_000], int(kind % 10_000)) for kind in kinds]
        sizes = [metrics(*font) for font in found]
        entries = [self.bank.entry(*font, self.scale) for font in found]
        lines = np.array([max(1, text.count("\n") + (not text.endswith("\n"))) for text in texts])
        words = {name: self.styles.words(name) for name in ("window", "title", "height", "marked")}
        return layout.arrange(
            columns, words, [sizes[i] for i in which], [entries[i] for i in which], lines, self.size
        )

    def _classes(self, texts, ids, keys, labels, points, offsets) -> np.ndarray:
        """Every character's class, (characters,) uint8; what needs a real lexer is kept for the next epoch."""
        policy = self.options["highlight"]
        if policy == "neutral":
            return neutral(points, offsets)
        if policy == "true" and labels is None:
            token_classes("", policy, 0)
        found = []
        for i, text in enumerate(texts):
            label = labels[i] if labels is not None and policy == "true" else None
            slot = (ids[i], label)
            if policy in ("none", "random") or slot not in self.kept:
                classes = token_classes(text, policy, int(keys[i]), label)
                if policy not in ("none", "random"):
                    self.kept[slot] = classes
            else:
                classes = self.kept[slot]
            found.append(classes)
        return np.concatenate(found) if found else np.zeros(0, np.uint8)

    def _view(self, geometry: np.ndarray, keys: np.ndarray, epoch: int | None) -> np.ndarray:
        """The whole picture, or the crop that training draws at random and evaluation takes from the centre."""
        view = self.options["view"]
        if view == "whole":
            return geometry
        room = [self.size[0] - self.seen[0], self.size[1] - self.seen[1]]
        if view == "centre_crop" or epoch is None:
            at = [np.full(len(keys), space // 2) for space in room]
        else:
            at = [
                np.floor(uniforms(keys, s)[:, 0] * (space + 1))
                for s, space in zip((LEFT, TOP), room, strict=True)
            ]
        return layout.crop(geometry, at[0], at[1])

    def _draw(self, out, geometry, points, classes, offsets, columns) -> None:
        """Fills out, (b, shape, shape, 3): directly, or a few source pictures at a time, worn, then resized."""
        bank = self.bank
        table, alpha = bank.table, bank.alpha
        width, height = self.seen
        if self.options["mode"] == "direct":
            draw_batch(
                out.reshape(-1), self.shape, self.shape, *self.scale, bank.phases, geometry, points, classes, offsets,
                table, alpha, *self.tables,
            )  # fmt: skip
            return
        step = max(1, BUFFER // (width * height * 3))
        source = np.empty((min(step, len(out)), height, width, 3), np.uint8)
        for i in range(0, len(out), step):
            count = min(step, len(out) - i)
            draw_batch(
                source.reshape(-1), height, width, 1.0, 1.0, 1, geometry[i : i + count], points, classes,
                offsets[i : i + count + 1], table, alpha, *self.tables,
            )  # fmt: skip
            self._wear(source[:count], {name: column[i : i + count] for name, column in columns.items()})
            resize(source[:count], out[i : i + count])

    def _wear(self, source: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        words = self.styles.words("wear")
        for i in range(len(source)):
            kind = words[int(columns["wear"][i])]
            if kind != "none":
                source[i] = wear_out(
                    source[i],
                    kind,
                    int(columns["jpeg_quality"][i]),
                    float(columns["blur"][i]),
                    float(columns["rescale"][i]),
                )


def check_word(name: str, value: Any, words: Sequence[str]) -> None:
    if value not in words:
        raise UserError(
            f"render.{name}={value} is not known{did_you_mean(value, words)}; it is {', '.join(words)}."
        )


def parse_size(size: Any) -> tuple[int, int]:
    """500, "680x500" or [680, 500] -> (width, height) in pixels."""
    parts = (
        size.lower().split("x")
        if isinstance(size, str)
        else size
        if isinstance(size, (list, tuple))
        else [size]
    )
    try:
        width, height = (int(parts[0]), int(parts[-1])) if 1 <= len(parts) <= 2 else (0, 0)
    except (TypeError, ValueError):
        width = height = 0
    if not (8 <= width <= 8192 and 8 <= height <= 8192):
        raise UserError(
            f"source_size={size} must be one number or WIDTHxHEIGHT, each from 8 to 8192 pixels, such as 680x500."
        )
    return width, height
