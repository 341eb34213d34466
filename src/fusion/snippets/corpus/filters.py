"""Files and windows that are left out: what nobody wrote by hand in this project, and what shows no code."""

import re
from pathlib import PurePosixPath

MAX_MEAN, MAX_LINE = 110, 1500  # characters; a file with longer lines is minified or data
MAX_WINDOW_LINE = 240  # characters in a line of a window

# Copies of other projects, and what a tool wrote.
_THIRD_PARTY = re.compile(
    r"(^|/)(node_modules|bower_components|jspm_packages|(third|3rd)[_-]?party|vendor(s|ed)?|_vendor|extern(al)?s?|ext_libs"
    r"|deps(?!/rabbit)|subprojects|Pods|dist|_?build|out|target|es|esm(5|20\d\d)?|fesm20\d\d|umd|amd|cjs|commonjs|mjs|system|min(ified)?"
    r"|gen|generated|autogen|locales?|i18n|lang|bundled|(lcov-report|coverage)|site-packages|[\w.-]+\.egg-info|DerivedData"
    r"|debian|__MACOSX|__pycache__|\.git)(/|$)",
    re.IGNORECASE,
)
_MINIFIED = re.compile(r"[.-]min\.\w+$|\.(bundle|map)(\.\w+)?$|\.(bs|res|re)\.m?js$", re.IGNORECASE)
_UPGRADE = re.compile(r"--[\w.]+--[\w.]+\.sql$|(^|/)(migrations?|upgrades?)/[^/]*\.sql$", re.IGNORECASE)
_GENERATED = re.compile(
    r"do not (edit|modify)|auto-?generated|(automatically|machine) generated|generated (by|from|file|with|using)\b"
    r"|@generated|code generated|compiled (with )?roblox-ts|this file (is|was) generated|sourceMappingURL="
    r"|__webpack_require__|webpackJsonp"
    r"|__esModule|_interopRequire|_classCallCheck|_createClass\b|__importDefault|__awaiter\s*="
    r"|name=.generator|sphinx_rtd|<!-- Generated",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"^\s*(//|#($|[\s!#])|/?\*|--|;|%|<!--|\"\"\"|'''|!|\(\*|REM\b)", re.IGNORECASE)
_MARKS = frozenset("(){}[]=;:<>$@&|_+*/\\")  # what code is full of and prose is not
_LICENCE = re.compile(r"licen[sc]e|copyright|permission is hereby|warranty|redistribut", re.IGNORECASE)


def is_first_party(path: str) -> bool:
    """Return False for vendored and built folders, minified files, templates and upgrade scripts."""
    return not (
        _THIRD_PARTY.search(str(PurePosixPath(path).parent))
        or _MINIFIED.search(path)
        or path.endswith((".in", ".po"))
        or _UPGRADE.search(path)
    )


def is_handwritten(path: str, text: str) -> bool:
    """Return False for vendored, generated and minified files."""
    if not is_first_party(path):
        return False
    if len(text) / (text.count("\n") + 1) > MAX_MEAN or max(map(len, text.split("\n"))) > MAX_LINE:
        return False
    return not (_GENERATED.search(text[:1500]) or "sourceMappingURL=" in text[-300:])


def looks_like_code(window: str, min_filled: int = 8) -> bool:
    """Return False for a window of fewer filled lines, or mostly of comment, licence, data or repetition."""
    filled = [line for line in window.split("\n") if line.strip()]
    if len(filled) < min_filled or max(map(len, filled)) > MAX_WINDOW_LINE:
        return False
    comments = sum(bool(_COMMENT.match(line)) for line in filled) / len(filled)
    if comments > 0.75 or (comments > 0.5 and _LICENCE.search(window)):
        return False
    if len({line.strip() for line in filled}) < 0.5 * len(filled):
        return False
    if min_filled == 1 and sum(c in _MARKS for c in window) < 2:
        return False  # a line or two of prose out of a comment
    ink = sum(not c.isspace() for c in window)
    letters = sum(c.isalpha() for c in window)
    return letters >= 12 and letters >= 0.35 * ink
