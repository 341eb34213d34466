"""Files -> prose without code, and the human language it is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.snippets.other.prose import (
    agreed_language,
    is_wordy,
    language_of_text,
    path_language,
    prose_lines,
    translated_lines,
)

SENTENCES = {
    "en": "This is the first of the pages that you can read if the others are not there.",
    "de": "Das ist die erste Seite, und sie wird nicht mit dem Programm gelesen, wenn der Rest fehlt.",
    "fr": "La première des pages est dans le dossier, et vous ne pouvez pas la lire avec un autre.",
    "es": "La primera de las páginas no se puede leer con el programa, y es para los que no lo tienen.",
    "ru": "Это первая страница руководства, которую можно прочитать.",
    "ja": "これは最初のページです。ほかのページがないときに読むことができます。",
    "zh": "这是手册的第一页，没有其他页面时可以阅读。",
    "ko": "이것은 다른 페이지가 없을 때 읽을 수 있는 첫 페이지입니다.",
}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_a_sentence_tells_its_language(language, text) -> None:
    assert language_of_text(text) == language


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("README.zh-CN.md", "zh"), ("locale/pt_BR/LC_MESSAGES/x.po", "pt"), ("lib/locale/pt_BR.js", "pt"),
        ("po/de.po", "de"), ("res/values-fr/strings.xml", "fr"), ("it.lproj/Localizable.strings", "it"),
        ("gradle/wrapper/gradle-wrapper.properties", None), ("src/main.js", None), ("locale/zz.js", None),
    ],
)  # fmt: skip
def test_a_path_may_name_a_language(path, language) -> None:
    assert path_language(path) == language


def test_path_and_text_must_agree() -> None:
    assert agreed_language("locale/uk.js", SENTENCES["ru"]) == "uk", "one script, several languages"
    assert agreed_language("locale/ko.js", SENTENCES["ru"]) == "ru"
    assert agreed_language("locale/de.js", SENTENCES["en"]) is None, "not translated yet"
    assert agreed_language("locale/eu.js", "Amaierako data") == "eu", "words that the lists do not have"


def test_code_in_prose_is_left_out() -> None:
    text = "# Use\n\n```python\nimport this\n```\nAs in::\n\n   literal(1)\n\nWords follow.\n>>> prompt\n    indented = 1\n"
    assert [line for line in prose_lines(text) if line] == ["# Use", "As in::", "Words follow."]


def test_translations_are_read_from_po_and_from_strings() -> None:
    po = 'msgid ""\nmsgstr "Head: x"\n\nmsgid "a"\nmsgstr "Der erste "\n"ganze Satz"\n\nmsgid "b"\nmsgstr ""\n'
    assert translated_lines("de.po", po) == ["Der erste ganze Satz"]
    script = "'use strict'; x = {title: 'Der erste Satz', name: \"someName\", at: 'a-b', u: '\\u0434\\u043e\\u043c!'};"
    assert translated_lines("de.js", script) == ["Der erste Satz", "дом!"]


def test_code_is_not_wordy() -> None:
    assert is_wordy(SENTENCES["de"]) and not is_wordy("for (i = 0; i < n; i++) { a[i] += b[i]; }")


@given(st.text())
def test_no_text_breaks_it(text) -> None:
    language_of_text(text)
    assert len(prose_lines(text)) <= text.count("\n") + 1
    for path in ("a.po", "a.properties", "a.js"):
        assert all("\n" not in line for line in translated_lines(path, text))
