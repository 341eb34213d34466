"""Rows of text -> a table: on the terminal, as NAME.csv and as NAME.md."""

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from fusion.files import write_text


@dataclass(frozen=True)
class Table:
    """A table to print and to write: every cell is text that is safe to show."""

    name: str  # of its files
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    shown: tuple[str, ...]  # the columns that a terminal shows
    notes: tuple[str, ...] = ()  # what a reader must know, below the table


def to_csv(table: Table) -> str:
    """Return the table as CSV; cells that a spreadsheet would run as a formula begin with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, table.columns, lineterminator="\n")
    writer.writeheader()
    for row in table.rows:
        writer.writerow({k: f"'{v}" if v[:1] in ("=", "+", "-", "@") else v for k, v in row.items()})
    return out.getvalue()


def to_markdown(table: Table) -> str:
    """Return the table as Markdown, with its notes below; no cell or note is taken for HTML."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_cell(row[c]) for c in table.columns) + " |" for row in table.rows]
    lines += [line for note in table.notes for line in ("", note.replace("<", "&lt;"))]
    return "\n".join(lines) + "\n"


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """Return 0.750 [0.650, 0.850]."""
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def with_signed_interval(value: float, interval: tuple[float, float]) -> str:
    """Return +0.040 [+0.031, +0.050], a difference."""
    return f"{value:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def write_results(table: Table, folder: Path) -> tuple[Path, Path]:
    """Write NAME.csv and NAME.md into the folder; return both paths."""
    csv_path, markdown_path = folder / f"{table.name}.csv", folder / f"{table.name}.md"
    write_text(csv_path, to_csv(table))
    write_text(markdown_path, to_markdown(table))
    return csv_path, markdown_path


def print_table(table: Table) -> None:
    """Print the table: on a terminal as wide as that is, into a pipe as Markdown."""
    if not sys.stdout.isatty():
        print(to_markdown(table), end="")
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD)
    for column in table.shown:
        grid.add_column(column, overflow="fold")
    for row in table.rows:
        grid.add_row(*(escape(row[column]) for column in table.shown))
    console = Console()
    console.print(grid)
    for note in table.notes:
        console.print(escape(note))
