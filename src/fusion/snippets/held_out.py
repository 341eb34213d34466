"""Whole sources held out: does what was learnt from one registry hold on another?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.snippets.snippet import in_order

FEWEST = 100  # snippets of a label that both sides must have


def hold_out(table: pa.Table, held: Sequence[str], most: int, seed: int) -> pa.Table:
    """The table with the sources `held` as its test side, and no other source there.

    Of each label at most `most` snippets are judged, drawn by the seed. Left out are labels that one side hardly
    has, and the projects of the other sources that a held one shows too. Raises UserError for an unknown source.
    """
    known = sorted(set(table["source"].to_pylist()))
    if missing := sorted(set(held) - set(known)):
        names = ", ".join(known)
        raise UserError(f"data.held_out={missing[0]} is not a source of these snippets; they come from {names}.")
    judged = pc.is_in(table["source"], pa.array(list(held))).to_numpy(zero_copy_only=False)
    groups, labels = (np.array(table[name].to_pylist(), object) for name in ("group", "label"))
    judged_labels, learnt = labels[judged], ~judged & ~np.isin(groups, list(set(groups[judged])))
    shared = [
        label for label in set(labels) if min((judged_labels == label).sum(), (labels[learnt] == label).sum()) >= FEWEST
    ]
    if len(shared) < 2:
        raise UserError(
            f"data.held_out={','.join(held)} leaves {len(shared)} labels with {FEWEST} snippets on both sides; hold "
            "out another source."
        )
    rank = _rank(labels, judged, seed)
    kept = np.isin(labels, shared) & (learnt | (judged & (rank < most)))
    before = table["split"].to_numpy(zero_copy_only=False)
    split = np.where(judged, "test", np.where(before == "val", "val", "train"))
    column = pa.array(split, table.schema.field("split").type)
    return in_order(table.set_column(table.column_names.index("split"), "split", column).filter(pa.array(kept)))


def _rank(labels: np.ndarray, judged: np.ndarray, seed: int) -> np.ndarray:
    """For each judged row its place, from 0, in a random order of the judged rows of its label."""
    rank, met = np.zeros(len(labels), np.int64), dict.fromkeys(set(labels), 0)
    for row in np.random.default_rng(seed).permutation(np.flatnonzero(judged)):
        rank[row] = met[labels[row]]
        met[labels[row]] += 1
    return rank
