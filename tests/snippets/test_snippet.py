"""What chance is keyed by."""

from fusion.snippets.snippet import key_of


def test_a_key_is_the_same_in_every_run_and_its_parts_are_told_apart():
    assert key_of(0, None, "a") == 7541401582174659821
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("abc", 0)}) == 4
    assert key_of("\ud800") != key_of("?")
