"""A child that answers lines of JSON: Python plays node here."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.rivals.child import JsonLines
from fusion.rivals.rival import Missing

LOOP = "import json, os, sys, time\nfor line in sys.stdin:\n    text = json.loads(line)['text']\n    "
ECHO = LOOP + "print(json.dumps({'labels': [text], 'pid': os.getpid()}), flush=True)"


def child(code: str, seconds: float = 20.0) -> JsonLines:
    return JsonLines([sys.executable, "-c", code], seconds)


@pytest.fixture(scope="module")
def echo():
    echo = child(ECHO)
    yield echo
    echo.close()


@settings(max_examples=100)
@given(st.text(st.characters(codec=None)))
def test_any_text_arrives_as_it_is(echo, text):
    """Line ends of every kind and lone surrogates too."""
    assert echo.ask({"text": text})["labels"] == [text]


def test_one_process_answers_all_and_ends(echo):
    tool = child(ECHO)
    assert tool._child is None, "it starts when it is first asked"
    first = tool.ask({"text": "a"})["pid"]
    assert tool.ask({"text": "b"})["pid"] == first
    process = tool._child
    assert process is not None
    tool.close()
    assert process.returncode == 0, "it ended by itself when its input did"


def test_a_text_that_it_hangs_on_or_dies_of_has_no_answer_and_the_next_one_has():
    hangs = child(LOOP + "time.sleep(60 * (text == 'long')) or print(json.dumps({'labels': ['x']}), flush=True)", 0.5)
    clock = time.monotonic()
    assert hangs.ask({"text": "long"}) == {} and time.monotonic() - clock < 30
    assert hangs.ask({"text": "short"}) == {"labels": ["x"]}
    hangs.close()
    dies = child(LOOP + "text == 'bad' and sys.exit(1) or print(json.dumps({'labels': ['x']}), flush=True)")
    assert dies.ask({"text": "bad"}) == {} and dies.ask({"text": "good"}) == {"labels": ["x"]}
    dies.close()


@pytest.mark.parametrize("printed", ["not JSON", "[1]", "", "null"])
def test_what_is_no_answer_is_none(printed):
    tool = child(LOOP + f"print({printed!r} if text == 'odd' else '{{\"labels\": [1]}}', flush=True)")
    assert tool.ask({"text": "odd"}) == {}
    tool.close()


def test_a_program_that_does_not_start_or_work_says_so():
    with pytest.raises(Missing, match="does not start"):
        JsonLines(["no-such-program"]).ask({"text": "a"})
    with pytest.raises(Missing, match="does not answer"):
        child("raise SystemExit(1)").ask({"text": "a"})
    first_only = child(LOOP + "print('{\"labels\": [1]}' if text == 'x = 1\\n' else '', flush=True)")
    with pytest.raises(Missing, match="failed on 5 texts in a row"):
        for number in range(6):
            assert first_only.ask({"text": f"text {number}"}) == {}
    first_only.close()
