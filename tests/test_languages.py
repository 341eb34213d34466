"""The table of languages: every name, extension and lexer leads somewhere."""

import pytest
from pygments.lexers import get_lexer_by_name

from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.languages import BY_EXTENSION, LANGUAGES, find_language
from fusion.packages.manifest import read_lines

# What users compare on: the set with Debian holds at least two independent projects of each.
COMPARED = (
    "Python", "JavaScript", "TypeScript", "C", "C++", "C#", "Java", "Kotlin", "Scala", "Go", "Rust", "Ruby", "PHP",
    "Perl", "Lua", "Shell", "PowerShell", "R", "Julia", "Haskell", "OCaml", "Erlang", "Elixir", "Clojure",
    "Common Lisp", "Swift", "Objective-C", "Dart", "SQL", "HTML", "CSS", "Fortran", "Pascal", "Tcl",
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_every_language_has_a_lexer_and_goes_by_its_names(name: str) -> None:
    language = LANGUAGES[name]
    assert get_lexer_by_name(language.lexer)
    assert all(find_language(word).name == name for word in (name, name.upper(), *language.aliases))


def test_names_are_of_one_language() -> None:
    words = [word for one in LANGUAGES.values() for word in {one.name.lower(), *one.aliases}]
    assert len(words) == len(set(words))
    assert len(COMPARED) == len(set(COMPARED)) == 34 and set(COMPARED) <= set(LANGUAGES)
    merge = load_data_options("core").merge
    assert set(merge) | set(merge.values()) <= set(LANGUAGES)
    assert BY_EXTENSION[".py"] == "Python" and ".h" not in BY_EXTENSION


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'Pythn' is not known \(did you mean Python\?\); it is one of Assembly, C,"):
        find_language("Pythn")


def test_the_manifest_speaks_of_known_languages() -> None:
    lines = read_lines()
    assert {line.language for line in lines} <= set(LANGUAGES)
    projects: dict[str, set[str]] = {}
    for line in lines:
        projects.setdefault(line.language, set()).add(line.project)
    assert {name: len(projects.get(name, ())) for name in COMPARED if len(projects.get(name, ())) < 2} == {}


def test_core_holds_thirty_languages_without_debian() -> None:
    """Measured when they were pinned: four projects and 600 snippets each; dialects count as their language."""
    merge, projects = load_data_options("core").merge, dict[str, set[str]]()
    snippets: dict[str, int] = {}
    for line in read_lines():
        if line.set in ("small", "core") and line.registry in ("pypi", "npm"):
            label = merge.get(line.language, line.language)
            projects.setdefault(label, set()).add(line.project)
            snippets[label] = snippets.get(label, 0) + line.snippets
    assert sum(len(projects[label]) >= 4 and snippets[label] >= 600 for label in projects) >= 30
