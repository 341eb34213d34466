"""The rows of a dry run, one file a job, whichever process looked at it -> one table. Knows no torch."""

import json
from pathlib import Path

from fusion.console import printable
from fusion.files import write_text
from fusion.results.table import Table, print_table

ROWS = "dry_run"  # folder of a sweep: a file for each job
COLUMNS = (
    "Run", "Backbone", "Text", "Training Input Shape", "Source Image Size", "LR", "Epochs", "Batch Size",
    "Parameters", "Memory GB", "Minutes", "Verdict",
)  # fmt: skip
FAILS = "cannot run"


def write_row(folder: Path, number: int, row: dict[str, str], seconds: float) -> None:
    """Write the row of job NUMBER, and the seconds that its run would take, below the folder of the sweep."""
    (folder / ROWS).mkdir(parents=True, exist_ok=True)
    safe = {name: printable(text) for name, text in row.items()}
    write_text(folder / ROWS / f"{number}.json", json.dumps({"row": safe, "seconds": seconds}))


def finish(folder: Path) -> int:
    """Print the table of the rows in a folder, whichever processes wrote them, and return how many cannot run."""
    files = sorted((folder / ROWS).glob("*.json"), key=lambda path: int(path.stem))
    content = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    rows, hours = [one["row"] for one in content], sum(one["seconds"] for one in content) / 3600
    failures = sum(row["Verdict"].startswith(FAILS) for row in rows)
    summary = f"{len(rows)} runs, about {hours:.1f} hours one after the other on this machine as busy as it is now"
    summary += f"; {failures} cannot run" if failures else ""
    print_table(Table("dry_run", COLUMNS, rows, COLUMNS, (f"{summary}. Nothing was run.",)))
    return failures
