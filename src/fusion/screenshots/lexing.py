"""Text -> token classes: one uint8 per character, under one of five highlight policies.

Colouring by the true language's lexer writes the label into the picture; `neutral` cannot, since it is one
function of the text for all languages. What each policy may know:

    none     nothing: one colour            neutral  the text, read by one language-free lexer
    guessed  the text, read by the lexer    true     the label: for pictures as an editor shows them,
             whose own test fits it best             never for an honest benchmark
    random   a lexer drawn by the key, whatever the text is
"""

from functools import lru_cache
from typing import Any

import numpy as np
from pygments.lexers import get_lexer_by_name
from pygments.token import Token
from pygments.util import ClassNotFound

from fusion.config.errors import UserError, did_you_mean
from fusion.jit import compiled
from fusion.languages import LANGUAGES, OTHER

MAX_LEXED = 20_000  # characters a Pygments lexer is given; what follows is plain text

# class number -> the Pygments token whose colour it takes; the most general first
TOKENS = (
    Token.Text, Token.Name, Token.Keyword, Token.Keyword.Type, Token.Keyword.Constant, Token.Name.Function,
    Token.Name.Class, Token.Name.Builtin, Token.Name.Attribute, Token.Name.Tag, Token.Name.Decorator,
    Token.Name.Variable, Token.Name.Constant, Token.Name.Namespace, Token.Literal.String,
    Token.Literal.String.Escape, Token.Literal.Number, Token.Operator, Token.Operator.Word, Token.Punctuation,
    Token.Comment, Token.Comment.Preproc,
)  # fmt: skip
CLASSES = tuple(str(token).removeprefix("Token.") for token in TOKENS)
TEXT, WORD, FUNCTION, CAPITALISED, STRING, NUMBER, OPERATOR, PUNCTUATION, COMMENT = (
    CLASSES.index(name)
    for name in ("Text", "Name", "Name.Function", "Name.Class", "Literal.String", "Literal.Number",
                 "Operator", "Punctuation", "Comment")
)  # fmt: skip


def token_classes(text: str, policy: str, key: int, label: str | None = None) -> np.ndarray:
    """Text -> (characters,) uint8, indices into CLASSES.

    `key` chooses the lexer under `random`; `label` is read under `true` only. Raises UserError, under `true`, for a
    label that no lexer is known for.
    """
    if policy == "none":
        return np.full(len(text), TEXT, np.uint8)
    if policy == "neutral":
        points = code_points(text)
        return neutral(points, np.array([0, len(points)], np.int64))
    aliases = {
        "true": lambda: true_lexer(label),
        "random": lambda: random_lexer(key),
        "guessed": lambda: guessed_lexer(text),
    }
    alias = aliases[policy]()
    return token_classes(text, "neutral", key) if alias is None else pygments_classes(text, alias)


