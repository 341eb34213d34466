"""A chart of matplotlib -> SVG inside the page, in its colours: light or dark, as the reader's system is."""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fusion.console import printable
from fusion.results.report.cells import shorten

WIDTH = 380  # points; as wide as a card, so that text is large enough on a phone and not too large beside another card
# Colours that stand for what style.css names, which differs between light and dark
INK, FAINT, GRID, CARD, BETTER, WORSE = (f"#01020{n}" for n in range(6))
COLOURS = tuple(f"#01030{n}" for n in range(8))  # of rows, for colour-blind readers too (Okabe and Ito 2008)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")  # of rows
VARIABLES = dict(zip((INK, FAINT, GRID, CARD, BETTER, WORSE), ("ink", "faint", "grid", "card", "better", "worse"),
                     strict=True)) | {colour: f"c{n}" for n, colour in enumerate(COLOURS)}  # fmt: skip
STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "fusion", "text.parse_math": False, "font.size": 10.5,
    "text.color": INK, "axes.labelcolor": INK, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.edgecolor": FAINT, "xtick.color": FAINT, "ytick.color": FAINT, "grid.color": GRID, "grid.linewidth": 0.8,
    "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "figure.facecolor": "none", "axes.facecolor": "none", "lines.linewidth": 1.8, "lines.markersize": 5,
    "axes.formatter.useoffset": False, "xtick.major.size": 3, "ytick.major.size": 3, "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
}  # fmt: skip
FONT = "system-ui, sans-serif"  # in place of matplotlib's, which is wider: what fits there fits here
TIP = "tip "  # how the id of what has a text to be shown beside the pointer begins


@dataclass(frozen=True)
class Chart:
    """A chart with what a reader must know to read it."""

    key: str  # tells it from the others of the page
    heading: str
    reading: str  # how it is read, and on which snippets
    svg: str  # safe to stand in the page: all text is escaped
    legend: tuple[tuple[int, str], ...] = ()  # number of the row's colour and marker, its name
    width: int | None = None  # pixels of one that scrolls; None: as wide as its card
    is_folded: bool = False


# A decorator, of every function that makes or saves a figure
# on any machine the same, whatever its matplotlibrc says; the backend is no matter of style
PLAIN = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
styled: Any = matplotlib.rc_context(PLAIN | STYLE)  # type: ignore[arg-type]


def new_figure(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Return a figure of so many points and its axes."""
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    figure = Figure(figsize=(width / 72, height / 72), layout=layout)
    return figure, figure.subplots()


def row_style(number: int) -> dict[str, Any]:
    """Return colour and marker of a row by its number among those that are shown."""
    colour = COLOURS[number % len(COLOURS)]
    return {"color": colour, "marker": MARKERS[number % len(MARKERS)], "markeredgecolor": CARD, "markeredgewidth": 0.6}


def add_tip(artist: Artist, text: str) -> None:
    """Let a text be shown where the pointer rests on a point, a label or a cell."""
    artist.set_gid(TIP + printable(text))


def label_ticks(axes: Axes, side: str, names: list[str], most: int, **options: Any) -> None:
    """Write a name, cut where it is longer than `most`, at 0, 1, 2, ... of the x or the y axis; whole as its tip."""
    axis = getattr(axes, f"{side}axis")
    axis.set_ticks(range(len(names)), [shorten(printable(name), most) for name in names], **options)
    for label, name in zip(axis.get_ticklabels(), names, strict=True):
        add_tip(label, name)


def to_svg(figure: Figure, key: str, label: str) -> str:
    """Return a figure as SVG for the page; its ids begin with the key, its colours are variables of style.css.

    All text of the figure must be printable, for XML has no place for other characters.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # labels in any script; the browser has other fonts
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    root = ElementTree.fromstring(buffer.getvalue())  # of matplotlib, which escapes what it is given
    for element in root.iter():
        _rewrite(element, key)
    for parent in root.iter():
        for child in [*parent]:
            if child.tag in ("metadata", "style"):
                parent.remove(child)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    title = ElementTree.Element("title")
    title.text = printable(label)
    root.attrib |= {"class": "chart", "role": "img", "aria-label": title.text}
    root.insert(0, title)
    return ElementTree.tostring(root, "unicode")  # which escapes all text anew


def _rewrite(element: ElementTree.Element, key: str) -> None:
    """Make an element of a file one of the page."""
    element.tag = element.tag.rpartition("}")[2]
    if element.tag != "text":  # white space between elements
        element.text = (element.text or "").strip()
    element.tail = (element.tail or "").strip()
    given = element.attrib.pop("id", "")
    for name, value in [*element.attrib.items()]:
        del element.attrib[name]
        value = re.sub(r"#0[0-9a-f]{5}\b", lambda found: _variable(found[0]), value)
        value = re.sub(r"url\(#(\w+)\)", rf"url(#{key}-\1)", value)
        if name.endswith("href") and value.startswith("#"):
            value = f"#{key}-{value[1:]}"
        element.attrib[name.rpartition("}")[2]] = re.sub(r"'DejaVu Sans'[^;]*", FONT, value)
    if given.startswith(TIP):
        title = ElementTree.SubElement(element, "title")
        title.text = given.removeprefix(TIP)
    elif given and not re.match(r"[a-z]+(_[a-z0-9]+)*_\d+$", given):  # axes_1 and the like are referred to by nothing
        element.attrib["id"] = f"{key}-{given}"


def _variable(colour: str) -> str:
    return f"var(--{VARIABLES[colour]})" if colour in VARIABLES else colour


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """Return the numbers of at most so many of N values, evenly, the first and the last among them."""
    return np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int))
