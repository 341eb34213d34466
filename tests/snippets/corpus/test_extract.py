"""Files -> windows: bands, caps and pending headers; the same whatever happens around it."""

from hypothesis import given
from hypothesis import strategies as st

from fusion.snippets.corpus.extract import decode, decode_marked, extract, whitespace_normalised_hash
from fusion.snippets.corpus.windows import LENGTH_BANDS


def module(name: str, lines: int) -> bytes:
    """Python functions of so many lines, no two alike."""
    made = []
    for n in range(60):
        body = "\n".join(f"    total_{n}_{i} = first * {n} + second[{i}]" for i in range(lines))
        made.append(f"def {name}_{n}(first, second):\n{body}\n\n\n")
    return "".join(made).encode()


FILES = [("pack-1.0/src/steps.py", module("step", 4)), ("pack-1.0/src/walks.py", module("walk", 20))]


def test_the_three_bands_are_all_cut() -> None:
    found = extract(FILES, {"Python"}, 400, seed=0).windows["Python"]
    lengths = [window.text.count("\n") + 1 for window in found]
    for band in LENGTH_BANDS:
        assert any(band.min_lines <= length <= band.max_lines for length in lengths)


def test_the_cap_keeps_the_lowest_ranks() -> None:
    every = extract(FILES, {"Python"}, 400, seed=0).windows["Python"]
    few = extract(FILES, {"Python"}, 5, seed=0).windows["Python"]
    assert few == every[:5] and [window.rank for window in every] == sorted(window.rank for window in every)
    assert extract(FILES, {"Python"}, 5, seed=1).windows["Python"] != few


def test_a_text_is_taken_once() -> None:
    copies = [*FILES, ("pack-1.0/copy/steps.py", FILES[0][1])]
    texts = [" ".join(window.text.split()) for window in extract(copies, {"Python"}, 400, seed=0).windows["Python"]]
    assert len(texts) == len(set(texts))


def test_pending_headers_join_the_language_of_the_package() -> None:
    header = "\n".join(f"int step_{n}(int first, struct state_{n} *second);" for n in range(30)).encode()
    code = "\n".join(f"namespace n{n} {{ int twice(int x) {{ return x * {n}; }} }}" for n in range(60)).encode()
    found = extract([("p/a.h", header), ("p/a.cc", code)], {"C", "C++"}, 400, seed=0)
    assert set(found.windows) == {"C++"} and found.files["C++"] == 2
    assert set(extract([("p/a.h", header)], {"C", "C++"}, 400, seed=0).windows) == {"C"}
    assert not extract([("p/a.h", header), ("p/a.cc", code)], {"C"}, 400, seed=0).windows


@given(st.binary(max_size=300))
def test_decoding_never_fails(data: bytes) -> None:
    text = decode(data)
    assert text is None or "\r" not in text


def test_decoding() -> None:
    assert decode(b"\xef\xbb\xbfa\r\nb\rc") == "a\nb\nc"
    assert decode("ä".encode("latin-1")) == "ä"
    assert decode(b"\x7fELF\0\0") is None


def test_texts_that_differ_in_white_space_share_a_hash() -> None:
    assert (
        whitespace_normalised_hash("a  b\n") == whitespace_normalised_hash("a\tb") != whitespace_normalised_hash("ab")
    )
    assert len(whitespace_normalised_hash("\ud800")) == 16


def test_a_byte_order_mark_names_the_encoding() -> None:
    assert [decode_marked("a\r\nä".encode(name)) for name in ("utf-8", "utf-16", "utf-32")] == ["a\nä"] * 3
    assert decode_marked(b"\xff\xfe\x00\xd8") is None
