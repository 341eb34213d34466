"""Code and Other in one table: the code stays as it is, and nothing of Other is on two sides."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pytest
from tests.packed import c_of, python_of

from fusion.config.data import Packages
from fusion.config.errors import UserError
from fusion.languages import OTHER
from fusion.snippets import sources
from fusion.snippets.corpus.build import build
from fusion.snippets.other.kinds import other_kind
from fusion.snippets.other.mix import DEALT, PER_PROJECT, deal_languages

WORDS = ["the", "page", "is", "of", "that", "manual", "and", "you", "can", "read", "it", "for", "this", "not"]


def built(data: Packages, cache: Path):
    return build(data, cache, sources.no_progress)


def prose_of(name: str) -> str:
    return "\n\n".join(" ".join(f"{WORDS[(i * k) % 14]} {name}{i}" for k in range(1, 9)) + "." for i in range(60))


@pytest.fixture
def with_prose(stocked):
    """The packages of `stocked` and four with prose and data; one of these has code."""
    for name in ("ibis", "jay", "kiwi"):
        rows = ",\n".join(f'  "{name}{i}": "{name} {i * 37}"' for i in range(200))
        stocked(name, {"README.md": prose_of(name), f"{name}.json": f"{{\n{rows}\n}}\n", "a.c": c_of(name)[:600]}, "C")
    stocked("lark", {"README.md": prose_of("lark"), "src/code.py": python_of("lark")}, "Python")
    return stocked


def test_code_stays_as_it_is_and_other_keeps_to_one_side(with_prose, data, cache_folder) -> None:
    plain, mixed = built(data, cache_folder).table, built(replace(data, other=200), cache_folder).table
    is_other = pc.equal(mixed["label"], OTHER)
    assert mixed.filter(pc.invert(is_other)).equals(plain)
    other = mixed.filter(is_other).to_pylist()
    assert 60 < len(other) <= 200
    assert {"prose-en", "json", "log"} <= {other_kind(row["path"]) for row in other}
    assert {row["source"] for row in other} == {"pypi", "made"}
    sides: dict[str, set[str]] = defaultdict(set)
    for row in mixed.to_pylist():
        sides[row["group"]].add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
    assert len(set(mixed["id"].to_pylist())) == mixed.num_rows


def test_a_table_without_other_is_the_one_it_always_was(stocked, data, cache_folder) -> None:
    plain = built(data, cache_folder)
    assert not list(cache_folder.glob("parts/other-*")), "nothing is looked for that is not asked for"
    mixed = built(replace(data, other=50), cache_folder)
    assert mixed.path != plain.path and built(replace(data, other=50), cache_folder).path == mixed.path
    assert built(data, cache_folder).path == plain.path


def test_the_same_options_give_the_same_bytes(with_prose, data, cache_folder) -> None:
    first = built(replace(data, other=200), cache_folder).path
    kept = first.read_bytes()
    for path in (first, *cache_folder.glob("parts/other-*")):
        path.unlink()
    assert built(replace(data, other=200), cache_folder).path.read_bytes() == kept


def test_a_project_gives_only_so_many_of_a_family(stocked, data, cache_folder) -> None:
    stocked("mole", {**{f"{n}.json": f'{{"{n}": "{n * 7919}"}}\n' * 50 for n in range(9)},
                     **{f"{n}.toml": f'key{n} = "{n * 7919} words"\n' * 50 for n in range(9)},
                     **{f"{n}.ini": f"[part{n}]\nname = {n * 7919} words\n" * 50 for n in range(9)},
                     "a.py": python_of("mole")}, "Python")  # fmt: skip
    rows = built(replace(data, other=2000), cache_folder).table.to_pylist()
    assert 0 < sum(row["label"] == OTHER and row["group"] == "mole" for row in rows) <= PER_PROJECT


def test_languages_as_other_are_each_on_one_side(stocked, data, cache_folder) -> None:
    for number, name in enumerate(("owl", "pig", "rat", "yak", "zebu", "asp")):
        stocked(name, {"a.cpp": "namespace x {\n" + c_of(name) + "}\n"}, "C++")
        stocked(f"{name}2", {"a.go": f"package x{number}\n" + c_of(name + "g")}, "Go")
    data = replace(data, other=200, other_languages=("C++", "Go"))
    table = built(data, cache_folder).table
    assert set(table["label"].to_pylist()) == {"C", "Python", OTHER}
    sides: dict[str, set[str]] = defaultdict(set)
    for row in table.to_pylist():
        if row["label"] == OTHER:
            sides[other_kind(row["path"])].add(row["split"])
    assert {len(sides["lang:C++"]), len(sides["lang:Go"])} == {1} and sides["lang:C++"] != sides["lang:Go"]


def test_languages_are_dealt_to_all_sides() -> None:
    dealt = deal_languages([f"lang:{n}" for n in range(12)], seed=0)
    assert sorted(dealt.values()) == sorted(DEALT * 2)
    assert deal_languages(["lang:A"], seed=0) == {"lang:A": "train"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"other_languages": ("C",)}, r"data\.other_languages=C needs data\.other, .* such as 3000"),
        ({"other": 9, "languages": ("C", "Python"), "other_languages": ("C",)}, r"C is in data\.languages and in"),
        ({"other": 9, "other_languages": ("Go",)}, r"data\.other_languages has Go, which the set 'small' does not"),
    ],
)
def test_languages_that_cannot_be_other(stocked, data, cache_folder, changes, told) -> None:
    with pytest.raises(UserError, match=told):
        built(replace(data, **changes), cache_folder)
