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
from fusion.snippets.user.load import load_user_data

MAX_HELD_OUT = 400  # snippets of a label in the test split, where whole sources are held out


def no_progress(items: Any, _title: str, _total: int) -> Any:
    """Return the items as they are, and show nothing."""
    return items


def load(data: DataOptions, cache: Path, progress: Progress = no_progress) -> pa.Table:
    """Return the table that the options describe: the columns of SCHEMA, sorted by split.

    Raises UserError when there is nothing to learn from.
    """
    cache = usable(cache)
    table = build(data, cache, progress).table if isinstance(data, Packages) else load_user_data(data, cache, progress)
    labels = pc.unique(table["label"]).to_pylist()
    if len(labels) < 2:
        content = f"only the label {labels[0]!r}" if labels else "no snippets"
        typed = data.set if isinstance(data, Packages) else data.kind
        raise UserError(f"There is nothing to learn: data={typed} has {content}; at least 2 labels are needed.")
    if data.held_out:
        table = hold_out(table, data.held_out, MAX_HELD_OUT, data.seed)
    return limit(table, data.limit, data.seed) if data.limit else table


def limit(table: pa.Table, max_rows: int, seed: int) -> pa.Table:
    """Return at most `max_rows` rows, drawn by the seed: the same share of every label in every split, never none."""
    if table.num_rows <= max_rows:
        return table
    rng = np.random.default_rng(seed)
    rows_of: dict[tuple[str, str], list[int]] = defaultdict(list)
    splits, labels = table["split"].to_pylist(), table["label"].to_pylist()
    for row in rng.permutation(table.num_rows):
        rows_of[splits[row], labels[row]].append(row)
    share = max_rows / table.num_rows
    return table.take(sorted(row for rows in rows_of.values() for row in rows[: max(1, round(share * len(rows)))]))
