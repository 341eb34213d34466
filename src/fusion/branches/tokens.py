"""Bytes -> tokens: names, numbers, marks and the ends of lines, each as a number.

N-grams of bytes see how a text is written; n-grams of tokens see how it is built: `for ( x in y )` is the same with
any names in it and any blanks between. The two make different mistakes, above all on projects that nobody trained on.
"""

import numpy as np

from fusion.branches.names import FNV, PRIME, hash_word, is_digit, is_known, is_letter, shape
from fusion.jit import compiled

MAX_TOKENS = 4  # of the longest n-gram

# tokens that are no names: numbers below the hashes of names, which fill 64 bits
_NUMBER, _LINE_END, _OTHER_SCRIPT, _MARK = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(1000)


@compiled
def _name(word: np.ndarray, known: np.ndarray) -> np.uint64:
    """Name -> its hash where it is one letter or known, else the hash of its shape."""
    value = hash_word(word)
    if len(word) == 1 or is_known(value, known):
        return value
    value, last = FNV, 0
    for c in word:
        character = shape(c)
        if character != last:
            value = (value ^ np.uint64(character)) * PRIME
            last = character
    return value ^ np.uint64(7)  # fooBar, read as xXx, is not the known name xXx


@compiled
def tokens(text: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Bytes and the hashes of known names -> (N,) uint64, one number a token; white space inside a line is none."""
    out = np.empty(len(text), np.uint64)
    size, i = 0, 0
    while i < len(text):
        start, c = i, text[i]
        i += 1
        if is_letter(c):
            while i < len(text) and (is_letter(text[i]) or is_digit(text[i])):
                i += 1
            out[size] = _name(text[start:i], known)
        elif is_digit(c):
            while i < len(text) and (is_letter(text[i]) or is_digit(text[i]) or text[i] == 46):  # 46: a point
                i += 1
            out[size] = _NUMBER
        elif c == 10:
            while i < len(text) and (text[i] == 32 or 9 <= text[i] <= 13):
                i += 1
            out[size] = _LINE_END
        elif c == 32 or 9 <= c <= 13:
            continue
        elif c >= 128:
            while i < len(text) and text[i] >= 128:
                i += 1
            out[size] = _OTHER_SCRIPT
        else:
            out[size] = _MARK + np.uint64(c)
        size += 1
    return out[:size]
