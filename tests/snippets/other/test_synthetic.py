"""Texts made by rule: the same for the same number, and whole variants and kinds held out."""

from collections import Counter

from fusion.snippets.other.made import VARIANTS
from fusion.snippets.other.synthetic import HELD_OUT, made_snippets, made_text, unseen_kinds, variant_splits


def test_each_maker_gives_lines_that_can_be_stored() -> None:
    for kind, variants in VARIANTS.items():
        for variant in variants:
            texts = [made_text(kind, variant, number, seed=0) for number in range(30)]
            assert len(set(texts)) > 20, (kind, variant)
            for text in texts:
                assert text.strip() and text.encode() and "\0" not in text and text.count("\n") < 44, (kind, variant)


def test_a_text_depends_on_seed_and_number_alone() -> None:
    assert made_text("log", "syslog", 3, 0) == made_text("log", "syslog", 3, 0) != made_text("log", "syslog", 3, 1)
    few, many = [list(made_snippets(count, seed=0)) for count in (60, 120)]
    assert {snippet.path: snippet.text for snippet, _ in few}.items() <= {s.path: s.text for s, _ in many}.items()


def test_variants_and_kinds_are_held_out_whole() -> None:
    splits, unseen = variant_splits(0), unseen_kinds(0)
    assert Counter(unseen.values()) == HELD_OUT
    for kind in VARIANTS:
        of_kind = [split for (name, _), split in splits.items() if name == kind]
        assert set(of_kind) == ({unseen[kind]} if kind in unseen else {"train", "val", "test"}), kind
    side: dict[str, set[str]] = {}
    for snippet, split in made_snippets(200, seed=0):
        side.setdefault(snippet.group, set()).add(split)
    assert all(len(found) == 1 for found in side.values()) and len(side) == len(splits)
