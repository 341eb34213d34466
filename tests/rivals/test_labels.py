"""data/rival_labels.yaml: labels that tools really have, each for one language of ours."""

from collections import Counter

import pytest
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class, get_all_lexers

from fusion.languages import LANGUAGES
from fusion.rivals.judge import RIVALS
from fusion.rivals.labels import by_language, read_labels, translation

TOOLS = sorted(read_labels())


def test_every_tool_that_can_be_asked_has_its_labels():
    assert set(TOOLS) == set(RIVALS) - {"linguist"}  # which is not asked yet


@pytest.mark.parametrize("tool", TOOLS)
def test_every_label_is_a_word_that_stands_for_one_language_of_ours(tool):
    languages = read_labels()[tool]
    assert not set(languages) - set(LANGUAGES)
    labels = [label for of_language in languages.values() for label in of_language]
    assert all(isinstance(label, str) and label.strip() == label != "" for label in labels)
    assert all(languages.values()) and max(Counter(labels).values()) == 1


def test_labels_of_pygments_are_lexers_that_look_at_the_text():
    names = {label for labels in read_labels()["pygments"].values() for label in labels}
    assert not names - {name for name, *_ in get_all_lexers(plugins=False)}
    silent = [name for name in names if find_lexer_class(name).analyse_text is Lexer.analyse_text]
    assert not silent


def test_labels_of_magika_are_its_own():
    magika = pytest.importorskip("magika", reason="needs the extra [rivals]")
    known = set(map(str, magika.Magika().get_model_content_types())) | {"gemfile", "gemspec"}
    assert not {label for labels in read_labels()["magika"].values() for label in labels} - known


def test_labels_are_told_in_the_words_of_the_run():
    assert by_language(["py", "C++", "spam"]) == {"Python": "py", "C++": "C++"}
    assert translation("guesslang", ["py", "C++"]) == {"py": "py", "cpp": "C++"}
    assert translation("highlight.js", ["python", "C"]) == {"python": "python", "python-repl": "python"}
