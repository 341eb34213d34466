"""Which answers were right, by lines or by the strength of a damage -> points with intervals, as CSV and as tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fusion.results.statistics import project_interval
from fusion.results.table import Table, with_interval
from fusion.screenshots.damage import BEST, SIGMA, SMALLER, WORST

LINES = (1, 2, 3, 5, 8, 12, 20, 30, 40)
SHARES = (0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1)
STRENGTHS = (0, 0.1, 0.2, 0.4, 0.7, 1)  # of damage to pictures, which take long to read
HIDDEN = (0, 0.1, 0.2, 0.4, 0.7, 0.9)  # where 1 leaves nothing to see
ANSWERS = {  # what is given and which branches answer -> what that is called
    ("text", "text"): "text",
    ("text", "image"): "picture drawn of the text",
    ("text", "all"): "text with picture drawn of it",
    ("picture", "text"): "picture, read",
    ("picture", "image"): "picture, seen",
    ("picture", "all"): "picture, seen and read",
}
COLUMNS = ("kind", "answer", "value", "shown", "snippets", "projects", "accuracy", "low", "high")


@dataclass(frozen=True)
class Kind:
    """What is changed: its name in a figure, the axis, and the values with what is written at each."""

    title: str
    axis: str
    values: tuple[float, ...]  # lines, or strengths
    shown: tuple[str, ...]


def _percent(title: str, of: str, values: Sequence[float] = SHARES) -> Kind:
    return Kind(title, f"% of {of}", tuple(values), tuple(f"{100 * value:.0f}" for value in values))


def _amount(title: str, axis: str, none: str, amount: Callable[[float], str]) -> Kind:
    return Kind(title, axis, STRENGTHS, (none, *map(amount, STRENGTHS[1:])))


KINDS = {
    "lines": Kind("first lines of longer snippets", "lines left", LINES, tuple(map(str, LINES))),
    "length": Kind("snippets by their own length", "lines, at most", LINES, (*map(str, LINES[:-1]), f">{LINES[-2]}")),
    "typos": _percent("typing errors", "characters"),
    "ocr": _percent("reading errors", "confusable characters"),
    "cut_lines": _percent("lines cut at the right", "the longest line"),
    "lost_lines": _percent("lines lost at one end", "lines"),
    "indentation": _percent("indentation lost", "lines"),
    "scramble_letters": _percent("letters scrambled", "letters"),
    "scramble_digits": _percent("digits scrambled", "digits"),
    "scramble_punctuation": _percent("punctuation scrambled", "punctuation"),
    "scramble_white_space": _percent("white space scrambled", "white space"),
    "jpeg": _amount("JPEG", "quality", "as is", lambda strength: f"{BEST + strength * (WORST - BEST):.0f}"),
    "blur": _amount("blur", "sigma, pixels", "0", lambda strength: f"{strength * SIGMA:.1f}"),
    "scale": _amount("made smaller, enlarged again", "times", "1", lambda s: f"{1 + s * (SMALLER - 1):.1f}"),
    "cover": _percent("covered by boxes", "the written area", HIDDEN),
    "cut": _percent("cut off at one side", "the written area", HIDDEN),
}  # fmt: skip
BY_LINES = ("lines", "length")  # whose values are lines; those of the others are strengths
SUMMARY = {"lines": (1, 3, 8, 20, 40), "damage": (0, 0.1, 0.4, 0.7)}  # table -> values that it shows
NOTES = {
    "lines": "Accuracy and its 95 % interval over projects; lines: the first of longer snippets, length: snippets that "
    "are so long (8 lines: 6 to 8). Snippets are drawn evenly over the test projects.",
    "damage": "Accuracy and its 95 % interval over projects, the same snippets at every strength of a kind; strength 0 "
    "is no damage. Snippets are drawn evenly over the test projects.",
}


@dataclass(frozen=True)
class Point:
    """A point of a curve: how many answers were right, and the 95 % interval over projects."""

    kind: str  # of KINDS
    answer: str  # of the values of ANSWERS
    value: float
    shown: str  # what is written at the value
    snippets: int
    projects: int
    accuracy: float
    low: float
    high: float


def point(kind: str, answer: str, value: float, correct: np.ndarray, projects: np.ndarray) -> Point:
    """Which answers were right (N,), and the projects of the snippets (N,) -> a point; N is one or more."""
    shown = KINDS[kind].shown[KINDS[kind].values.index(value)]
    accuracy, (low, high) = float(correct.mean()), project_interval(correct, projects)
    return Point(kind, answer, value, shown, len(correct), len(set(projects.tolist())), accuracy, low, high)


def has_length(kind: str, value: float, lines: np.ndarray) -> np.ndarray:
    """Lines (N,) of snippets -> which of them (N,) count for a value of a kind: by their length, of the others all."""
    if kind == "lines":
        return lines >= value
    if kind != "length":
        return np.full(len(lines), True)
    below = max((other for other in LINES if other < value), default=0)
    return (lines > below) & ((lines <= value) | (value == LINES[-1]))


def to_table(points: Sequence[Point]) -> Table:
    """Return all points, one a row."""
    rows = [{name: _cell(getattr(one, name)) for name in COLUMNS} for one in points]
    return Table("curves", COLUMNS, rows, COLUMNS)


def _cell(value: object) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def summaries(points: Sequence[Point]) -> list[Table]:
    """Return a table of the curves by lines and one of those by strength, each with some of their points."""
    kinds = {"lines": BY_LINES, "damage": tuple(kind for kind in KINDS if kind not in BY_LINES)}
    tables = [_summary(name, [one for one in points if one.kind in kinds[name]]) for name in SUMMARY]
    return [table for table in tables if table.rows]


def _summary(name: str, points: Sequence[Point]) -> Table:
    """Return a table with one row a curve, its point at each value of SUMMARY."""
    at = {value: f"lines: {value}" if name == "lines" else f"strength {value:g}" for value in SUMMARY[name]}
    columns, rows = (name, "answer", *at.values()), dict[tuple[str, str], dict[str, str]]()
    for one in points:
        row = rows.setdefault(
            (one.kind, one.answer), dict.fromkeys(columns, "") | {name: one.kind, "answer": one.answer}
        )
        if one.value in at:
            row[at[one.value]] = with_interval(one.accuracy, (one.low, one.high))
    return Table(name, columns, list(rows.values()), columns, (NOTES[name],))
