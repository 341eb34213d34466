"""Projects -> splits: never cut, every label in every split if that can be had, the same on every machine."""

from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.snippets.snippet import SPLITS, Snippet, select_split, split_hash, to_table
from fusion.snippets.split import split_groups, split_table

COUNTS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["C", "NA", "01", "[/]"]), st.integers(1, 500), min_size=1),
    min_size=1,
    max_size=14,
)


@settings(max_examples=15)
@given(COUNTS, st.integers(0, 3))
def test_every_group_gets_one_side_and_chance_is_the_seed(counts, seed: int) -> None:
    split = split_groups(counts, seed)
    assert set(split) == set(counts) and set(split.values()) <= set(SPLITS)
    assert split == split_groups(dict(reversed(counts.items())), seed)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 400), min_size=3, max_size=12))
def test_a_label_with_three_projects_is_on_every_side(sizes: list[int]) -> None:
    counts = {f"p{n}": {"C": size} for n, size in enumerate(sizes)}
    assert set(split_groups(counts).values()) == set(SPLITS)


def test_shares_are_near_seventy_fifteen_fifteen() -> None:
    counts = {f"p{n}": {"C": 10, "Java": 10 * (n % 2)} if n % 2 else {"C": 10} for n in range(400)}
    held = Counter(split_groups(counts).values())
    assert abs(held["train"] - 280) <= 8 and abs(held["val"] - 60) <= 8


def test_many_single_rows_are_split_as_evenly() -> None:
    counts = {f"row {n}": {f"label {n % 7}": 1} for n in range(7000)}
    split = split_groups(counts)
    for label in range(7):
        held = Counter(split[f"row {n}"] for n in range(7000) if n % 7 == label)
        assert abs(held["train"] - 700) <= 10 and abs(held["test"] - 150) <= 10


def test_this_split_is_the_same_on_every_machine() -> None:
    counts = {f"p{n}": {"C": 1 + 7 * n % 31, "Go": 1 + 11 * n % 17} for n in range(20)}
    letters = "".join(split_groups(counts, 1)[f"p{n}"][1] for n in range(20))
    assert letters == PINNED


PINNED = "ararrearrrraerrrerrr"


def test_a_table_is_sorted_and_its_hash_does_not_depend_on_that() -> None:
    snippets = [Snippet(f"text {n}", "ab"[n % 2], f"group {n % 9}") for n in range(90)]
    table = split_table(to_table(snippets, {s.group: "" for s in snippets}), seed=0)
    assert table["split"].to_pylist() == sorted(table["split"].to_pylist(), key=SPLITS.index)
    parts = {name: select_split(table, name) for name in SPLITS}
    assert sum(part.num_rows for part in parts.values()) == 90
    assert all(set(part["split"].to_pylist()) == {name} for name, part in parts.items())
    groups = {name: set(part["group"].to_pylist()) for name, part in parts.items()}
    assert not groups["train"] & groups["test"] and not groups["train"] & groups["val"]
    assert split_hash(table) == split_hash(table.take(list(range(89, -1, -1))))
    other = table.set_column(4, "split", pa.array(["train"] * 90))
    assert split_hash(other) != split_hash(table)
