"""Projects -> train, val, test: whole projects, every label as near to 70/15/15 as they allow."""

from collections.abc import Mapping

import numpy as np

from fusion.snippets.snippet import SPLITS

SHARES = (0.70, 0.15, 0.15)  # train, val, test
TRIES = 300  # random orders; the best one is kept
MISSING = 100.0  # cost of a label that a split lacks altogether


def split_groups(counts: Mapping[str, Mapping[str, int]], seed: int = 0) -> dict[str, str]:
    """group -> label -> snippets, into group -> split.

    A project is never cut. Among TRIES seeded orders, each filled greedily with the largest projects
    first, the one is taken in which no label lacks a split (if that can be had) and the shares are
    nearest to SHARES.
    """
    groups = sorted(counts)
    labels = sorted({label for per_label in counts.values() for label in per_label})
    table = np.array([[counts[g].get(label, 0) for label in labels] for g in groups], float)  # (G, C)
    share = table / table.sum(0)  # of each label, per project
    rng = np.random.default_rng(seed)
    best_cost, best = np.inf, np.zeros(len(groups), int)
    for _ in range(TRIES):
        noise = rng.uniform(0.3, 1.0, len(groups))
        chosen = _fill(share, np.argsort(-share.max(1) * noise, kind="stable"), rng)
        cost = _cost(share, chosen)
        if cost < best_cost:
            best_cost, best = cost, chosen
    return {group: SPLITS[side] for group, side in zip(groups, best, strict=True)}


def _fill(share: np.ndarray, order: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each project in turn to the side that still lacks most of its labels; (G,) of 0, 1, 2."""
    lacking = np.tile(np.array(SHARES)[:, None], (1, share.shape[1]))  # (3, C)
    chosen = np.zeros(len(share), int)
    for group in order:
        need = (lacking / np.array(SHARES)[:, None] * share[group]).sum(1)
        chosen[group] = np.argmax(need + rng.uniform(0, 1e-3, 3))
        lacking[chosen[group]] -= share[group]
    return chosen


def _cost(share: np.ndarray, chosen: np.ndarray) -> float:
    held = np.stack([share[chosen == side].sum(0) for side in range(3)])  # (3, C)
    return float(np.abs(held - np.array(SHARES)[:, None]).sum() + MISSING * (held == 0).sum())
