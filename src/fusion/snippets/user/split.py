"""A table of the user's own rows -> the split of each: as the data says, else by group, every label alike."""

import logging
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa

from fusion.config.data import Folder, Rows
from fusion.config.errors import UserError
from fusion.snippets.dedup import connected_components, near_pairs, signatures
from fusion.snippets.split import PERCENT, check_splits, split_groups

log = logging.getLogger(__name__)

MIN_GROUPS = 3  # one for each split
MAX_COMPARED = 300_000  # rows; near-duplicates of more are not looked for
CHUNK = 4096  # rows compared at once


def assign_splits(table: pa.Table, data: Folder | Rows, duplicates: Counter[str]) -> np.ndarray:
    """Return (N,) of SPLITS, '' for rows left out: as the data says, else whole groups, every label alike."""
    labels, given = table["label"].to_pylist(), np.array(table["split"].to_pylist(), object)
    groups = _join_groups(table)
    keep = _has_one_label(table, labels)
    if (given == "").any() and (given != "").any():
        row = int(np.flatnonzero(given == "")[0])
        raise UserError(f"{table['path'][row].as_py()}: it has no split, others do; give every row one, or none.")
    if (given != "").all():
        completed = _with_val_split(np.where(keep, given, ""), groups, labels, data.seed)
        check_splits(labels, completed.tolist())
        return completed
    own_groups = table["group"].to_pylist()
    thin = _thin_labels(_count(own_groups, labels, keep))
    if _thin_labels(_count(groups, labels, keep)) and not thin:
        log.warning("near-duplicates are most of a label, so they may lie in two splits: its scores will be too good")
        groups = own_groups
    counts = _count(groups, labels, keep)
    several = len(set().union(*counts.values())) > 1
    if several and (still_thin := _thin_labels(counts)):
        raise _too_few(*min((thin or still_thin).items()), duplicates, data.kind)
    split_of = split_groups(counts, data.seed)
    return np.array([split_of[g] if kept else "" for g, kept in zip(groups, keep, strict=True)], object)


def _too_few(label: str, groups: int, duplicates: Counter[str], kind: str) -> UserError:
    """Return the error for a label that cannot be in every split."""
    copies = f" ({duplicates[label]} more are copies of one another)" if duplicates[label] else ""
    how = f" (rename its folder to {'.' + label!r}, for example)" if kind == "folder" else ""
    return UserError(
        f"Label {label!r} has {groups} file(s), row(s) or project(s) of its own{copies}; at least {MIN_GROUPS} are "
        f"needed (train, val, test): add some, or leave that label out{how}."
    )


def _count(groups: list[str], labels: list[str], keep: np.ndarray) -> dict[str, Counter[str]]:
    """Return group -> label -> rows that are kept."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label, kept in zip(groups, labels, keep, strict=True):
        if kept:
            counts[group][label] += 1
    return counts


def _thin_labels(counts: dict[str, Counter[str]]) -> dict[str, int]:
    """Return label -> groups, for the labels that have too few to be in every split."""
    groups_of = Counter(label for labels_of in counts.values() for label in labels_of)
    return {label: groups for label, groups in groups_of.items() if groups < MIN_GROUPS}


def _join_groups(table: pa.Table) -> list[str]:
    """Return the group of each row; groups that share a near-duplicate are one."""
    groups = table["group"].to_pylist()
    first: dict[str, int] = {}
    pairs = [(first.setdefault(group, number), number) for number, group in enumerate(groups)]
    if table.num_rows <= MAX_COMPARED:
        hashes = [signatures(batch["text"].to_pylist()) for batch in table.select(["text"]).to_batches(CHUNK)]
        near = list(near_pairs(np.concatenate(hashes)))
        copies = len({later for first_row, later in near if groups[first_row] != groups[later]})
        if copies:
            log.info("%d near-duplicate(s) of other rows or files; each is in the split of its twin", copies)
        pairs += near
    else:
        log.warning("near-duplicates are not looked for in more than %d rows; give data.group_column", MAX_COMPARED)
    return [groups[root] for root in connected_components(len(groups), pairs)]


def _has_one_label(table: pa.Table, labels: list[str]) -> np.ndarray:
    """Return (N,) bool: False for a text that carries two labels, which says nothing about either."""
    ids = table["id"].to_pylist()
    labels_of: dict[str, set[str]] = defaultdict(set)
    for text, label in zip(ids, labels, strict=True):
        labels_of[text].add(label)
    if clashing := sum(len(found) > 1 for found in labels_of.values()):
        log.warning("%d text(s) carry more than one label and are left out", clashing)
    return np.array([len(labels_of[text]) == 1 for text in ids])


def _with_val_split(given: np.ndarray, groups: list[str], labels: list[str], seed: int) -> np.ndarray:
    """Return the data's own splits; if none of them is val, part of train becomes it, whole groups at a time."""
    names = set(given) - {""}
    if "train" not in names:
        raise UserError(f"The split column has {', '.join(sorted(names))} and no train: nothing to learn from.")
    splits_of: dict[str, set[str]] = defaultdict(set)
    for group, split in zip(groups, given, strict=True):
        splits_of[group].add(split)
    if straddling := sum(len(found - {""}) > 1 for found in splits_of.values()):
        log.warning("%d project(s) or near-duplicates lie in two of the splits that the data gives", straddling)
    if "val" in names:
        return given
    in_train = given == "train"
    split_of = split_groups(_count(groups, labels, in_train), seed)
    log.info("the data has no validation split; %d %% of train is used for it", PERCENT[1])
    to_val = [kept and split_of[group] == "val" for group, kept in zip(groups, in_train, strict=True)]
    return np.where(to_val, "val", given)
