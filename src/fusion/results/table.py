"""Rows of text -> a table: on the terminal, as NAME.csv and as NAME.md."""

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from fusion.files import write_text


@dataclass(frozen=True)
class Table:
    """What `compare` prints: every cell is text, safe to show."""

    name: str  # of its files
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    shown: tuple[str, ...]  # the columns that a terminal shows
    notes: tuple[str, ...] = ()  # what a reader must know, below the table


def to_csv(table: Table) -> str:
    """Cells that a spreadsheet would run as a formula are quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, table.columns, lineterminator="\n")
    writer.writeheader()
    for row in table.rows:
        writer.writerow({k: f"'{v}" if v[:1] in ("=", "+", "-", "@") else v for k, v in row.items()})
    return out.getvalue()


def to_markdown(table: Table) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_cell(row[c]) for c in table.columns) + " |" for row in table.rows]
    lines += [line for note in table.notes for line in ("", note.replace("<", "&lt;"))]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def write_results(table: Table, folder: Path) -> tuple[Path, Path]:
    """NAME.csv and NAME.md in the folder; returns both paths."""
    comma, marked = folder / f"{table.name}.csv", folder / f"{table.name}.md"
    write_text(comma, to_csv(table))
    write_text(marked, to_markdown(table))
    return comma, marked


def print_table(table: Table) -> None:
    """On a terminal as wide as it is; into a pipe as Markdown."""
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
    renderer = Console()
    renderer.print(grid)
    for note in table.notes:
        renderer.print(escape(note))
