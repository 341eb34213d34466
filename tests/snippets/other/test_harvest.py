"""Files of a package -> windows of each kind, capped, and nothing that is code."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tests.packed import python_of

from fusion.snippets.other.harvest import PER_KIND, SCHEMA, harvest, passages

WORDS = ["the", "page", "is", "of", "that", "manual", "and", "you", "can", "read", "it", "for", "this", "not"]
PROSE = "\n".join(" ".join(WORDS[(i * k) % 14] for k in range(1, 12)) + f" number {i}." for i in range(300))
FILES = [
    ("pack-1.0/README.md", f"# Title\n\n{PROSE}\n```py\nimport secret\n```\n"),
    ("pack-1.0/package.json", "{\n" + ",\n".join(f'  "key{i}": "value {i}"' for i in range(400)) + "\n}\n"),
    (
        "pack-1.0/locale/de.js",
        "x = {" + ",\n".join(f"a{i}: 'Der Satz und das Wort {i} nicht'" for i in range(90)) + "}",
    ),
    ("pack-1.0/src/code.py", python_of("ant")),
    ("pack-1.0/fix.patch", "no patch at all, whatever it is called\n" * 3),
    ("pack-1.0/data.csv", "\0\1\2"),
]
FILES += [(f"pack-1.0/docs/{n}.rst", PROSE) for n in range(9)]


def packed(files: list[tuple[str, str]]) -> list[tuple[str, bytes]]:
    return [(path, text.encode()) for path, text in files]


def test_kinds_are_found_and_capped() -> None:
    table = harvest(packed(FILES), seed=0)
    assert table.schema == SCHEMA
    counts = Counter(table["kind"].to_pylist())
    assert counts == {"prose-en": PER_KIND, "json": 2, "prose-de": 2}
    for text in table["text"].to_pylist():
        assert "secret" not in text and 1 <= text.count("\n") + 1 <= 40


def test_a_seed_chooses_and_the_rest_of_the_package_does_not() -> None:
    first = harvest(packed(FILES), seed=0)
    assert harvest(packed(FILES), seed=0) == first != harvest(packed(FILES), seed=1)
    alone = harvest(packed(FILES[1:2]), seed=0)["text"].to_pylist()
    assert alone == [row["text"] for row in first.to_pylist() if row["kind"] == "json"]


@given(
    st.sampled_from(["a/README.md", "a/x.json", "a/po/de.po", "a/locale/ru.js", "a/x.csv", "a/Makefile"]), st.binary()
)
def test_no_file_breaks_it(path, data) -> None:
    for kind, text in passages(path, data):
        assert kind and isinstance(text.encode(), bytes)
