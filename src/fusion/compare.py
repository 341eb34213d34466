"""`python -m fusion.compare`: run folders, sweeps, or trees of them -> the Rakuten table."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from fusion import console

log = logging.getLogger(__name__)

DESCRIPTION = """Prints the runs found in the folders as one table, best validation macro-F1 first, and writes
it as results.csv and results.md. Runs on another split or with other labels are never ranked together;
failed and interrupted runs are rows too."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "fusion compare", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("runs", nargs="+", type=Path, metavar="RUNS", help="run folders, or folders of them")
    made.add_argument("-o", "--output", type=Path, metavar="DIR", help="where results.* go (default: the first folder)")
    made.add_argument("--json", action="store_true", help="print the rows as JSON instead of a table")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """The table on stdout, where it was written on stderr; 1 when there are no runs."""
    asked = parser().parse_args(argv)
    console.set_up_logging()
    from fusion.config import UserError
    from fusion.results import table
    from fusion.results.record import find_runs

    folders = find_runs(asked.runs)
    if not folders:
        raise UserError(
            f"There are no runs in {', '.join(map(str, asked.runs))}; make one with python -m fusion.train."
        )
    target = asked.output or asked.runs[0]
    found = table.rows(folders, root=target)
    if asked.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        table.print_table(found)
    try:
        target.mkdir(parents=True, exist_ok=True)
        log.info("wrote %s and %s", *table.write_results(found, target))
    except OSError as error:
        raise UserError(
            f"The table cannot be written to {target} ({error.strerror}); choose a folder with -o."
        ) from error
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
