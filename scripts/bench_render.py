"""Measure how fast screenshots are drawn, against Pygments' ImageFormatter in the same run, and how exactly.

Times are CPU time of one thread, medians over rounds in which every method takes its turn; text, font (DejaVu
Sans Mono, the cheapest for ImageFormatter) and picture size are the same for all. ImageFormatter gets the
true lexer and its picture stays in memory, unsaved; fusion's times hold everything from text to pixels:
lexing, drawing a style, layout, ink.
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pyarrow.compute as pc
from PIL import Image, ImageDraw, ImageFont
from pygments.formatters import ImageFormatter
from pygments.lexers import get_lexer_by_name

from fusion import console
from fusion.config.data import load_data_options
from fusion.config.paths import cache_dir
from fusion.config.render import DEFAULT_FONT, Render, Size, load_render_options
from fusion.languages import LANGUAGES
from fusion.screenshots import fonts
from fusion.screenshots.atlas import GlyphAtlas
from fusion.screenshots.glyphs import glyph_masks, metrics
from fusion.screenshots.renderer import PHASES, Renderer
from fusion.snippets import sources
from render_quality import decibels, max_difference

SNIPPETS, BATCH = 240, 24
MIN_LINES = 15  # the corpus also has short ones; a screenshot of four lines is cheap for anybody
PLAIN = load_render_options("plain", theme="monokai")
DEGRADED = load_render_options("carbon", font=DEFAULT_FONT)
CLEAN = DEGRADED.replaced(degradation="none")
HOSTILE = {
    "empty": "", "a line of a megabyte": "x" * 1_000_000, "100,000 lines": "y = 1\n" * 100_000,
    "tabs": "\t" * 5000, "NUL": "a\x00b" * 99, "bidi": "a\u202eb\u2066c" * 99, "CJK": "漢字かな\n" * 99,
    "combining": "e" + "\u0301" * 3000, "emoji": "👩\u200d👧 ☕\ufe0f\n" * 99,
}  # fmt: skip
GATES = {  # name in --json -> (must, reach for)
    "exact_500": (50, 85), "exact_1360": (20, 34), "source_500_to_224": (18, 27), "direct_224": (60, 90),
}  # fmt: skip


class Anchor(ImageFormatter):
    """Draws as ImageFormatter does, except that the picture has a given size and is not written to a file."""

    def __init__(self, pixels: int, size: int):
        super().__init__(style="monokai", line_numbers=False, image_pad=6, line_pad=3, font_size=pixels)
        self.fonts.fonts = {
            name: ImageFont.truetype(io.BytesIO(fonts.load(DEFAULT_FONT).faces[face]), pixels)
            for face, name in enumerate(("NORMAL", "BOLD", "ITALIC", "BOLDITALIC"))
        }
        self.size, self.pixels = size, pixels

    def draw(self, text: str, lexer: Any) -> Image.Image:
        """Repeat the body of ImageFormatter.format up to the saving."""
        self.drawables: list[Any] = []
        self._create_drawables(lexer.get_tokens(self.cut(text)))
        image = Image.new("RGB", (self.size, self.size), self.background_color)
        pen = ImageDraw.Draw(image)
        for at, value, font, color, ground in self.drawables:
            if ground:
                width, height = pen.textbbox((0, 0), value, font=font)[2:]
                pen.rectangle([at, (at[0] + width, at[1] + height)], fill=ground)
            pen.text(at, value, font=font, fill=color)
        return image

    def cut(self, text: str) -> str:
        """Return only what fits into the picture, so that ImageFormatter draws nothing in vain."""
        rows, columns = self.size // round(1.2 * self.pixels), round(self.size / (0.6 * self.pixels))
        return "\n".join(line[:columns] for line in text.split("\n", rows)[:rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=7, help="times every method takes its turn (default: 7)")
    parser.add_argument("--training", action="store_true", help="also the share of a training step spent on drawing")
    args = parser.parse_args()
    console.set_up_logging()
    table = sources.load(load_data_options("small"), cache_dir(), console.progress)
    table = table.filter(pc.greater_equal(table["lines"], MIN_LINES))
    rows = table.take(np.random.default_rng(0).permutation(table.num_rows)[:SNIPPETS]).to_pydict()
    speeds, ratios = measure(methods(rows), args.rounds)
    found: dict[str, Any] = {
        "texts": {
            "count": SNIPPETS,
            "mean_lines": round(statistics.mean(rows["lines"])),
            "mean_characters": round(statistics.mean(map(len, rows["text"]))),
        },
        "ratios": {name: round(ratios[name], 1) for name in GATES},
        "pictures_per_second": {name: round(speed) for name, speed in speeds.items()},
        "max_difference": max_difference(PLAIN, rows["text"]),
        "direct_decibels": round(decibels(CLEAN, rows["text"][:60]), 1),
    }
    found["hostile_ms"] = hostile()
    found["atlas_ms"] = atlas_times()
    if args.training:
        found["drawing_share_of_training"] = training_shares(rows)
    print(json.dumps(found) if args.json else report(found, ratios))
    return 0


def to_224(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR))


def to_png(image: Image.Image) -> None:
    image.save(io.BytesIO(), "PNG")


def methods(rows: dict[str, list[str]]) -> dict[str, tuple[Callable[[list[int]], Any], str | None]]:
    """Return by name what draws the snippets with given numbers, and the anchor that it is compared with."""
    lexers = [get_lexer_by_name(LANGUAGES[label].lexer) for label in rows["label"]]
    texts = rows["text"]

    def anchor(pixels: int, size: int, finish: Callable[[Image.Image], Any]) -> Callable[[list[int]], Any]:
        formatter = Anchor(pixels, size)
        return lambda some: [finish(formatter.draw(texts[i], lexers[i])) for i in some]

    def fusion(render: Render, size: int, shape: int) -> Callable[[list[int]], Any]:
        renderer = Renderer(render, Size(size, size), shape, 0)
        renderer.threads = 1
        return lambda some: renderer([texts[i] for i in some], [rows["id"][i] for i in some], 0)

    def exact(render: Render, size: int) -> Callable[[list[int]], Any]:
        renderer = Renderer(render, Size(size, size), size, 0)
        out = np.empty((BATCH, size, size, 3), np.uint8)

        def draw(some: list[int]) -> None:
            scene = renderer.scene([texts[i] for i in some], [rows["id"][i] for i in some], 0)
            renderer.painter.draw(scene, out[: len(some)])

        return draw

    direct, big = CLEAN.replaced(mode="direct"), PLAIN.replaced(scale=2.0)
    return {
        "ImageFormatter 256": (anchor(13, 256, np.asarray), None),
        "ImageFormatter 500": (anchor(13, 500, np.asarray), None),
        "ImageFormatter 1360": (anchor(26, 1360, np.asarray), None),
        "ImageFormatter 500, as PNG": (anchor(13, 500, to_png), None),
        "ImageFormatter 500 -> 224": (anchor(13, 500, to_224), None),
        "exact_256": (exact(PLAIN, 256), "ImageFormatter 256"),
        "exact_500": (exact(PLAIN, 500), "ImageFormatter 500"),
        "exact_1360": (exact(big, 1360), "ImageFormatter 1360"),
        "exact_500, carbon": (exact(CLEAN, 500), "ImageFormatter 500"),
        "source_500_to_224": (fusion(CLEAN, 500, 224), "ImageFormatter 500 -> 224"),
        "source_500_to_224, degraded": (fusion(DEGRADED, 500, 224), "ImageFormatter 500 -> 224"),
        "direct_224": (fusion(direct, 500, 224), "ImageFormatter 500 -> 224"),
        "direct_96": (fusion(direct, 500, 96), "ImageFormatter 500 -> 224"),
    }


def measure(
    todo: dict[str, tuple[Callable[[list[int]], Any], str | None]], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return pictures per second of every method, and ratios to their anchors, both medians over rounds."""
    for draw, _ in todo.values():
        for start in range(0, SNIPPETS, 4 * BATCH):  # compiles, and fills the glyph atlas
            draw(list(range(start, min(start + BATCH, SNIPPETS))))
    times: dict[str, list[float]] = {name: [] for name in todo}
    order = np.random.default_rng(1)
    for _ in range(rounds):
        some = order.permutation(SNIPPETS)[: 2 * BATCH].tolist()
        for name, (draw, anchor) in todo.items():
            repeats = 1 if anchor is None else 8
            start_time = time.thread_time()
            for _ in range(repeats):
                for start in range(0, len(some), BATCH):
                    draw(some[start : start + BATCH])
            times[name].append((time.thread_time() - start_time) / repeats / len(some))
    speeds = {name: 1 / statistics.median(seconds) for name, seconds in times.items()}
    ratios = {
        name: statistics.median(a / b for a, b in zip(times[anchor], times[name], strict=True))
        for name, (_, anchor) in todo.items()
        if anchor
    }
    return speeds, ratios


