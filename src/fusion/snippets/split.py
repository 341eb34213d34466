"""Projects -> train, val, test: whole projects, every label as near to 70/15/15 as they allow."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.snippets.snippet import SPLITS, sort_by_split, split_hash

log = logging.getLogger(__name__)

PERCENT = np.array([70, 15, 15])  # train, val, test
WEIGHTS = np.array([3, 14, 14])  # proportional to 1 / PERCENT
WHOLE = 100_000  # all snippets of a label: shares are whole numbers, so that every machine adds up alike
TRIES = 300  # random orders of up to a thousand projects; fewer of more
MISSING_COST = 10_000_000  # of a label that a split lacks altogether


def split_table(table: pa.Table, seed: int) -> pa.Table:
    """Table with labels and groups -> the same rows, each with the split of its group, sorted by split."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(table["group"].to_pylist(), table["label"].to_pylist(), strict=True):
        counts[group][label] += 1
    split_of = split_groups(counts, seed)
    splits = pa.array([split_of[group] for group in table["group"].to_pylist()], pa.string())
    return sort_by_split(table.set_column(table.schema.get_field_index("split"), table.schema.field("split"), splits))


def describe(table: pa.Table) -> str:
    """Return '900 snippets of 45 projects, split by project into 630 train, ... (hash): C 120, ...', for the log."""
    counts = Counter(table["label"].to_pylist())
    sizes = Counter(table["split"].to_pylist())
    shares = ", ".join(f"{sizes[split]} {split}" for split in SPLITS)
    listed = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())[:60])
    return (
        f"{table.num_rows} snippets of {pc.count_distinct(table['group']).as_py()} projects, split by project into "
        f"{shares} ({split_hash(table)}): {listed}"
    )


def split_groups(counts: Mapping[str, Mapping[str, int]], seed: int = 0) -> dict[str, str]:
    """Snippets of each label by group -> the split of each group.

    A group is never cut. Each of TRIES seeded orders deals the groups out greedily, the largest first; taken is the
    one in which no label lacks a split, if there is one, and the shares are nearest to PERCENT.
    """
    if not counts:
        return {}
    groups = sorted(counts)
    labels = {label: number for number, label in enumerate(sorted({x for held in counts.values() for x in held}))}
    table = np.zeros((len(groups), len(labels)), np.int64)  # (G, C)
    for row, group in enumerate(groups):
        for label, count in counts[group].items():
            table[row, labels[label]] = count
    share = -(-table * WHOLE // table.sum(0))  # (G, C) of each label; rounded up, so that none is nothing
    rng = np.random.default_rng(seed)
    best_cost, best = None, np.zeros(len(groups), int)
    for _ in range(max(1, min(TRIES, TRIES * 1000 // len(groups)))):
        noise = rng.integers(300, 1000, len(groups))
        chosen = _fill(share, np.argsort(-share.max(1) * noise, kind="stable"), rng.permutation(3))
        cost = _cost(share, chosen)
        if best_cost is None or cost < best_cost:
            best_cost, best = cost, chosen
    return {group: SPLITS[number] for group, number in zip(groups, best, strict=True)}


def check_splits(labels: Sequence[str], splits: Sequence[str]) -> None:
    """Warn of labels that are in val or test and not in train. Raises UserError when no label of test is in train."""
    labels_of: dict[str, set[str]] = defaultdict(set)
    for label, split in zip(labels, splits, strict=True):
        labels_of[split].add(label)
    for split in ("val", "test"):
        unknown = sorted(labels_of[split] - labels_of["train"])
        some = ", ".join(map(repr, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        if unknown and split == "test" and not labels_of[split] & labels_of["train"]:
            raise UserError(f"No label of the test split ({some}) is in train, so every answer would be wrong; "
                            "correct the split, or leave it to fusion (data.split_column=null).")  # fmt: skip
        if unknown:
            log.warning("the %s split has %s, which train has not: no answer for these rows can be right", split, some)


def _fill(share: np.ndarray, order: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Deal each group in turn to the split that still lacks most of its labels: (G,) of 0, 1, 2."""
    lacking = PERCENT[ties, None] * (share.sum(0) // 100)  # (3, C)
    weights = WEIGHTS[ties, None]
    chosen = np.zeros(len(share), int)
    for group in order:
        neediest = int(np.argmax((lacking * weights) @ share[group]))
        chosen[group] = ties[neediest]
        lacking[neediest] -= share[group]
    return chosen


def _cost(share: np.ndarray, chosen: np.ndarray) -> int:
    """Return how far the splits are from PERCENT, and MISSING_COST for each label that one of them lacks."""
    dealt = np.stack([share[chosen == split].sum(0) for split in range(3)])  # (3, C)
    return int(np.abs(dealt - PERCENT[:, None] * (share.sum(0) // 100)).sum() + MISSING_COST * (dealt == 0).sum())
