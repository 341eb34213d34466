"""Texts that teach reading and not guessing."""

import numpy as np

from fusion.pretraining.odd_text import FEW_LINES, MAX_LINES, odd_text, random_line
from fusion.screenshots.charset import PAGE

TEXT = "\n".join(f"    value_{number} = call({number})" for number in range(200))


def test_half_of_a_text_may_become_random_signs_and_none_of_it_need() -> None:
    rng = np.random.default_rng(0)
    plain = [odd_text(TEXT, rng, 0.0).split("\n") for _ in range(20)]
    assert all(line.strip() in TEXT for lines in plain for line in lines[:FEW_LINES])
    odd = [odd_text(TEXT, rng, 1.0).split("\n") for _ in range(20)]
    strange = np.mean([line.strip() not in TEXT for lines in odd for line in lines])
    assert 0.3 < strange < 0.95
    assert all(len(lines) <= MAX_LINES for lines in plain + odd)


def test_random_lines_hold_every_sign_there_is() -> None:
    rng = np.random.default_rng(0)
    signs = set("".join(random_line(rng) for _ in range(20_000)))
    assert signs >= set(PAGE.values()) and any(ord(sign) > 0x3000 for sign in signs)


def test_a_short_text_is_filled_up() -> None:
    lengths = [len(odd_text("x = 1", np.random.default_rng(seed), 0.0).split("\n")) for seed in range(50)]
    assert np.median(lengths) > 3 and min(lengths) >= 1


def test_the_same_seed_gives_the_same_text() -> None:
    assert odd_text(TEXT, np.random.default_rng(4), 0.5) == odd_text(TEXT, np.random.default_rng(4), 0.5)