def hostile() -> dict[str, float]:
    """Return by name the milliseconds for one picture, 500 -> 224, of a text that is hard to draw."""
    renderer = Renderer(CLEAN, Size(500, 500), 224, 0)
    took = {}
    for name, text in HOSTILE.items():
        times = []
        for epoch in range(9):
            renderer([text], [name], epoch % 3)  # what this style needs is in the atlas afterwards
            clock = time.perf_counter()
            renderer([text], [name], epoch % 3)
            times.append(1000 * (time.perf_counter() - clock))
        took[name] = round(statistics.median(times), 1)
    return took


def atlas_times() -> dict[str, float]:
    """Return milliseconds for a font and size that an atlas lacks: with its masks drawn, or read from the cache."""
    kinds = {"drawn": (1, 1.0), "read": (1, 1.0), "read, direct 500 -> 224": (PHASES, 500 / 224)}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, FUSION_CACHE=folder):
        for pixels in (9, 12, 13, 14, 15, 16):
            metrics(DEFAULT_FONT, pixels)  # opens the font
            for kind, (phases, scale) in kinds.items():
                glyph_masks.cache_clear()
                atlas, clock = GlyphAtlas(phases), time.thread_time()
                atlas.entry(DEFAULT_FONT, pixels, (scale, scale))
                times[kind].append(1000 * (time.thread_time() - clock))
    return {kind: round(statistics.median(each[1:]), 1) for kind, each in times.items()}  # the first may compile


