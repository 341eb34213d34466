"""What a rival is: a tool with a name and a version that answers texts, one at a time."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass


class Missing(Exception):
    """A tool cannot be had here; its text says why."""


@dataclass(frozen=True)
class Answer:
    """What a tool said of one text: its own labels, best first; none where it did not know."""

    labels: tuple[str, ...]
    score: float = 0.0  # of the first, in the tool's own unit
    milliseconds: float = 0.0  # of one thread's processor time


@dataclass(frozen=True)
class Rival:
    """A tool that is ready to be asked."""

    name: str
    version: str
    megabytes: float  # of its own files, without what it is built on
    answer: Callable[[str], Answer]
    ranks_all: bool = False  # it puts all its labels in an order, so that the best of some of them can be taken


Opening = Callable[[], AbstractContextManager[Rival]]  # raises Missing


def first_labels(answers: Collection[Answer], label_of: Mapping[str, str]) -> Iterator[str]:
    """Yield what the first label of each answer stands for, '' for nothing."""
    for answer in answers:
        yield label_of.get(answer.labels[0], "") if answer.labels else ""


def best_labels(answers: Collection[Answer], label_of: Mapping[str, str]) -> Iterator[str]:
    """Yield what the first label of each answer that stands for anything stands for, '' where none does."""
    for answer in answers:
        yield next((label_of[label] for label in answer.labels if label in label_of), "")
