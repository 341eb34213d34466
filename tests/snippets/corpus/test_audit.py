"""The audit finds what dedup would have dropped, by the same measure."""

import pytest

from fusion.snippets import dedup
from fusion.snippets.corpus import audit
from fusion.snippets.snippet import Snippet, to_table

TEXT = "\n".join(f"value_{name} = compute({name}, other_{name})" for name in "abcdefghijklmnopqrst")
SPLIT = {"train": "train", "val": "val", "test": "test"}


def table(**texts: list[str]):
    rows = [Snippet(text, "ab"[n % 2], group) for group, found in texts.items() for n, text in enumerate(found)]
    return to_table(rows, SPLIT)


def test_what_train_knows_is_counted_once_exactly_and_nearly() -> None:
    strangers = [f"let {name} = await fetch('/{name}').json(); send({name}{n})" for n, name in enumerate("xyz")]
    near = TEXT.replace("value_c", "result_c")
    found = audit.overlap(
        table(train=[TEXT, strangers[0]], val=[TEXT.replace("\n", "\n\n"), strangers[1]], test=[near])
    )
    assert (found.exact, found.near, found.evaluated) == (1, 2, 3) and found.share == pytest.approx(2 / 3)
    assert audit.overlap(table(train=[TEXT], test=strangers)).near == 0


def test_it_measures_as_dedup_does(monkeypatch) -> None:
    assert audit.jaccard_similarity is dedup.jaccard_similarity
    monkeypatch.setattr(audit, "jaccard_similarity", lambda *_: 0.0)
    assert audit.overlap(table(train=[TEXT], test=[TEXT])).near == 0, "each pair is verified on its texts"


def test_a_project_in_two_splits_is_counted() -> None:
    rows = table(train=["a", "b"], test=["c", "d"])
    assert audit.straddling(rows) == 0
    groups = rows.schema.get_field_index("group")
    assert audit.straddling(rows.set_column(groups, "group", [["one"] * 4])) == 1


def test_lengths_and_labels() -> None:
    rows = table(train=["\n" * 4, "\n" * 5], test=["\n" * 39])
    assert audit.by_length(rows) == {"1-5": 1, "6-15": 1, "16-40": 1}
    first, second = audit.by_label(rows)
    assert (first["label"], first["projects"], first["snippets"], first["test"]) == ("a", 2, 2, 1)
    assert (second["train"], second["val"], second["lines"]) == (1, 0, 6)
