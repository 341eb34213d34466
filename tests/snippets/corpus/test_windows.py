"""Text -> blocks -> windows of every length band."""

from hypothesis import given
from hypothesis import strategies as st

from fusion.snippets.corpus.windows import LENGTH_BANDS, MAX_LINES, cut_window, draw_window, windows


@given(st.text(alphabet="ab \n\t{}", max_size=2000), st.integers(0, 9))
def test_windows_are_pieces_of_the_text_and_never_too_long(text: str, seed: int) -> None:
    for number, block in enumerate(windows(text)):
        assert block in text and block.count("\n") < MAX_LINES
        window, band = cut_window(block, draw_window(seed, "a.py", number))
        assert window in block and band in LENGTH_BANDS
        assert window.count("\n") + 1 <= band.max_lines


def test_a_block_ends_at_a_blank_line_before_what_is_not_indented() -> None:
    body = [f"    line {n}" for n in range(12)]
    lines = ["def one():", *body, "", "    still one", "", "def two():", *body]
    assert list(windows("\n".join(lines))) == ["\n".join(lines[:15]), "\n".join(lines[16:])]


def test_what_chance_decides_follows_from_seed_path_and_number() -> None:
    assert draw_window(1, "a.py", 2) == draw_window(1, "a.py", 2)
    assert (
        len({draw_window(*key).rank for key in ((1, "a.py", 2), (2, "a.py", 2), (1, "b.py", 2), (1, "a.py", 3))}) == 4
    )
