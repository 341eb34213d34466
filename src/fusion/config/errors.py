"""Errors that the user can put right, and the words they are told in."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right. Its text is one sentence; commands print it and exit non-zero."""


def first_line(error: Exception) -> str:
    """Return the first line of what a library's error says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return '' or ' (did you mean densenet121?)', for error messages."""
    close = difflib.get_close_matches(str(word), list(choices), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""
