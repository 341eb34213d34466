"""What could not be reached is remembered for a while, place by place, whatever its file holds."""

import json
import time

import pytest

from fusion.packages import unreachable
from fusion.packages.unreachable import REMEMBER_SECONDS, forget, is_unreachable, remember


def test_a_place_is_remembered_by_itself_and_forgotten_when_it_answers(cache_folder) -> None:
    assert not is_unreachable("pypi")
    remember("pypi")
    remember("npm")
    assert is_unreachable("pypi") and is_unreachable("npm") and not is_unreachable("deb")
    forget("pypi")
    forget("deb")
    assert not is_unreachable("pypi") and is_unreachable("npm")


@pytest.mark.parametrize("age", [-60, REMEMBER_SECONDS + 1])
def test_a_note_of_long_ago_or_of_the_future_says_nothing(cache_folder, age: float) -> None:
    remember("pypi")
    (cache_folder / "unreachable.json").write_text(json.dumps({"pypi": time.time() - age}))
    assert not is_unreachable("pypi")


@pytest.mark.parametrize("content", ["", "[]", '{"pypi": "yesterday"}', '{"pypi": null}', "\xff", "{" * 50])
def test_a_damaged_note_says_nothing_and_is_written_anew(cache_folder, content: str) -> None:
    cache_folder.mkdir()
    (cache_folder / "unreachable.json").write_text(content)
    assert not is_unreachable("pypi")
    remember("pypi")
    assert is_unreachable("pypi")


def test_a_cache_that_cannot_be_written_ends_nothing(cache_folder, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("read-only")

    monkeypatch.setattr(unreachable, "write_text", refuse)
    remember("pypi")
    assert not is_unreachable("pypi")
