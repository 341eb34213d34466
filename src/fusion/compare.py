"""`python -m fusion.compare`: run folders, sweeps, or trees of them -> a table, or a report to look at."""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from fusion import console
from fusion.config.errors import UserError
from fusion.files import write_text
from fusion.results.schema import MetricName
from fusion.results.table import FORMATS, Table, print_table, to_text
from fusion.results.tables import OF_CONFIGURATIONS, OF_RUNS, TABLES, make_table

if TYPE_CHECKING:
    from fusion.results.comparison import Comparison

log = logging.getLogger(__name__)

DESCRIPTION = """Print the runs found in the folders as one table. Runs that differ in their seed only are one row. Rows
are ranked on validation and report test, with intervals over projects and paired differences; ties share a letter.
Only the options that differ are columns. Runs on different splits or with different labels are never ranked
together. Failed and interrupted runs are listed too.

  fusion compare runs --by backbone,input_shape --where text=none
  fusion compare runs --reference runs/train/RUN --format csv
  fusion compare runs --format html --out report.html        curves, differences, calibration, errors: one file

--table modalities sets each fused run beside its text alone, its picture alone and the average of both, and says
whether fusion helps, ties or loses; fusion train -m sweep=modalities makes such runs.
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
HTML = "html"
OF_ROWS = ("by", "reference", "metric")  # options that go with a table whose rows are configurations
OF_RIVALS = ("baseline", "tools", "limit", "pictures", "seed")  # options that go with --rivals


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(
        "fusion compare", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    runs = "run folders, or folders that hold some (default: runs)"
    add("runs", nargs="*", type=Path, metavar="RUNS", help=runs, default=[DEFAULT])
    add("--table", choices=TABLES, default="results", help="the table to print (default: results)")
    by = "make a row of these options only, as --by backbone,input_shape; runs that agree in them are folded into one"
    add("--by", type=_keys, default=(), metavar="KEYS", help=by)
    where = "only runs that are so: text=none, 'lr<0.01', backbone!=vgg16; may be given again"
    add("--where", action="append", default=[], metavar="CONDITION", help=where)
    add("--reference", type=Path, metavar="RUN", help="take differences to the row of this run (default: the best)")
    add(
        "--metric",
        choices=get_args(MetricName),
        default="accuracy",
        help="what ranks rows and is compared (default: accuracy)",
    )
    forms = "default: that of FILE's name; without FILE a table on a terminal, md into a pipe"
    add("--format", choices=(*FORMATS, HTML), help=forms)
    add("-o", "--out", type=Path, metavar="FILE", help="write to this file instead of printing")
    add = options.add_argument_group("other tools").add_argument
    add("--rivals", type=Path, metavar="RUN", help="ask them about the test snippets of this run")
    add("--baseline", type=Path, metavar="RUN", help="another run on the same data, such as one with text=ngram")
    add("--tools", nargs="+", metavar="TOOL", help="some of magika, guesslang, highlight.js, linguist, pygments")
    add("--limit", type=_at_least(1), metavar="N", help="snippets, drawn evenly over projects (default: all)")
    add("--pictures", type=_at_least(1), default=0, metavar="N", help="draw so many, read them, ask about that too")
    add("--seed", type=_at_least(0), default=0, help="of the snippets that are drawn (default: 0)")
    return options


def _keys(text: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _at_least(least: int) -> Callable[[str], int]:
    """Return what makes a whole number of an argument, for argparse."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} must be a whole number of at least {least}")
        return int(text)

    return whole_number


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table on stdout, or write it. Raises UserError when there are no runs."""
    options = parser()
    args = options.parse_args(argv)
    args.format = args.format or _format_of(args.out)
    given = {name for name in vars(args) if getattr(args, name) != options.get_default(name)}
    if args.rivals is not None:
        if given & {"runs", "table", "where", *OF_ROWS} or args.format == HTML:
            options.error(
                "--rivals asks about the snippets of one run; leave out RUNS, --table and what goes with them"
            )
        return _rivals(args)
    if given & set(OF_RIVALS):
        options.error(f"{', '.join(f'--{name}' for name in OF_RIVALS)} go with --rivals RUN")
    if given & set(OF_ROWS) and args.table not in OF_CONFIGURATIONS and args.format != HTML:
        options.error(f"--by, --reference and --metric go with --table {' or '.join(OF_CONFIGURATIONS)}")
    console.set_up_logging()
    _check_out(args.out)
    runs, notes = _read(args)
    root = args.runs[0] if len(args.runs) == 1 else None
    _show(*_made(args, runs, notes, root), args)
    return 0


def _format_of(out: Path | None) -> str | None:
    """Return the format that a file's name asks for; Markdown where it asks for none."""
    if out is None:
        return None
    ending = out.suffix.lstrip(".").lower()
    return {"htm": HTML, "txt": "table"}.get(ending, ending if ending in (*FORMATS, HTML) else "md")


