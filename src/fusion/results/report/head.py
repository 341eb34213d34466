"""A comparison -> what stands at the top of the page: how much there is, of what, how new, and notes."""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion.console import printable
from fusion.results.comparison import Comparison


@dataclass(frozen=True)
class Head:
    """The title, facts by name, and notes."""

    title: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def head_of(comparison: Comparison, notes: Sequence[str]) -> Head:
    """Return the head of a comparison."""
    runs = [run for row in comparison.rows for run in row.runs.values()]
    not_completed = sum(run.get("status") != "completed" for run in runs)
    splits = dict.fromkeys(str(run["split_hash"])[:8] for run in runs if run.get("split_hash"))
    newest = max((str(run.get("started") or "") for run in runs), default="")
    facts = {
        "Runs": f"{len(runs):,}",
        "Rows": f"{len(comparison.rows):,}",
        "Not completed": f"{not_completed:,}",
        "Split" if len(splits) < 2 else "Splits": ", ".join([*splits][:3]) + (" …" if len(splits) > 3 else ""),
        "Newest run": newest[:16].replace("T", " "),
    }
    words = "run" if len(runs) == 1 else "runs"
    kept = tuple((name, printable(value)) for name, value in facts.items() if value)
    return Head(f"Comparison of {len(runs):,} {words}", kept, tuple(map(printable, notes)))
