"""Measure the reader on pictures that fusion draws of test projects: character error by size, font, theme and damage.

Every picture is drawn in a style of its own, as training's are, at the sizes that screenshots have; what can be seen of
the text is known to the character. Intervals are of 95 %, whole projects being drawn again. For pictures of a browser,
and for other readers, see bench_ocr.py.

  python scripts/measure_reader.py --data small --count 300
  python scripts/measure_reader.py --data core --side val --count 300 --weights runs/reader/RUN/weights --json
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from fusion import console
from fusion import weights as shipped
from fusion.config.data import load_data_options
from fusion.config.paths import cache_dir
from fusion.config.render import Size, load_render_options
from fusion.screenshots import layout, themes
from fusion.screenshots.charset import BOX, PAGE
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import sample_key
from fusion.screenshots.themes import LINE_NUMBER, TITLE
from fusion.snippets import sources
from ocr_metrics import distance, indented_rightly, ratio_interval, tidy

log = logging.getLogger("measure_reader")
SIZE = Size(700, 500)  # pixels of a picture
STYLE: dict[str, Any] = {
    "highlight": "true", "font_size": [9, 24], "scale": [1, 1, 2], "padding_x": [0, 0, 5], "padding_y": [0, 0, 5],
    "shift_x": 0, "shift_y": 0, "scroll_x": 0, "scroll_y": [0, 0.5], "line_numbers": 0.4, "height": "full",
    "degradation": ["none", "none", "none", "jpeg", "blur", "rescale"], "jpeg_quality": [40, 90],
}  # fmt: skip
Row = dict[str, Any]  # one picture: how it was drawn, and how many characters of it were read wrongly


def main(argv: Sequence[str] | None = None) -> int:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--data", default="small", help="corpus (default: small)")
    top.add_argument("--side", default="test", choices=["val", "test"], help="whose projects (default: test)")
    top.add_argument("--count", type=int, default=300, help="pictures (default: 300)")
    top.add_argument("--seed", type=int, default=0, help="of the choice of snippets and styles (default: 0)")
    top.add_argument("--weights", type=Path, metavar="DIR", help="weights/ of a run instead of those shipped")
    top.add_argument("--json", action="store_true", help="for programs: every picture, and the tables")
    args = top.parse_args(argv)
    console.set_up_logging()
    if args.weights:
        shipped.FOLDER = args.weights
    rows = [*measured(args)]
    tables = {name: table(rows, key) for name, key in GROUPS.items()}
    if args.json:
        print(json.dumps({"tables": tables, "pictures": rows}, indent=1))
        return 0
    for name, lines in tables.items():
        print(f"{name:14} {'pictures':>8}  {'characters wrong, %':>22}  {'lines indented rightly, %':>26}  {'ms':>6}")
        for line in lines:
            low, high = line["error_95"]
            error = f"{100 * line['error']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
            right = f"{100 * line['indented']:.1f}"
            print(f"{line['value']:14} {line['pictures']:8}  {error:>22}  {right:>26}  {line['ms']:6.0f}")
        print()
    return 0


def measured(args: argparse.Namespace) -> Iterator[Row]:
    """Draw and read every picture."""
    from fusion.reading.reader import read_picture

    snippets = sources.load(load_data_options(args.data), cache_dir(), console.progress)
    snippets = snippets.filter(pc.equal(snippets["split"], args.side))
    rng = np.random.default_rng(args.seed)
    chosen = snippets.take(np.sort(rng.permutation(snippets.num_rows)[: args.count])).to_pylist()
    renderer = Renderer(load_render_options("carbon", **STYLE), SIZE, 8, args.seed)
    for snippet in console.progress(chosen, "reading", len(chosen)):
        scene = renderer.scene([snippet["text"]], [snippet["id"]], 1, [snippet["label"]])
        picture = np.empty((1, SIZE.height, SIZE.width, 3), np.uint8)
        renderer.painter.draw(scene, picture)
        renderer.painter.degrade(scene, picture)
        truth = tidy(visible_text(renderer.painter.sprites(scene, 0), scene.geometry[0]))
        if not truth:
            continue
        started = time.process_time()
        transcript = read_picture(picture[0])
        seconds = time.process_time() - started
        read = tidy(transcript.text)
        right, lines = indented_rightly(truth, read)
        style = renderer.painter.styles.sample(sample_key(args.seed, 1, snippet["id"]))
        yield {
            "wrong": distance(truth, read), "characters": len(truth), "right": right, "lines": lines,
            "ms": 1000 * seconds, "group": snippet["group"], "label": snippet["label"],
            "size": style.font_size * style.scale, "font": style.font, "theme": style.theme,
            "damage": style.degradation, "numbered": style.line_numbers,
        }  # fmt: skip


def visible_text(sprites: np.ndarray, g: np.void) -> str:
    """Return the code that can be seen, of the characters whose middle is; the rest of a line that is cut is not."""
    kind = sprites[:, layout.CLASS]
    x, y = sprites[:, layout.X] + g["advance"] / 2, sprites[:, layout.Y] - g["advance"] / 2
    seen = (kind != LINE_NUMBER) & (kind != TITLE)
    seen &= (x >= max(g["x0"], 0)) & (x < min(g["x1"], g["width"]))
    seen &= (y >= max(g["y0"], 0)) & (y < min(g["y1"], g["height"]))
    lines: dict[int, dict[int, str]] = {}
    for x, y, slot in sprites[seen][:, [layout.X, layout.Y, layout.SLOT]]:
        row = round((y - g["text_y"] - g["baseline"]) / g["line_height"])
        column = round((x - g["text_x"]) / g["advance"])
        lines.setdefault(row, {})[column] = "\ufffd" if slot == BOX else PAGE[slot]
    return "\n".join(
        "".join(lines[row].get(column, " ") for column in range(max(lines[row]) + 1)) if row in lines else ""
        for row in range(max(lines, default=-1) + 1)
    )


def _size(row: Row) -> str:
    low = next((low for low in (24, 16, 12) if row["size"] >= low), 9)
    return {9: "9-11 px", 12: "12-15 px", 16: "16-23 px", 24: "24-48 px"}[low]


GROUPS: dict[str, Callable[[Row], str]] = {
    "all": lambda row: "all",
    "pixels per em": _size,
    "font": lambda row: str(row["font"]),
    "theme": lambda row: "dark" if themes.palette(row["theme"]).is_dark else "light",
    "damage": lambda row: str(row["damage"]),
    "line numbers": lambda row: "with" if row["numbered"] else "without",
}


def table(rows: list[Row], key: Callable[[Row], str]) -> list[Row]:
    """Return one line for each value that pictures have."""
    lines = []
    for value in sorted({key(row) for row in rows}):
        own = [row for row in rows if key(row) == value]
        total = {name: np.array([row[name] for row in own]) for name in ("wrong", "characters", "right", "lines", "ms")}
        lines.append({
            "value": value, "pictures": len(own), "error": float(total["wrong"].sum() / total["characters"].sum()),
            "error_95": ratio_interval(total["wrong"], total["characters"], [row["group"] for row in own]),
            "indented": float(total["right"].sum() / max(1, total["lines"].sum())),
            "ms": float(np.median(total["ms"])),
        })  # fmt: skip
    return lines


if __name__ == "__main__":
    sys.exit(console.run(main))
