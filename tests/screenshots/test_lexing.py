"""Five highlight policies; what each may know."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.errors import UserError
from fusion.languages import LANGUAGES
from fusion.screenshots.lexing import CLASSES, code_points, neutral, token_classes

PYTHON = 'def area(r):  # of a circle\n    return 3.14 * r ** 2 + len("a \\" b")\n'


def named(text: str, policy: str, label: str | None = None, key: int = 0) -> list[tuple[str, str]]:
    """Runs of one class -> (text, class), blanks left out."""
    runs: list[tuple[str, str]] = []
    for char, number in zip(text, token_classes(text, policy, key, label), strict=True):
        if runs and runs[-1][1] == CLASSES[number]:
            runs[-1] = (runs[-1][0] + char, CLASSES[number])
        else:
            runs.append((char, CLASSES[number]))
    return [(run.strip(), kind) for run, kind in runs if run.strip()]


def test_neutral_tells_words_numbers_strings_comments_and_punctuation():
    found = dict(named(PYTHON, "neutral"))
    assert found["area"] == "Name.Function" and found["return"] == "Name" and found["3.14"] == "Literal.Number"
    assert found['"a \\" b"'] == "Literal.String" and found["# of a circle"] == "Comment" and found["*"] == "Operator"


@pytest.mark.parametrize(
    "comment",
    ["// slashes", "# hash", "-- dashes", "/* stars\n over lines */", "<!-- angle\n -->", "#! shebang"],
)
def test_comments_of_every_family_look_alike(comment):
    assert named(f"a\n{comment}\nb", "neutral") == [("a", "Name"), (comment, "Comment"), ("b", "Name")]


@pytest.mark.parametrize("text", ["http://a.b", "a--b", "#fff", "i--;"])
def test_what_only_looks_like_a_comment_is_none(text):
    assert "Comment" not in dict(named(text, "neutral")).values()


def test_an_apostrophe_opens_no_string_that_does_not_close_on_its_line():
    assert dict(named("fn f<'a>(x: &'a str)\nit's", "neutral"))["fn"] == "Name"
    assert ("it", "Name") in named("it's\nfine", "neutral")
    assert named('x = """a\nb"""', "neutral")[-1] == ('"""a\nb"""', "Literal.String")


@pytest.mark.parametrize("policy", ["none", "neutral", "guessed", "random"])
@pytest.mark.parametrize("label", ["Python", "Rust", "no language at all", None])
def test_the_label_is_read_under_true_only(policy, label):
    assert np.array_equal(token_classes(PYTHON, policy, 7, label), token_classes(PYTHON, policy, 7, "Go"))


def test_true_colours_as_the_language_does():
    assert dict(named(PYTHON, "true", "Python"))["def"] == "Keyword"
    assert named(PYTHON, "true", "Python") != named(PYTHON, "true", "Haskell")
    with pytest.raises(UserError, match="needs the label"):
        token_classes(PYTHON, "true", 0)
    with pytest.raises(UserError, match="did you mean Python"):
        token_classes(PYTHON, "true", 0, "Pythn")


def test_random_goes_by_the_key_alone():
    lexers = {token_classes(PYTHON, "random", key).tobytes() for key in range(40)}
    assert 2 < len(lexers) <= len({language.lexer for language in LANGUAGES.values()})
    assert np.array_equal(token_classes(PYTHON, "random", 11), token_classes(PYTHON, "random", 11))


def test_none_is_one_colour():
    assert len(set(token_classes(PYTHON, "none", 0))) == 1


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_every_character_gets_a_class(text):
    classes = token_classes(text, "neutral", 0)
    assert len(classes) == len(text) and (len(text) == 0 or classes.max() < len(CLASSES))


@given(st.lists(st.text(alphabet="ab \"'`/*-<!>#\\\n0.(", max_size=40), max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_text_is_lexed_alike_alone_and_in_a_batch(texts):
    offsets = np.cumsum([0, *map(len, texts)])
    batch = neutral(code_points("".join(texts)), offsets)
    alone = [token_classes(text, "neutral", 0) for text in texts]
    assert np.array_equal(batch, np.concatenate([np.zeros(0, np.uint8), *alone]))


@pytest.mark.parametrize("policy", ["true", "guessed", "random"])
@pytest.mark.parametrize("text", ["", "\n\n", "  x\n\n", "\ud800", "\x00\t", "a\r\nb"])
def test_lexers_lose_and_add_no_character(policy, text):
    assert len(token_classes(text, policy, 3, "Python")) == len(text)
