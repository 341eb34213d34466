"""Projects -> train, val, test: whole projects, every label as near to 70/15/15 as they allow."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.snippets.snippet import SPLITS, in_order, split_hash

log = logging.getLogger(__name__)

SHARES = np.array([70, 15, 15])  # train, val, test; percent
WEIGHTS = np.array([3, 14, 14])  # proportional to 1 / SHARES
WHOLE = 100_000  # a label's snippets, all together: counted in whole numbers, so that every machine adds up alike
TRIES = 300  # random orders of up to a thousand projects; fewer of more
MISSING = 10_000_000  # cost of a label that a split lacks altogether


def split_table(table: pa.Table, seed: int) -> pa.Table:
    """Table with labels and groups -> the same rows in order, each with the split of its group."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(table["group"].to_pylist(), table["label"].to_pylist(), strict=True):
        counts[group][label] += 1
    split_of = split_groups(counts, seed)
    splits = pa.array([split_of[group] for group in table["group"].to_pylist()], pa.string())
    return in_order(table.set_column(table.schema.get_field_index("split"), table.schema.field("split"), splits))


def describe(table: pa.Table) -> str:
    """'18232 snippets of 45 projects, split by project 0.70/0.15/0.15 (hash): C 1200, ...', for the log."""
    counts = Counter(table["label"].to_pylist())
    sides = Counter(table["split"].to_pylist())
    shares = ", ".join(f"{sides[side]} {side}" for side in SPLITS)
    listed = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())[:60])
    return (
        f"{table.num_rows} snippets of {pc.count_distinct(table['group']).as_py()} projects, split by project into "
        f"{shares} ({split_hash(table)}): {listed}"
    )


def split_groups(counts: Mapping[str, Mapping[str, int]], seed: int = 0) -> dict[str, str]:
    """group -> label -> snippets, into group -> split.

    A project is never cut. Among TRIES seeded orders, each filled greedily with the largest projects
    first, the one is taken in which no label lacks a split (if that can be had) and the shares are
    nearest to SHARES.
    """
    if not counts:
        return {}
    groups = sorted(counts)
    labels = {label: number for number, label in enumerate(sorted({x for held in counts.values() for x in held}))}
    table = np.zeros((len(groups), len(labels)), np.int64)  # (G, C)
    for row, group in enumerate(groups):
        for label, count in counts[group].items():
            table[row, labels[label]] = count
    share = -(-table * WHOLE // table.sum(0))  # of each label, per project; rounded up, so that none is nothing
    rng = np.random.default_rng(seed)
    best_cost, best = None, np.zeros(len(groups), int)
    for _ in range(max(1, min(TRIES, TRIES * 1000 // len(groups)))):
        noise = rng.integers(300, 1000, len(groups))
        chosen = _fill(share, np.argsort(-share.max(1) * noise, kind="stable"), rng.permutation(3))
        cost = _cost(share, chosen)
        if best_cost is None or cost < best_cost:
            best_cost, best = cost, chosen
    return {group: SPLITS[side] for group, side in zip(groups, best, strict=True)}


def check_sides(labels: Sequence[str], splits: Sequence[str]) -> None:
    """Says which labels are judged and never learnt. Raises UserError when none of the test side's is learnt."""
    held: dict[str, set[str]] = defaultdict(set)
    for label, split in zip(labels, splits, strict=True):
        held[split].add(label)
    for side in ("val", "test"):
        strange = sorted(held[side] - held["train"])
        some = ", ".join(map(repr, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        if strange and side == "test" and not held[side] & held["train"]:
            raise UserError(f"No label of the test side ({some}) is in train, so every answer would be wrong; "
                            "correct the split, or leave it to fusion (data.split_column=null).")  # fmt: skip
        if strange:
            log.warning("the %s side has %s, which train has not: these rows cannot be told right", side, some)


def _fill(share: np.ndarray, order: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Each project in turn to the side that still lacks most of its labels; (G,) of 0, 1, 2."""
    lacking = SHARES[ties, None] * (share.sum(0) // 100)  # (3, C)
    weights = WEIGHTS[ties, None]
    chosen = np.zeros(len(share), int)
    for group in order:
        side = int(np.argmax((lacking * weights) @ share[group]))
        chosen[group] = ties[side]
        lacking[side] -= share[group]
    return chosen


def _cost(share: np.ndarray, chosen: np.ndarray) -> int:
    held = np.stack([share[chosen == side].sum(0) for side in range(3)])  # (3, C)
    return int(np.abs(held - SHARES[:, None] * (share.sum(0) // 100)).sum() + MISSING * (held == 0).sum())
