"""Rows of text -> a table: on the terminal, as NAME.csv and as NAME.md."""

import csv
import io
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion.files import write_text
from fusion.results.schema import part

LONG = 26  # characters of a cell that a terminal may break into lines
FORMULA = re.compile(r"[=+\-@]")
SIGNED = re.compile(r"[+-]\d+(\.\d+)?( \[[+-]\d+\.\d+, [+-]\d+\.\d+\])?( tie)?")


@dataclass(frozen=True)
class Table:
    """A table to print and to write: every cell is text that is safe to show."""

    name: str  # of its files
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    shown: tuple[str, ...]  # the columns that a terminal shows
    notes: tuple[str, ...] = ()  # what a reader must know, below the table
    values: tuple[dict[str, Any], ...] = ()  # the rows for programs: numbers as numbers; () where they are as the rows


def to_csv(table: Table) -> str:
    """Return the table as CSV; cells that a spreadsheet would run as a formula begin with an apostrophe.

    Signed numbers, with an interval or without, stay as they are.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, table.columns, lineterminator="\n")
    writer.writeheader()
    for row in table.rows:
        writer.writerow({k: f"'{v}" if FORMULA.match(v) and not SIGNED.fullmatch(v) else v for k, v in row.items()})
    return out.getvalue()


def to_markdown(table: Table) -> str:
    """Return the table as Markdown, with its notes below; no cell or note is taken for HTML."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_cell(row[c]) for c in table.columns) + " |" for row in table.rows]
    lines += [line for note in table.notes for line in ("", note.replace("<", "&lt;"))]
    return "\n".join(lines) + "\n"


def format_size(size: Any) -> str:
    """96, [96, 64] or None -> 96×96, 96×64 or ?."""
    if isinstance(size, (list, tuple)):
        return "×".join(str(side) for side in size)
    return f"{size}×{size}" if isinstance(size, int) else str(size or "?")


def format_path(folder: Path, root: Path | None) -> str:
    """Return where a run lies: below the root, or elsewhere, as the runs do that a sweep reused."""
    return str(folder.relative_to(root) if root and folder.is_relative_to(root) else folder)


def format_fraction(value: float | None) -> str:
    """0.75 -> 0.750; None -> ''."""
    return "" if value is None else f"{value:.3f}"


def format_interval(scores: dict[str, Any]) -> str:
    """Scores of a split -> the interval of 95 % of its accuracy, as 0.650–0.850."""
    return "–".join(format_fraction(bound) for bound in scores.get("accuracy_95", ()))


def format_minutes(seconds: float | None) -> str:
    """90 -> 1.5; None -> ''."""
    return "" if seconds is None else f"{seconds / 60:.1f}"


def format_weights(run: Mapping[str, Any]) -> str:
    """run.json -> the weights that each branch had, as 'text: random, image: hub'."""
    return ", ".join(f"{name}: {kind}" for name, kind in part(run, "resolved", "weights").items())


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """Return 0.750 [0.650, 0.850]."""
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def with_signed_interval(value: float, interval: tuple[float, float]) -> str:
    """Return +0.040 [+0.031, +0.050], a difference."""
    return f"{value:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


FORMATS = ("table", "md", "csv", "json")  # of a table; a report is another thing


def to_json(table: Table) -> str:
    """Return the rows of the table as JSON: as values, numbers as numbers, where it has them."""
    return json.dumps([*(table.values or table.rows)], indent=1, ensure_ascii=False) + "\n"


def to_text(table: Table, form: str) -> str:
    """Return a table in one of FORMATS; as a table it is as wide as the terminal, or as 160 characters."""
    return {"table": _to_grid, "md": to_markdown, "csv": to_csv, "json": to_json}[form](table)


def write_results(table: Table, folder: Path) -> tuple[Path, Path]:
    """Write NAME.csv and NAME.md into the folder; return both paths."""
    csv_path, markdown_path = folder / f"{table.name}.csv", folder / f"{table.name}.md"
    write_text(csv_path, to_csv(table))
    write_text(markdown_path, to_markdown(table))
    return csv_path, markdown_path


def print_table(table: Table) -> None:
    """Print the table: on a terminal as wide as that is, into a pipe as Markdown."""
    print(to_text(table, "table" if sys.stdout.isatty() else "md"), end="")


def _to_grid(table: Table) -> str:
    """Return the columns of a terminal, framed, with the notes below."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as Grid

    on_terminal = sys.stdout.isatty()
    console = Console(width=None if on_terminal else 160, force_terminal=on_terminal, highlight=False)
    widths = {name: max(map(cell_len, (name, *(row[name] for row in table.rows)))) for name in table.shown}
    fits = sum(min(width, LONG) + 2 for width in widths.values()) + 2 <= console.width
    grid = Grid(box=box.SIMPLE_HEAD)
    for column in table.shown:  # figures are read in one line, where there is room
        grid.add_column(escape(column), overflow="fold", no_wrap=fits and widths[column] <= LONG)
    for row in table.rows:
        grid.add_row(*(escape(row[column]) for column in table.shown))
    with console.capture() as captured:
        console.print(grid)
        for note in table.notes:
            console.print(escape(note))
    return captured.get()
