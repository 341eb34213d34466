"""The tables that `fusion compare --table` prints, by name."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fusion.results.ladder import rungs
from fusion.results.originals import beside_originals
from fusion.results.ranking import ranked
from fusion.results.table import Table

TABLES: dict[str, Callable[[Sequence[Path], Path | None], Table]] = {
    "results": ranked,
    "rakuten": partial(beside_originals, "rakuten"),
    "heig": partial(beside_originals, "heig"),
    "notebook": partial(beside_originals, "notebook"),
    "ladder": rungs,
}
