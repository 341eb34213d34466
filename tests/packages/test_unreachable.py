"""What could not be reached is remembered for six hours, in the cache, and never in the way."""

import time

from fusion.packages import unreachable


def test_a_place_is_remembered_until_it_answers_or_six_hours_have_passed(cache_folder, monkeypatch) -> None:
    assert not unreachable.is_unreachable("pypi")
    unreachable.remember("pypi")
    unreachable.remember("https://hub.example")
    assert unreachable.is_unreachable("pypi") and not unreachable.is_unreachable("npm")
    unreachable.forget("pypi")
    assert not unreachable.is_unreachable("pypi") and unreachable.is_unreachable("https://hub.example")
    now = time.time()
    monkeypatch.setattr(unreachable.time, "time", lambda: now + 6 * 3600 + 1)
    assert not unreachable.is_unreachable("https://hub.example")


def test_a_memory_that_cannot_be_read_or_written_is_none(cache_folder) -> None:
    cache_folder.mkdir()
    for content in ("[]", "no JSON", '{"pypi": "yesterday"}'):
        (cache_folder / "unreachable.json").write_text(content)
        assert not unreachable.is_unreachable("pypi")
    (cache_folder / "unreachable.json").unlink()
    cache_folder.rmdir()
    cache_folder.write_text("a file")
    unreachable.remember("pypi")
    unreachable.forget("pypi")
    assert not unreachable.is_unreachable("pypi")