def code_points(text: str) -> np.ndarray:
    """Text -> (characters,) uint32; lone surrogates pass through."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def true_lexer(label: str | None) -> str:
    """Return the Pygments alias of a label; one that fusion.languages lacks may itself be an alias."""
    if label is None:
        raise UserError(
            "render.highlight=true needs the label of each text; without labels use render.highlight=neutral."
        )
    if label == OTHER:
        return "text"  # which editors do not colour
    if label in LANGUAGES:
        return LANGUAGES[label].lexer
    try:
        _lexer(label.lower())
    except ClassNotFound as error:
        raise UserError(
            f"render.highlight=true knows no lexer for the label {label!r}{did_you_mean(label, LANGUAGES)}; "
            "use render.highlight=neutral, which needs none."
        ) from error
    return label.lower()


def random_lexer(key: int) -> str:
    """Return the Pygments alias that a key stands for."""
    names = sorted({language.lexer for language in LANGUAGES.values()})
    return names[key % len(names)]


def guessed_lexer(text: str) -> str | None:
    """Return the alias whose own test scores a text highest, the first of equals; None if none scores at all."""
    names = sorted({language.lexer for language in LANGUAGES.values()})
    scores = [(float(_lexer(name).analyse_text(text[:MAX_LEXED])), name) for name in names]
    best = max(score for score, _ in scores)
    return next(name for score, name in scores if score == best) if best > 0 else None


def pygments_classes(text: str, alias: str) -> np.ndarray:
    """Text, Pygments alias -> (characters,) uint8; the lexer gets the text as it is, unstripped."""
    classes = np.full(len(text), TEXT, np.uint8)
    for start, token, value in _lexer(alias).get_tokens_unprocessed(text[:MAX_LEXED]):
        classes[start : start + len(value)] = _class_of(token)
    return classes


@lru_cache(maxsize=128)
def _lexer(alias: str) -> Any:
    return get_lexer_by_name(alias, startinline=True)  # PHP without its opening tag; others ignore it


@lru_cache(maxsize=512)
def _class_of(token: Any) -> int:
    """Return the class of a Pygments token: that of its nearest ancestor that has one."""
    while token not in TOKENS:
        if token.parent is None:
            return TEXT
        token = token.parent
    return TOKENS.index(token)


@compiled
def _is_word(c):
    """Return whether a code point belongs to a word or a number."""
    return 97 <= c <= 122 or 65 <= c <= 90 or 48 <= c <= 57 or c == 95 or (c >= 192 and c != 215 and c != 247)


@compiled
def _closes(points, i, stop, quote):
    """Return the index after the string that opens at i, or i if it never closes; only three quotes span lines."""
    triple = i + 2 < stop and points[i + 1] == quote and points[i + 2] == quote
    j = i + 3 if triple else i + 1
    while j < stop:
        c = points[j]
        if c == 92:  # backslash
            j += 2
            continue
        if triple and c == quote and j + 2 < stop and points[j + 1] == quote and points[j + 2] == quote:
            return j + 3
        if not triple:
            if c == quote:
                return j + 1
            if c == 10:
                return i
        j += 1
    return stop if triple else i


@compiled
def _comment_end(points, i, start, stop):
    """Return the index after the comment that opens at i, else i: // # -- to the line's end, /* */, <!-- -->."""
    c = points[i]
    d = points[i + 1] if i + 1 < stop else np.uint32(10)
    before = points[i - 1] if i > start else np.uint32(10)
    line = (c == 47 and d == 47 and before != 58) or ((c == 35 or (c == 45 and d == 45)) and before <= 32)
    if c == 35:
        line = line and (d <= 32 or d == 33)
    elif c == 45 and line:
        line = i + 2 >= stop or points[i + 2] <= 32
    if line:
        while i < stop and points[i] != 10:
            i += 1
        return i
    if c == 47 and d == 42:
        for j in range(i + 2, stop - 1):
            if points[j] == 42 and points[j + 1] == 47:
                return j + 2
        return stop
    if c == 60 and d == 33 and i + 3 < stop and points[i + 2] == 45 and points[i + 3] == 45:
        for j in range(i + 4, stop - 2):
            if points[j] == 45 and points[j + 1] == 45 and points[j + 2] == 62:
                return j + 3
        return stop
    return i


@compiled
def _word_class(points, i, j, stop):
    """Return the class of the word from i to below j."""
    if 48 <= points[i] <= 57:
        return NUMBER
    if j < stop and points[j] == 40:  # (
        return FUNCTION
    return CAPITALISED if 65 <= points[i] <= 90 and j - i > 1 else WORD


@compiled
def neutral(points, offsets):
    """Code points of many texts, cut at offsets -> (characters,) uint8 by the language-free lexer."""
    out = np.empty(points.shape[0], np.uint8)
    for text in range(offsets.shape[0] - 1):
        start, stop = offsets[text], offsets[text + 1]
        i = start
        while i < stop:
            c = points[i]
            j = i
            kind = TEXT
            if c > 32:
                j = _comment_end(points, i, start, stop)
                kind = COMMENT
            if j == i and (c == 34 or c == 39 or c == 96):  # " ' `
                j = _closes(points, i, stop, c)
                kind = STRING
            if j == i and _is_word(c):
                number = 48 <= c <= 57
                while j < stop and (_is_word(points[j]) or (number and points[j] == 46)):
                    j += 1
                kind = _word_class(points, i, j, stop)
            if j == i:
                j = i + 1
                bracket = c in (40, 41, 44, 46, 58, 59, 91, 93, 123, 125)  # ( ) , . : ; [ ] { }
                kind = TEXT if c <= 32 else PUNCTUATION if bracket else OPERATOR
            out[i:j] = kind
            i = j
    return out
