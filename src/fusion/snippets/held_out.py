"""Table -> the same with whole sources held out: does what was learnt from one registry hold on another?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.snippets.snippet import sort_by_split

MIN_PER_LABEL = 100  # snippets of a label, in the held-out sources and outside them
MIN_PROJECTS = 3  # of a label outside them; fewer teach their own habits, and would be all that is measured


def hold_out(table: pa.Table, sources: Sequence[str], max_per_label: int, seed: int) -> pa.Table:
    """Return the table with these sources as its test split, and no other source there.

    The test split has at most `max_per_label` snippets of each label, drawn by the seed. Left out are labels with
    fewer than MIN_PER_LABEL snippets on one side or MIN_PROJECTS projects outside, and projects that are in a held-out
    source and in another one.
    Raises UserError for an unknown source.
    """
    known = sorted(set(table["source"].to_pylist()))
    if missing := sorted(set(sources) - set(known)):
        names = ", ".join(known)
        raise UserError(f"data.held_out={missing[0]} is not a source of these snippets; they come from {names}.")
    in_test = pc.is_in(table["source"], pa.array(list(sources))).to_numpy(zero_copy_only=False)
    groups, labels = (np.array(table[name].to_pylist(), object) for name in ("group", "label"))
    in_train = ~in_test & ~np.isin(groups, list(set(groups[in_test])))
    shared = [
        label
        for label in set(labels)
        if min((labels[in_test] == label).sum(), (labels[in_train] == label).sum()) >= MIN_PER_LABEL
        and len(set(groups[in_train & (labels == label)])) >= MIN_PROJECTS
    ]
    if len(shared) < 2:
        raise UserError(
            f"data.held_out={','.join(sources)} leaves {len(shared)} labels with {MIN_PER_LABEL} snippets on both "
            f"sides and {MIN_PROJECTS} projects outside; hold out another source."
        )
    keep = np.isin(labels, shared) & (in_train | (in_test & (_ranks(labels, in_test, seed) < max_per_label)))
    before = table["split"].to_numpy(zero_copy_only=False)
    split = np.where(in_test, "test", np.where(before == "val", "val", "train"))
    column = pa.array(split, table.schema.field("split").type)
    return sort_by_split(table.set_column(table.column_names.index("split"), "split", column).filter(pa.array(keep)))


def _ranks(labels: np.ndarray, chosen: np.ndarray, seed: int) -> np.ndarray:
    """Return for each chosen row its place, from 0, in a random order of the chosen rows of its label."""
    ranks, counts = np.zeros(len(labels), np.int64), dict.fromkeys(set(labels), 0)
    for row in np.random.default_rng(seed).permutation(np.flatnonzero(chosen)):
        ranks[row] = counts[labels[row]]
        counts[labels[row]] += 1
    return ranks
