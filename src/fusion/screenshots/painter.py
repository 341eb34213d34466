"""Texts and styles -> source pictures: lexing, layout and drawing put together for one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.screenshots import charset, fonts, layout, themes
from fusion.screenshots.atlas import GlyphAtlas
from fusion.screenshots.degradation import degrade
from fusion.screenshots.draw import Glyphs, Tables, Texts, draw_batch
from fusion.screenshots.glyphs import metrics
from fusion.screenshots.lexing import CLASSES, code_points, neutral, token_classes
from fusion.screenshots.style import Styles, two_colors
from fusion.screenshots.window import Canvas
from fusion.screenshots.word_colours import WORD, marked

MAX_CHARACTERS = 100_000  # of a text that are looked at; no picture holds more
MAX_TEXTS = 50_000  # whose token classes are remembered, about a kilobyte each
Slot = tuple[str, str | None]  # id, and the label under highlight=true


@dataclass(frozen=True)
class Scene:
    """A batch ready to be drawn; slices of it are the same pictures."""

    points: np.ndarray  # (characters,) uint32 code points of all texts
    classes: np.ndarray  # (characters,) uint8
    offsets: np.ndarray  # (B + 1,) where each text begins
    geometry: np.ndarray  # (B,) layout.GEOMETRY
    columns: dict[str, np.ndarray]  # (B,) each: the styles

    def __len__(self) -> int:
        return len(self.geometry)

    def __getitem__(self, rows: slice) -> "Scene":
        columns = {name: column[rows] for name, column in self.columns.items()}
        offsets = self.offsets[rows.start : rows.stop + 1]
        return Scene(self.points, self.classes, offsets, self.geometry[rows], columns)


class Painter:
    """Draws source pictures of one size, exactly or, with a scale, smaller at once."""

    def __init__(
        self,
        styles: Styles,
        highlight: str,
        size: tuple[int, int],
        scale: tuple[float, float] = (1.0, 1.0),
        phases: int = 1,
    ):
        self.styles, self.highlight, self.size, self.scale = styles, highlight, size, scale
        self.atlas = GlyphAtlas(phases)
        self.palettes = [themes.palette(name) for name in styles.choices("theme")]
        slots, cells = charset.tables()
        self.tables = Tables(
            grounds=np.stack([palette.ground for palette in self.palettes]),
            marks=np.stack([palette.mark for palette in self.palettes]),
            inks=np.stack([palette.inks for palette in self.palettes]),
            faces=np.stack([palette.faces for palette in self.palettes]),
            backgrounds=np.stack([two_colors(name) for name in styles.choices("background")]),
            titles=layout.title_table(styles.choices("title")),
            slots=slots,
            cells=cells,
        )
        self.token_cache: Mapping[Slot, np.ndarray] = {}  # of a whole table, if it was lexed before
        self._lexed: dict[Slot, np.ndarray] = {}  # in this process

    def facts(self) -> list[Any]:
        """Return what pixels depend on beyond the configuration."""
        files = [fonts.load(name).sha256 for name in self.styles.choices("font")]
        return [files, [[a.tolist() for a in (p.ground, p.mark, p.inks, p.faces)] for p in self.palettes]]

    def scene(self, texts: Sequence[str], ids: Sequence[str], keys: np.ndarray, labels: Sequence[str] | None) -> Scene:
        """B texts with their ids, keys (B,) uint64 and, for highlight=true, labels -> Scene."""
        texts = [text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] for text in texts]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        points = code_points("".join(texts))
        is_neutral = self.highlight == "neutral"
        classes = neutral(points, offsets) if is_neutral else self._classes(texts, ids, keys, labels)
        columns = self.styles.columns(keys)
        return Scene(points, classes, offsets, self._geometry(texts, columns), columns)

    def _classes(
        self, texts: Sequence[str], ids: Sequence[str], keys: np.ndarray, labels: Sequence[str] | None
    ) -> np.ndarray:
        """B texts -> (characters,) uint8; what takes a real lexer is remembered for the next epoch."""
        parts = [np.zeros(0, np.uint8)]
        for text, id, key, label in zip(texts, ids, keys, labels or [""] * len(texts), strict=True):
            slot = (id, label if self.highlight == "true" else None)
            classes = self._lexed.get(slot)
            if classes is None:
                classes = self.token_cache.get(slot)
            if classes is None or len(classes) != len(text) or self.highlight == "random":
                classes = token_classes(text, self.highlight, int(key), label or None)
                if len(self._lexed) < MAX_TEXTS and self.highlight in ("true", "guessed"):
                    self._lexed[slot] = classes
            parts.append(classes)
        return np.concatenate(parts)

    def _geometry(self, texts: Sequence[str], columns: dict[str, np.ndarray]) -> np.ndarray:
        """Columns of styles -> (B,) layout.GEOMETRY of whole source pictures."""
        pixels = np.maximum(np.rint(columns["font_size"] * columns["scale"]), 1).astype(np.int64)
        kinds, indices = np.unique(columns["font"] * 10_000 + pixels, return_inverse=True)
        names = self.styles.choices("font")
        used = [(names[kind // 10_000], int(kind % 10_000)) for kind in kinds]
        sizes = [metrics(*font) for font in used]
        entries = [self.atlas.entry(*font, self.scale) for font in used]
        lines = np.array([count_lines(text) for text in texts])
        words = {name: self.styles.choices(name) for name in ("window", "title", "height", "marked")}
        return layout.arrange(
            columns, words, [sizes[i] for i in indices], [entries[i] for i in indices], lines, self.size
        )

    def draw(self, scene: Scene, out: np.ndarray) -> None:
        """Fill out, (B, H, W, 3) uint8; holds no lock, so that threads can share a batch."""
        (height, width), (scale_x, scale_y) = out.shape[1:3], self.scale
        canvas = Canvas(out.reshape(-1), height, width, scale_x, scale_y)
        glyphs = Glyphs(self.atlas.table, self.atlas.alpha, self.atlas.phases)  # the table first: alpha only grows
        draw_batch(canvas, scene.geometry, Texts(scene.points, scene.classes, scene.offsets), glyphs, self.tables)

    def degrade(self, scene: Scene, pictures: np.ndarray) -> None:
        """Degrade pictures, (B, H, W, 3) uint8, in place as their styles say."""
        kinds, columns = self.styles.choices("degradation"), scene.columns
        for i in range(len(pictures)):
            kind = kinds[int(columns["degradation"][i])]
            if kind != "none":
                quality, sigma, percent = (columns[name][i] for name in ("jpeg_quality", "blur", "rescale"))
                pictures[i] = degrade(pictures[i], kind, int(quality), float(sigma), float(percent))

    def marked(self, scene: Scene, texts: Sequence[str]) -> list[str]:
        """Return the texts of a scene with their coloured words marked, as they are drawn: see word_colours.py."""
        out = []
        for row, text in enumerate(texts):
            classes = scene.classes[
                scene.offsets[row] : scene.offsets[row + 1]
            ]  # (characters,), at most MAX_CHARACTERS
            inks = self.palettes[int(scene.columns["theme"][row])].inks  # (INKS, 3)
            words = [word for word in WORD.finditer(text) if word.start() < len(classes)]
            starts = np.array([word.start() for word in words], np.int64)
            out.append(marked(text, words, inks[classes[starts]]))
        return out

    def sprites(self, scene: Scene, row: int) -> np.ndarray:
        """Return what stands where in one picture, (N, 6) int32: layout.X and the columns after it."""
        start, stop = scene.offsets[row : row + 2]
        out = np.zeros((4 * int(stop - start) + 1000, 6), np.int32)
        titles, tables = self.tables.titles, charset.tables()
        count = layout.place(scene.points, scene.classes, start, stop, scene.geometry[row], titles, *tables, out)
        return out[:count]

    def tokens(self, scene: Scene, row: int, text: str) -> list[dict[str, Any]]:
        """Return one picture's tokens as they are seen: {token, class, start, box}.

        A token is a run of characters of one class on one line. start: index into the text; box: [x0, y0, x1, y1]
        in pixels of the source picture, cut at its edges.
        """
        g = scene.geometry[row]
        tokens: list[dict[str, Any]] = []
        last: np.ndarray | None = None
        for sprite in self.sprites(scene, row):
            if sprite[layout.CHARACTER] < 0:
                continue
            x, top = int(sprite[layout.X]), int(sprite[layout.Y] - g["baseline"])
            right = x + int(np.ceil(g["advance"] * sprite[layout.CELLS]))
            follows = last is not None and (sprite[layout.CHARACTER] - last[layout.CHARACTER]) == 1
            if follows and sprite[layout.CLASS] == last[layout.CLASS] and sprite[layout.Y] == last[layout.Y]:  # type: ignore[index]
                tokens[-1]["box"][2] = right
                tokens[-1]["token"] += text[sprite[layout.CHARACTER]]
            else:
                box = [x, top, right, top + int(np.ceil(g["line_height"]))]
                start, kind = int(sprite[layout.CHARACTER]), CLASSES[sprite[layout.CLASS]]
                tokens.append({"token": text[start], "class": kind, "start": start, "box": box})
            last = sprite
        return cut_boxes(tokens, g)


def cut_boxes(tokens: list[dict[str, Any]], g: np.void) -> list[dict[str, Any]]:
    """Return the tokens whose box shows, each cut at the window's and the picture's edges."""
    low = [max(0, int(g["x0"])), max(0, int(g["y0"]))]
    high = [int(min(g["x1"], g["width"])), int(min(g["y1"], g["height"]))]
    for token in tokens:
        box = token["box"]
        token["box"] = [max(box[0], low[0]), max(box[1], low[1]), min(box[2], high[0]), min(box[3], high[1])]
    return [t for t in tokens if t["box"][0] < t["box"][2] and t["box"][1] < t["box"][3]]


def count_lines(text: str) -> int:
    """Return the number of lines as an editor counts them: a line end at the very end begins no new one."""
    return max(1, text.count("\n") + (not text.endswith("\n")))
