"""Path -> what kind of code it is."""

import pytest

from fusion.snippets.corpus.kinds import KINDS, kind_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("numpy:numpy/core/tests/test_api.py", "tests"),
        ("buefy:src/components/Table.spec.ts", "tests"),
        ("junit:src/RowTest.java", "tests"),
        ("contest:src/latest.py", "libraries and programs"),
        ("cobra:examples/hello/main.go", "examples"),
        ("learn:exercises/one.js", "examples"),
        ("r-cran-ggplot2:vignettes/a.R", "tutorials"),
        ("yo:templates/main.dart", "templates"),
        ("x:bench/a.c", "benchmarks"),
        ("x:bin/a", "scripts"),
        ("examples:src/a.c", "libraries and programs"),  # the package's own name says nothing
    ],
)
def test_a_path_tells_the_kind(path, kind):
    assert kind_of(path) == kind and kind in KINDS
