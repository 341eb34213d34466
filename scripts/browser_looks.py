"""Random numbers -> how a page looks: highlighter, theme, font, size, lines, and the frame around it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("page", "editor", "ligatures", "proportional", "unseen", "jpeg", "photo", "blog")

THEMES = {
    "highlight.js": (
        "github", "vs", "xcode", "atom-one-light", "stackoverflow-light", "github-dark", "monokai", "atom-one-dark",
        "vs2015", "nord", "night-owl", "tokyo-night-dark",
    ),
    "shiki": (
        "github-light", "light-plus", "solarized-light", "catppuccin-latte", "one-light", "github-dark", "dark-plus",
        "monokai", "nord", "one-dark-pro", "dracula", "tokyo-night",
    ),
    "prism": (
        "prism", "prism-solarizedlight", "prism-ghcolors", "prism-vs", "prism-one-light", "prism-okaidia",
        "prism-tomorrow", "prism-vsc-dark-plus", "prism-nord", "prism-dracula", "prism-night-owl", "prism-one-dark",
    ),
    "codemirror": (
        "default", "clouds", "tomorrow", "solarizedLight", "espresso", "ayuLight", "one-dark", "dracula", "cobalt",
        "coolGlow", "bespin", "boysAndGirls",
    ),
}  # fmt: skip
FONTS = (
    "dejavu-sans-mono", "hack", "source-code-pro", "jetbrains-mono", "fira-code", "roboto-mono", "ubuntu-mono",
    "ibm-plex-mono",
)  # fmt: skip
LIGATURE_FONTS = ("fira-code", "jetbrains-mono", "cascadia-code")
PROPORTIONAL = ("inter", "roboto", "open-sans", "lato", "source-serif-4")
UNSEEN = ("pt-mono", "fira-mono", "red-hat-mono", "overpass-mono", "courier-prime", "share-tech-mono")
SIZES = {"page": (9, 20), "editor": (11, 16), "photo": (13, 20), "blog": (11, 18)}  # pixels an em
COLUMNS = {"editor": (60, 72, 88), "blog": (56, 64, 76), "photo": (48, 60, 76)}
LINES = {"blog": (4, 14), "photo": (8, 26), "editor": (14, 35)}  # fewest and most
LINE_HEIGHTS = (1.2, 1.3, 1.4, 1.45, 1.5, 1.6, 1.7)  # ems
BACKDROPS = ("#ffffff", "#f4f5f7", "#d9e2ec", "#2b2f3a", "#abb8c3", "linear-gradient(135deg, #7f7fd5, #91eae4)")


def draw_look(rng: np.random.Generator, kind: str, number: int, highlighters: Sequence[str]) -> dict[str, Any]:
    """Return the look of one page, but for its code and files: the part of a job that chance decides.

    Highlighters and device scales take turns, so that each comes up equally often.
    """
    size_from, size_to = SIZES.get(kind, SIZES["page"])
    highlighter = highlighters[number % len(highlighters)]
    size = int(rng.integers(size_from, size_to + 1))
    layout = kind if kind == "editor" else str(rng.choice(["blog", "blog", "slide"])) if kind == "blog" else "page"
    numbered = bool(rng.random() < (0.9 if layout == "editor" else 0.1 if kind == "blog" else 0.45))
    lowest, highest = LINES.get(kind, (6, 35))
    return {
        "number": number, "kind": kind, "layout": layout, "highlighter": highlighter,
        "theme": str(rng.choice(THEMES[highlighter])), "font": str(rng.choice(fonts_of(kind))), "size": size,
        "line_height": round(size * float(rng.choice(LINE_HEIGHTS)), 2), "scale": 1 + number // len(highlighters) % 2,
        "tab": int(rng.choice([2, 4, 4, 8])), "columns": int(rng.choice(COLUMNS.get(kind, (60, 72, 80, 100)))),
        "lines": int(rng.integers(lowest, highest + 1)), "ligatures": kind == "ligatures",
        "line_numbers": numbered and kind != "proportional", "ruled": bool(rng.random() < 0.3),
        "first_line": int(rng.choice([1, 1, 1, rng.integers(2, 900)])),
        "gutter_gap": int(rng.integers(8, 24)), "gutter_opacity": round(float(rng.uniform(0.35, 0.8)), 2),
        "width": int(rng.integers(900, 1500)) if layout == "editor" else 320,
        "height": int(rng.integers(480, 900)) if layout == "editor" else 60,
        "frame": _frame(rng), "marks": None, "prose_font": str(rng.choice(PROPORTIONAL)),
    }  # fmt: skip


def fonts_of(kind: str) -> tuple[str, ...]:
    """Return the names of the fonts that a kind of picture is set in."""
    return {"ligatures": LIGATURE_FONTS, "proportional": PROPORTIONAL, "unseen": UNSEEN}.get(kind, FONTS)


def _frame(rng: np.random.Generator) -> dict[str, Any]:
    margin = int(rng.choice([0, 0, 0, 16, 32]))
    return {
        "margin": margin, "padding": int(rng.integers(6, 26)), "radius": int(rng.choice([0, 6, 10])) if margin else 0,
        "backdrop": str(rng.choice(BACKDROPS)) if margin else "theme",
    }  # fmt: skip


def npm_faces(modules: Path, name: str) -> list[Path]:
    """Return the four faces of a font package of npm; in place of one that it lacks, the regular one."""
    folder = modules / "@fontsource" / name / "files"
    regular = folder / f"{name}-latin-400-normal.woff2"
    styles = ("400-normal", "700-normal", "400-italic", "700-italic")
    faces = [folder / f"{name}-latin-{style}.woff2" for style in styles]
    return [face if face.is_file() else regular for face in faces]