def training_shares(rows: dict[str, list[str]]) -> dict[str, float]:
    """Return by backbone the share of a training step's wall time that drawing takes when nothing hides it."""
    import timm
    import torch

    from leak_pictures import small_cnn

    device = "cuda" if torch.cuda.is_available() else "cpu"
    names = {"small CNN, 96": ("small", 96)}
    if device == "cuda":
        names |= {"mobilenetv2, 224": ("mobilenetv2_100", 224), "densenet121, 224": ("densenet121", 224)}
    shares = {}
    for title, (name, shape) in names.items():
        net = small_cnn(12) if name == "small" else timm.create_model(name, num_classes=12)
        for mode in ("source", "direct"):
            renderer = Renderer(DEGRADED.replaced(mode=mode), Size(500, 500), shape, 0)
            share = drawing_share(net.to(device).train(), renderer, rows, device)
            shares[f"{title}, mode {mode}, {device}"] = round(share, 4)
    return shares


def drawing_share(net: Any, renderer: Renderer, rows: dict[str, list[str]], device: str) -> float:
    """Return wall time of drawing / (drawing + learning), medians over steps; drawing and learning take turns."""
    import torch

    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    label = torch.zeros(BATCH, dtype=torch.long, device=device)
    drawing, learning = [], []
    for step in range(20):
        some = slice(step % 10 * BATCH, (step % 10 + 1) * BATCH)
        clock = time.perf_counter()
        pictures = renderer(rows["text"][some], rows["id"][some], step)
        drawn = time.perf_counter()
        x = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
        torch.nn.functional.cross_entropy(net(x), label).backward()
        optimizer.step()
        optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
        drawing.append(drawn - clock)
        learning.append(time.perf_counter() - drawn)
    one, other = statistics.median(drawing[5:]), statistics.median(learning[5:])
    return one / (one + other)


def report(found: dict[str, Any], ratios: dict[str, float]) -> str:
    texts = found["texts"]
    lines = [f"{texts['count']} snippets, mean {texts['mean_lines']} lines, {texts['mean_characters']} characters"]
    lines += [f"{'method':<28}{'pictures/s':>12}{'x anchor':>10}{'must':>7}{'reach':>7}"]
    for name, speed in found["pictures_per_second"].items():
        ratio = f"{ratios[name]:.1f}" if name in ratios else ""
        must, reach = GATES.get(name, ("", ""))
        lines.append(f"{name:<28}{speed:>12,}{ratio:>10}{must:>7}{reach:>7}")
    lines.append(f"difference from Pillow, character by character: {found['max_difference']}")
    quality = f"{found['direct_decibels']} dB (must 40, reach 46)"
    lines.append(f"direct drawing against the exact picture averaged by area: {quality}")
    slowest = max(found["hostile_ms"], key=found["hostile_ms"].get)
    lines.append(f"slowest of the hostile texts: {slowest}, {found['hostile_ms'][slowest]} ms (must be under 50)")
    atlas = ", ".join(f"{kind} {each} ms" for kind, each in found["atlas_ms"].items())
    lines.append(f"a font and size that is new to the atlas: {atlas}")
    for title, share in found.get("drawing_share_of_training", {}).items():
        lines.append(f"share of a training step spent on drawing, {title}: {100 * share:.1f} %")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(console.run(main))
