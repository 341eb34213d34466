"""`python -m fusion.compare`: run folders, sweeps, or trees of them -> a table."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from fusion import console
from fusion.config.errors import UserError
from fusion.results.table import print_table, write_results
from fusion.results.tables import OF_RUNS, TABLES, make_table

log = logging.getLogger(__name__)

DESCRIPTION = """Prints the runs found in the folders as one table, best validation macro-F1 first, and writes
it as results.csv and results.md. Runs on another split or with other labels are never ranked together;
failed and interrupted runs are rows too. --table rakuten (or heig, notebook, ladder) prints the rows of a source's own
table instead: its figures beside those of our runs, and for each empty cell the command that fills it."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "fusion compare", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    runs = "run folders, or folders of them (default: runs)"
    made.add_argument("runs", nargs="*", type=Path, metavar="RUNS", help=runs, default=[Path("runs")])
    made.add_argument("--table", choices=TABLES, default="results", help="which table (default: results)")
    made.add_argument("-o", "--output", type=Path, metavar="DIR", help="where its files go (default: the first folder)")
    made.add_argument("--json", action="store_true", help="print the rows as JSON instead of a table")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """The table on stdout, where it was written on stderr; 1 when there are no runs."""
    asked = parser().parse_args(argv)
    from fusion.results.record import survey

    console.set_up_logging()
    table_alone = asked.table not in OF_RUNS and asked.runs == [Path("runs")] and not asked.runs[0].exists()
    folders, notes = ([], []) if table_alone else survey(asked.runs)
    for note in notes:
        log.warning("%s", console.printable(note))
    if not folders and asked.table in OF_RUNS:
        places = ", ".join(map(str, asked.runs))
        raise UserError(f"There are no runs that can be read in {places}; make one with python -m fusion.train.")
    target = asked.output or (None if table_alone else asked.runs[0])
    table = make_table(asked.table, folders, target)
    if asked.json:
        print(json.dumps(table.rows, indent=1, ensure_ascii=False))
    else:
        print_table(table)
    if target is None:
        log.info("nothing was written, for there is no folder runs; -o DIR says where the table goes")
        return 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        log.info("wrote %s and %s", *write_results(table, target))
    except OSError as error:
        raise UserError(
            f"The table cannot be written to {target} ({error.strerror}); choose a folder with -o."
        ) from error
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