def _check_out(out: Path | None) -> None:
    """Raise UserError for a place that no table can be written to, before anything is read."""
    if out is not None and out.is_dir():
        raise UserError(f"--out {out} is a folder; give a file, such as {out / 'results.csv'}.")
    if out is not None and not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it, or choose another.")


def _read(args: argparse.Namespace) -> tuple[dict[Path, dict[str, Any]], tuple[str, ...]]:
    """Return the runs that are asked about, and notes of jobs that left none. Raises UserError where there are none."""
    from fusion.results.keys import parse_conditions
    from fusion.results.record import read_runs
    from fusion.results.sweep_outcome import failed_job_notes

    no_runs_yet = args.table not in OF_RUNS and args.runs == [DEFAULT] and not DEFAULT.exists()
    places = [] if no_runs_yet else args.runs
    (runs, notes), failed_jobs = read_runs(places), failed_job_notes(places)
    for note in notes if runs else [*notes, *failed_jobs]:
        log.warning("%s", console.printable(note))
    if args.reference is not None:
        runs = _with_reference(runs, args)
    if not runs and args.table in OF_RUNS:
        named = ", ".join(map(str, places))
        raise UserError(f"There are no runs that can be read in {named}; make one with python -m fusion.train.")
    conditions = parse_conditions(args.where, [*runs.values()])
    chosen = {
        folder: run
        for folder, run in runs.items()
        if folder == args.reference or all(one.holds(run) for one in conditions)
    }
    if runs and not chosen:
        raise UserError(f"None of {len(runs)} runs is so: --where {' --where '.join(args.where)}.")
    return chosen, failed_jobs


def _with_reference(runs: dict[Path, dict[str, Any]], args: argparse.Namespace) -> dict[Path, dict[str, Any]]:
    """Return the runs with the reference among them; args.reference becomes its folder there."""
    from fusion.results.record import read_run

    same = next((folder for folder in runs if folder.resolve() == args.reference.resolve()), None)
    if same is None:
        runs = runs | {args.reference: read_run(args.reference)}
    args.reference = same or args.reference
    if runs[args.reference].get("status") != "completed":
        raise UserError(f"--reference {args.reference} has not been completed; give the folder of a completed run.")
    return runs


def _made(
    args: argparse.Namespace, runs: Mapping[Path, dict[str, Any]], notes: Sequence[str], root: Path | None
) -> tuple[Table, str | None]:
    """Return the table that is asked for and, where that is asked for, the report around it."""
    if args.table not in OF_CONFIGURATIONS and args.format != HTML:
        return make_table(args.table, runs, root, notes), None
    from fusion.results.comparison import compare

    comparison = compare(runs, args.by, args.reference, args.metric)
    if args.format != HTML:
        return make_table(args.table, runs, root, notes, comparison), None
    table = make_table(args.table, runs, root, (), comparison)
    return table, _report(comparison, table, notes, root)


def _report(comparison: "Comparison", table: Table, notes: Sequence[str], root: Path | None) -> str:
    """Return the page around a table; beside the results of fused runs their table of modalities."""
    from fusion.results.modalities import is_fused, modalities
    from fusion.results.report.page import html_report

    has_fused = table.name == "results" and any(map(is_fused, comparison.rows))
    return html_report(comparison, [table, modalities(comparison, root)] if has_fused else [table], notes)


def _rivals(args: argparse.Namespace) -> int:
    """Print what other tools answer to the test snippets of a run."""
    from fusion.rivals.judge import RIVALS, Request, judge

    console.set_up_logging()
    _check_out(args.out)
    tools = tuple(args.tools or RIVALS)
    asked = Request(args.rivals, args.baseline, tools, args.limit, args.pictures, args.seed)
    _show(judge(asked, console.progress), None, args)
    return 0


def _show(table: Table, report: str | None, args: argparse.Namespace) -> None:
    """Print a table, or the report around it, or write it to a file."""
    if args.out is None and args.format is None:
        print_table(table)
        return
    text = to_text(table, args.format or "md") if report is None else report
    if args.out is None:
        print(text, end="")
        return
    try:
        write_text(args.out, text)
    except OSError as error:
        raise UserError(f"{args.out} cannot be written ({error.strerror}); choose another file.") from error
    log.info("wrote %s", args.out)


if __name__ == "__main__":
    sys.exit(console.run(main))
