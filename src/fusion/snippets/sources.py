"""conf/data -> the snippet table: built from pinned packages, or read from the user's own data."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.data import DataOptions, Packages
from fusion.config.errors import UserError
from fusion.config.paths import usable
from fusion.snippets.corpus.build import Progress, build
from fusion.snippets.held_out import hold_out
from fusion.snippets.snippet import split_hash
from fusion.snippets.user.load import load_user_data

__all__ = ["Progress", "load", "no_progress", "split_hash"]


JUDGED = 400  # most snippets of a label that a source held out is judged by


def no_progress(items: Any, _title: str, _total: int) -> Any:
    return items


def load(data: DataOptions, cache: Path, progress: Progress = no_progress) -> pa.Table:
    """Return the table that the options describe: the columns of SCHEMA, in order (see snippet.in_order).

    Raises UserError when there is nothing to learn from.
    """
    cache = usable(cache)
    table = build(data, cache, progress).table if isinstance(data, Packages) else load_user_data(data, cache, progress)
    labels = pc.unique(table["label"]).to_pylist()
    if len(labels) < 2:
        held = f"only the label {labels[0]!r}" if labels else "no snippets"
        typed = data.set if isinstance(data, Packages) else data.kind
        raise UserError(f"There is nothing to tell apart: data={typed} holds {held}; at least 2 labels are needed.")
    if data.held_out:
        table = hold_out(table, data.held_out, JUDGED, data.seed)
    return limit(table, data.limit, data.seed) if data.limit else table


def limit(table: pa.Table, most: int, seed: int) -> pa.Table:
    """At most `most` rows, every (split, label) thinned alike, never below one row; seeded."""
    if table.num_rows <= most:
        return table
    rng = np.random.default_rng(seed)
    order = rng.permutation(table.num_rows)
    cells: dict[tuple[str, str], list[int]] = defaultdict(list)
    splits, labels = table["split"].to_pylist(), table["label"].to_pylist()
    for row in order:
        cells[splits[row], labels[row]].append(row)
    share = most / table.num_rows
    kept = [row for cell in cells.values() for row in cell[: max(1, round(share * len(cell)))]]
    return table.take(sorted(kept))
