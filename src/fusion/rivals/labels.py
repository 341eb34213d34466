"""data/rival_labels.yaml, what each tool calls our languages -> what its labels are in the labels of a run."""

from collections.abc import Iterable
from functools import cache

import yaml

from fusion.config.errors import UserError
from fusion.config.paths import DATA_DIR
from fusion.languages import find_language

FILE = DATA_DIR / "rival_labels.yaml"


@cache
def read_labels() -> dict[str, dict[str, list[str]]]:
    """Return by tool and language of ours the labels of the tool that stand for it."""
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def translation(tool: str, classes: Iterable[str]) -> dict[str, str]:
    """Return the label of the run that each of a tool's labels stands for; one that is not there stands for none."""
    label_of = by_language(classes)
    return {
        label: label_of[language]
        for language, labels in read_labels()[tool].items()
        for label in labels
        if language in label_of
    }


def by_language(classes: Iterable[str]) -> dict[str, str]:
    """Labels of a run, such as py or Python -> the language -> that label; labels that are no language are left out."""
    found: dict[str, str] = {}
    for label in classes:
        try:
            found.setdefault(find_language(label).name, label)
        except UserError:
            continue
    return found
