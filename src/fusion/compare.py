"""`python -m fusion.compare`: run folders, sweeps, or trees of them -> a table."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
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
--table fusions shows what fused runs reach in each situation beside their own parts, with a verdict.
--rivals RUN asks other tools about the test snippets of one run and shows their answers beside its own; those
that node runs are fetched by npm.
--table rakuten, heig or notebook shows the rows of that source: its figures beside those of your runs and,
for each row without a run, the command that trains it."""
DEFAULT = Path("runs")
OF_RIVALS = ("baseline", "tools", "limit", "pictures", "seed")  # options that go with --rivals


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
    add = options.add_argument_group("other tools").add_argument
    add("--rivals", type=Path, metavar="RUN", help="ask them about the test snippets of this run")
    add("--baseline", type=Path, metavar="RUN", help="another run on the same data, such as one with text=ngram")
    add("--tools", nargs="+", metavar="TOOL", help="some of magika, guesslang, highlight.js, linguist, pygments")
    add("--limit", type=_at_least(1), metavar="N", help="snippets, drawn evenly over projects (default: all)")
    add("--pictures", type=_at_least(1), default=0, metavar="N", help="draw so many, read them, ask about that too")
    add("--seed", type=_at_least(0), default=0, help="of the snippets that are drawn (default: 0)")
    return options


def _at_least(least: int) -> Callable[[str], int]:
    """Return what makes a whole number of an argument, for argparse."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} must be a whole number of at least {least}")
        return int(text)

    return whole_number


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table on stdout and where it was written on stderr. Raises UserError when there are no runs."""
    options = parser()
    args = options.parse_args(argv)
    if args.rivals is not None:
        if args.runs != [DEFAULT] or args.table != "results":
            options.error("--rivals asks about the snippets of one run; leave out RUNS and --table")
        return _rivals(args)
    if any(getattr(args, name) != options.get_default(name) for name in OF_RIVALS):
        options.error(f"{', '.join(f'--{name}' for name in OF_RIVALS)} go with --rivals RUN")
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
    _show(make_table(args.table, runs, target, failed_jobs), target, args.json)
    return 0


def _rivals(args: argparse.Namespace) -> int:
    """Print what other tools answer to the test snippets of a run."""
    from fusion.rivals.judge import RIVALS, Request, judge

    console.set_up_logging()
    tools = tuple(args.tools or RIVALS)
    asked = Request(args.rivals, args.baseline, tools, args.limit, args.pictures, args.seed)
    _show(judge(asked, console.progress), args.output or args.rivals, args.json)
    return 0


def _show(table: Table, target: Path | None, as_json: bool) -> None:
    """Print a table and write its files into the target, if there is one."""
    if as_json:
        print(json.dumps(table.rows, indent=1, ensure_ascii=False))
    else:
        print_table(table)
    if target is None:
        log.info("nothing was written: there is no folder runs; choose a folder for the table with -o DIR")
    else:
        _write(table, target)


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
