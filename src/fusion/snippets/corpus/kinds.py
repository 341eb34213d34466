"""Path of a snippet inside its package -> what kind of code it is: a test, an example, a script, a library, ..."""

import re

# In this order: a script among the tests is a test. What is none of these is a library or a program.
_KINDS = {
    "tests": r"(^|/)(t|tests?|testing|spec|specs|__tests__|testsuite|check|regress|fixtures?)(/|$)"
    r"|[._-](test|tests|spec)\.\w+$|(^|/)test_[^/]*$|(?-i:[a-z0-9]Tests?)\.\w+$",
    "examples": r"(^|/)(examples?|demos?|samples?|exercises?|playground|cookbook|recipes?|puzzles?|solutions?)(/|$)",
    "tutorials": r"(^|/)(tutorials?|docs?|documentation|vignettes|guides?|lessons?|notebooks?|courses?|book)(/|$)",
    "templates": r"(^|/)(templates?|skeletons?|scaffold\w*|boilerplates?|generators?|stubs?|starter\w*)(/|$)",
    "benchmarks": r"(^|/)(bench|benchmarks?|perf|performance)(/|$)",
    "scripts": r"(^|/)(scripts?|bin|sbin|tools?|utils?|contrib|hack|ci|misc|build|etc|init\.d|completions?)(/|$)",
}

OTHER = "libraries and programs"
KINDS = (*_KINDS, OTHER)
_COMPILED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}


def kind_of(path: str) -> str:
    """Return one of KINDS for a path of the snippet table, `package:folder/file`."""
    inside = path.split(":", 1)[-1]
    return next((kind for kind, pattern in _COMPILED.items() if pattern.search(inside)), OTHER)
