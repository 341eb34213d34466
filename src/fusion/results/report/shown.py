"""A block -> the rows that charts show: the best, by names that tell them apart, and the two that are compared."""

from collections import Counter
from dataclasses import dataclass

from fusion.console import printable
from fusion.results.comparison import Block, Row, Standing

MOST = 8  # rows of a chart: more are not told apart


@dataclass(frozen=True, eq=False)
class Shown:
    """The best rows of a block, best on validation first; a reference that was asked for is always among them."""

    rows: tuple[Row, ...]
    standings: tuple[Standing, ...]
    names: tuple[str, ...]
    best: Row | None  # the first whose answers can be read
    other: Row | None  # the reference or, where that is the best, the next on the same snippets
    left_out: int  # completed rows that are not shown

    def name(self, row: Row) -> str:
        """Return the name of one of the rows."""
        return self.names[next(number for number, each in enumerate(self.rows) if each is row)]

    @property
    def note(self) -> str:
        """Return a sentence on what is left out; '' where that is nothing."""
        return (
            f" Shown are the best {len(self.rows)} of {len(self.rows) + self.left_out} rows." if self.left_out else ""
        )


def shown(block: Block) -> Shown:
    """Return the rows of a block that charts show."""
    completed = [(row, one) for row, one in zip(block.rows, block.standings, strict=True) if row.completed]
    kept = completed[:MOST]
    asked = next((pair for pair in completed[MOST:] if pair[0] is block.reference), None)
    if asked is not None:
        kept[-1] = asked
    rows = tuple(row for row, _ in kept)
    best = next((row for row in rows if row.rows is not None), None)
    return Shown(
        rows, tuple(one for _, one in kept), _names(rows), best, _other(rows, best, block.reference),
        len(completed) - len(kept),
    )  # fmt: skip


def _other(rows: tuple[Row, ...], best: Row | None, reference: Row | None) -> Row | None:
    if best is None:
        return None
    same = [row for row in rows if row is not best and row.rows is best.rows]
    return next((row for row in same if row is reference), same[0] if same else None)


def _names(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Return the names of rows; of those that have the same the end of their first folder is added."""
    count = Counter(row.name for row in rows)
    told = (row.name if count[row.name] == 1 else f"{row.name} ({next(iter(row.runs)).name[-6:]})" for row in rows)
    return tuple(map(printable, told))
