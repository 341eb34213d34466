"""What cells are sorted by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.results.report.cells import shorten, sort_key


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("0.812 ± 0.004", 0.812), ("0.812 [0.80, 0.83]", 0.812), ("12,345", 12345), ("+0.010 [-0.01, +0.03] tie", 0.01),
        ("-0.5", -0.5), ("−0.5", -0.5), ("<0.001", 0.001), ("0.650–0.850", 0.65), ("640×448", 640), ("640x448", 640),
        ("95 %", 95), ("95%", 95), ("1e-05", 1e-05), ("7", 7), (" 7 ", 7),
        ("", None), ("reference", None), ("20261126-173459-0e9c05", None), ("1-2", None), ("3rd", None), ("nan", None),
        ("inf", None), ("1.2.3", None), ("12,34", None), ("1e999", None), ("[640,448]", None), ("$x$", None),
    ],
)  # fmt: skip
def test_numbers_are_told_from_words(cell: str, key: float | None) -> None:
    assert sort_key(cell) == key


@given(
    st.floats(-1e12, 1e12), st.sampled_from(["{:.3f}", "{:+.4f}", "{:,.0f}", "{!r}", "{:.2f} ± 0.1", "{:.1f} [0, 1]"])
)
def test_every_number_is_read_as_it_is_written(value: float, form: str) -> None:
    written = form.format(value)
    assert sort_key(written) == float(written.split(" ")[0].replace(",", ""))


@given(st.text())
def test_no_cell_fails(cell: str) -> None:
    assert sort_key(cell) is None or isinstance(sort_key(cell), float)


@given(st.text(), st.integers(4, 40))
def test_what_is_shortened_keeps_both_ends(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(short) <= most
    assert short == text if len(text) <= most else (short[0], short[-1]) == (text[0], text[-1]) and "…" in short
