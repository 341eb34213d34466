"""`python -m fusion.compare`: run folders, sweeps, or trees of them -> a table."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from fusion import console
from fusion.config.errors import UserError
from fusion.results.table import Table, print_table, write_results
from fusion.results.tables import OF_RUNS, TABLES, make_table

log = logging.getLogger(__name__)

DESCRIPTION = """Print the runs found in the folders as one table, best validation macro-F1 first, and write it to
results.csv and results.md. Runs on different splits or with different labels are never ranked together.
Failed and interrupted runs are listed too.

--table texts shows accuracy by length of the snippet, --table ladder the small transformers in their order.
--table sources is for runs with data.held_out: paired differences, intervals over projects, what is taken for what;
--table labels shows the accuracy of each label.
--table calibration shows how far probabilities, withheld answers and sets of labels can be trusted.
--table rakuten, heig or notebook shows the rows of that source: its figures beside those of your runs and,
for each row without a run, the command that trains it."""
DEFAULT = Path("runs")


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(
        "fusion compare", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    runs = "run folders, or folders that hold some (default: runs)"
    options.add_argument("runs", nargs="*", type=Path, metavar="RUNS", help=runs, default=[DEFAULT])
    options.add_argument("--table", choices=TABLES, default="results", help="the table to print (default: results)")
    output = "folder for the table's files (default: the first of RUNS)"
    options.add_argument("-o", "--output", type=Path, metavar="DIR", help=output)
    options.add_argument("--json", action="store_true", help="print the rows as JSON instead of a table")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table on stdout and where it was written on stderr. Raises UserError when there are no runs."""
    args = parser().parse_args(argv)
    from fusion.results.record import read_runs
    from fusion.results.sweep_outcome import failed_job_notes

    console.set_up_logging()
    no_runs_yet = args.table not in OF_RUNS and args.runs == [DEFAULT] and not DEFAULT.exists()
    places = [] if no_runs_yet else args.runs
    (runs, notes), failed_jobs = read_runs(places), failed_job_notes(places)
    for note in notes if runs else [*notes, *failed_jobs]:
        log.warning("%s", console.printable(note))
    if not runs and args.table in OF_RUNS:
        named = ", ".join(map(str, places))
        raise UserError(f"There are no runs that can be read in {named}; make one with python -m fusion.train.")
    target = args.output or (None if no_runs_yet else args.runs[0])
    table = make_table(args.table, runs, target, failed_jobs)
    if args.json:
        print(json.dumps(table.rows, indent=1, ensure_ascii=False))
    else:
        print_table(table)
    if target is None:
        log.info("nothing was written: there is no folder runs; choose a folder for the table with -o DIR")
    else:
        _write(table, target)
    return 0


def _write(table: Table, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.info("wrote %s and %s", *write_results(table, folder))
    except OSError as error:
        raise UserError(
            f"The table cannot be written to {folder} ({error.strerror}); choose a folder with -o DIR."
        ) from error


if __name__ == "__main__":
    sys.exit(console.run(main))
