"""Log lines on stderr, errors in one sentence, exit codes, and nothing of others obeyed by the terminal."""

import io
import logging
import os
import signal
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import console
from fusion.config.errors import UserError
from fusion.config.paths import PACKAGE


@pytest.fixture(autouse=True)
def as_before():
    """Signals and the root logger are the process's own: given back after each test."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()  # set_up_logging closes what it finds: pytest's own are put aside
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in console.QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)
    for number, handler in signals.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (3, 3)])
def test_a_commands_answer_is_its_exit_code(answer, code):
    assert console.run(lambda: answer) == code


def test_a_user_error_is_one_line_on_stderr_and_code_1(capsys):
    def main():
        raise UserError("lr=-1 must be above 0.")

    assert console.run(main) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "error: lr=-1 must be above 0.\n")


def test_a_user_error_that_quotes_a_file_name_cannot_drive_the_terminal(capsys):
    def main():
        raise UserError("\x1b]0;owned\x07\u202e.py does not exist.")

    assert console.run(main) == 1
    assert capsys.readouterr().err == "error: \\x1b]0;owned\\x07\\u202e.py does not exist.\n"


def test_a_bug_is_not_hidden():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        console.run(main)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_passes_through_except_exception_and_ends_with_its_code(capsys, number, code):
    def main():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        except Exception:
            return 99

    assert console.run(main) == code
    assert capsys.readouterr().err == f"stopped by {signal.Signals(number).name}\n"


def test_the_second_signal_ends_at_once():
    def main():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    assert console.run(main) == 143


def test_a_reader_that_leaves_is_no_error():
    body = "def main():\n    while True: print('row' * 999)"
    command = [sys.executable, "-c", f"import sys; from fusion.console import run\n{body}\nsys.exit(run(main))"]
    env = {"PYTHONPATH": str(PACKAGE.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_log_lines_go_to_stderr_and_with_detail_to_the_runs_file(tmp_path, capsys):
    console.set_up_logging(tmp_path / "first.log")
    first = logging.getLogger().handlers[-1]
    console.set_up_logging(tmp_path / "run.log")
    assert first.stream is None  # closed
    logging.getLogger("fusion.here").info("epoch 1 of 3")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("mind this", stacklevel=1)
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("epoch 1 of 3\n") == 1
    kept = (tmp_path / "run.log").read_text()
    assert "INFO fusion.here: epoch 1 of 3" in kept and "mind this" in kept
    assert (tmp_path / "first.log").read_text() == ""


def test_the_libraries_are_silent_below_errors(capsys):
    console.set_up_logging()
    logging.getLogger("huggingface_hub").warning("chatter")
    logging.getLogger("huggingface_hub").error("trouble")
    assert capsys.readouterr().err == "trouble\n"


def test_progress_off_a_terminal_is_one_line_and_the_same_items(capsys):
    console.set_up_logging()
    assert list(console.progress(iter("abc"), "Reading", 3)) == ["a", "b", "c"]
    assert list(console.progress([], "Looking", 0)) == []
    assert capsys.readouterr().err == "Reading (3)\nLooking\n"


def test_progress_on_a_terminal_stays_off_stdout(monkeypatch, capsys):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(console.progress(iter("abc"), "Reading", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().out == "" and "Reading" in terminal.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("häuser 日本 ✓", "häuser 日本 ✓"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("safe\u202egnp.exe", "safe\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_printable_shows_what_a_terminal_would_obey(text, shown):
    assert console.printable(text) == shown


@given(st.text(st.characters()))
def test_printable_is_always_one_printable_line_of_utf_8(text):
    shown = console.printable(text)
    assert shown.isprintable()
    shown.encode()
