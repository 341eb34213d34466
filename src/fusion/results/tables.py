"""The tables that `fusion compare --table` prints and that a sweep may end with, by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion.results.table import Table

OF_RUNS = ("results", "texts", "ladder")  # the others are a source's, which have rows without any run
TABLES = (*OF_RUNS, "rakuten", "heig", "notebook")


def make_table(name: str, folders: Sequence[Path], root: Path | None = None) -> "Table":
    """One of TABLES, run folders -> that table. What it needs is imported here: --help must not wait for it."""
    match name:
        case "results":
            from fusion.results.leaderboard import leaderboard

            return leaderboard(folders, root)
        case "texts":
            from fusion.results.by_length import by_length

            return by_length(folders, root)
        case "ladder":
            from fusion.results.ladder import rungs

            return rungs(folders, root)
        case _:
            from fusion.results.reference import beside_reference

            return beside_reference(name, folders, root)
