"""Answers are asked for once: by tool, version and text, whatever ends the asking."""

from dataclasses import replace
from itertools import count

import pytest

from fusion.rivals.answers import answers, key_of
from fusion.rivals.rival import Answer, Missing, Rival, best_labels, first_labels


def at_once(items, _title, _total):
    return items


class Counting:
    """A tool that knows how often it was asked, and fails at a text if it is told so."""

    def __init__(self, fails_on=None):
        self.asked, self.fails_on = [], fails_on

    def __call__(self, text):
        if text == self.fails_on:
            raise Missing("it broke")
        self.asked.append(text)
        return Answer((text.upper(), "other"), 0.5, 1.25)


def rival(call, name="loud", version="1"):
    return Rival(name, version, 1.0, call)


def test_a_second_run_asks_nothing_again(tmp_path):
    tool = Counting()
    first = answers(rival(tool), ["a", "b", "a"], tmp_path, at_once)
    assert tool.asked == ["a", "b"] and [one.labels for one in first] == [
        ("A", "other"),
        ("B", "other"),
        ("A", "other"),
    ]
    assert answers(rival(tool), ["b", "c", "a"], tmp_path, at_once)[0] == Answer(("B", "other"), 0.5, 1.25)
    assert tool.asked == ["a", "b", "c"]


def test_another_version_is_asked_anew_and_has_a_file_of_its_own(tmp_path):
    tool = Counting()
    for version in ("1", "2", "1"):
        answers(rival(tool, version=version), ["a"], tmp_path, at_once)
    assert tool.asked == ["a", "a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud-1.parquet", "loud-2.parquet"]


def test_the_key_tells_tool_version_and_text_apart():
    base = rival(None)
    others = [(replace(base, name="x"), "t"), (replace(base, version="2"), "t"), (base, "u"), (base, "\ud800")]
    assert len({key_of(base, "t"), *(key_of(tool, text) for tool, text in others)}) == 5


def test_what_was_answered_before_a_failure_is_kept(tmp_path):
    with pytest.raises(Missing):
        answers(rival(Counting(fails_on="c")), ["a", "b", "c", "d"], tmp_path, at_once)
    tool = Counting()
    answers(rival(tool), ["a", "b", "c", "d"], tmp_path, at_once)
    assert tool.asked == ["c", "d"]
    assert [path.name for path in tmp_path.iterdir()] == ["loud-1.parquet"], "no half file is left"


def test_answers_are_saved_now_and_then_on_the_way(tmp_path, monkeypatch):
    clock = count(step=20)
    monkeypatch.setattr("fusion.rivals.answers.time.monotonic", lambda: next(clock))
    sizes = []

    def call(text):
        sizes.append((tmp_path / "loud-1.parquet").exists())
        return Answer((text,))

    answers(rival(call), ["a", "b", "c", "d"], tmp_path, at_once)
    assert sizes == [False, False, True, True]


def test_a_file_that_cannot_be_read_is_written_again(tmp_path):
    (tmp_path / "loud-1.parquet").write_bytes(b"PAR1 and no more")
    tool = Counting()
    for _ in range(2):
        answers(rival(tool), ["a"], tmp_path, at_once)
    assert tool.asked == ["a"]


def test_an_answer_without_labels_is_one_too(tmp_path):
    asked = []
    silent = rival(lambda text: asked.append(text) or Answer(()))
    for _ in range(2):
        assert answers(silent, ["a"], tmp_path, at_once) == [Answer(())]
    assert asked == ["a"]


def test_first_label_or_the_best_of_those_that_stand_for_something():
    given = [Answer(("txt", "py", "rb")), Answer(("rb",)), Answer(("txt",)), Answer(())]
    names = {"py": "Python", "rb": "Ruby"}
    assert [*first_labels(given, names)] == ["", "Ruby", "", ""]
    assert [*best_labels(given, names)] == ["Python", "Ruby", "", ""]
