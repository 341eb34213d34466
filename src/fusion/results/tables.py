"""The tables that `fusion compare --table` prints and that a sweep may end with, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from fusion.config.schema import TableName

if TYPE_CHECKING:
    from fusion.results.comparison import Comparison
    from fusion.results.table import Table

TABLES: tuple[TableName, ...] = get_args(TableName)
# the others are a source's, with rows without a run
OF_RUNS: tuple[TableName, ...] = ("results", "ladder", "texts", "sources", "labels", "calibration", "fusions",
                                  "modalities")  # fmt: skip


# those whose rows are configurations, which --by, --reference and --metric are about
OF_CONFIGURATIONS: tuple[TableName, ...] = ("results", "modalities")


def make_table(
    name: str,
    runs: Mapping[Path, dict[str, Any]],
    root: Path | None = None,
    notes: Sequence[str] = (),
    comparison: "Comparison | None" = None,
) -> "Table":
    """Return one of TABLES, made of runs by folder.

    root: where paths of runs begin; notes: shown below it, last; comparison: of the runs, as it was asked for.
    """
    table = _make_table(name, runs, root, comparison)
    return replace(table, notes=(*table.notes, *notes))


def _make_table(
    name: str, runs: Mapping[Path, dict[str, Any]], root: Path | None, comparison: "Comparison | None"
) -> "Table":
    match name:  # imported where it is needed: --help must not wait for it
        case "results" | "modalities":
            from fusion.results.comparison import compare
            from fusion.results.leaderboard import leaderboard
            from fusion.results.modalities import modalities

            compared = comparison or compare(runs)
            return leaderboard(compared, root) if name == "results" else modalities(compared, root)
        case "texts":
            from fusion.results.by_length import by_length

            return by_length(runs, root)
        case "sources":
            from fusion.results.by_source import by_source

            return by_source(runs, root)
        case "labels":
            from fusion.results.by_source import by_label

            return by_label(runs, root)
        case "fusions":
            from fusion.results.fusions import fusions

            return fusions(runs, root)
        case "calibration":
            from fusion.results.calibration_table import by_calibration

            return by_calibration(runs, root)
        case "ladder":
            from fusion.results.ladder import ladder

            return ladder(runs, root)
        case _:
            from fusion.results.reference import beside_reference

            return beside_reference(name, runs, root)
