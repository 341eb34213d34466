"""A long-lived program that answers lines of JSON with lines of JSON: one process for thousands of texts."""

import json
import queue
import subprocess
import threading
from contextlib import suppress
from typing import Any

from fusion.rivals.rival import Missing

START_SECONDS = 60.0  # a program and its model
ANSWER_SECONDS = 20.0  # one text
MAX_FAILURES = 5  # in a row; more is no matter of a text


class JsonLines:
    """A child process, started with the first question; it ends with `close`, or when this process does.

    A text that it does not answer in time, or that it dies of, has no answer, and another child is started.
    """

    def __init__(self, command: list[str], seconds: float = ANSWER_SECONDS):
        self.command, self.seconds = command, seconds
        self._child: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()  # what it printed; None at its end
        self._failures = 0

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer, {} where there is none. Raises Missing for a program that does not start or work."""
        if self._child is None:
            self._start()
        answer = self._exchange(question, self.seconds)
        self._failures = 0 if answer else self._failures + 1
        if self._failures >= MAX_FAILURES:
            raise Missing(f"it failed on {self._failures} texts in a row")
        return answer

    def _start(self) -> None:
        pipe = subprocess.PIPE
        try:
            child = subprocess.Popen(
                self.command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, encoding="utf-8", errors="replace",
                process_group=0,  # Ctrl-C is for this process, which then ends the child
            )  # fmt: skip
        except OSError as error:
            raise Missing(f"{self.command[0]} does not start ({error.strerror})") from error
        self._child, self._lines = child, queue.Queue()
        threading.Thread(target=_read, args=(child, self._lines), daemon=True).start()
        if not self._exchange({"text": "x = 1\n"}, START_SECONDS):  # loads and compiles; not counted
            raise Missing(f"{self.command[0]} does not answer")

    def _exchange(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self._child is not None and self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(question) + "\n")  # ASCII: lone surrogates too
            self._child.stdin.flush()
            answer = json.loads(self._lines.get(timeout=seconds) or "")
            if isinstance(answer, dict):
                return answer
        except (OSError, ValueError, queue.Empty):
            pass
        self.close(0)
        return {}

    def close(self, seconds: float = 5.0) -> None:
        """End the child: its input ends, and after some seconds it is killed."""
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(OSError):
            assert child.stdin is not None
            child.stdin.close()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _read(child: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    """Hand on what a child prints, line by line; a pipe cannot be waited for with a limit, a queue can."""
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            lines.put(line)
    lines.put(None)
