"""Names of files -> kinds of Other."""

import pytest

from fusion.snippets.other.kinds import FAMILIES, family_of, file_kind, mark, other_kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("README.zh-CN.md", "prose"), ("docs/intro.rst", "prose"), ("LICENSE-MIT", "licence"), ("COPYING", "licence"),
        ("CHANGELOG.md", "changelog"), ("changelog.Debian", "changelog"), ("package.json", "json"),
        ("package-lock.json", "lock"), ("poetry.lock", "lock"), ("a/.gitignore", "ignore"), ("Makefile", "lang:Make"),
        ("man/man1/x.1", "man"), ("fix.patch", "diff"), ("de.po", "po"), ("a.yml", "yaml"), ("PKG-INFO", "metadata"),
        ("CMakeLists.txt", None), ("requirements.txt", None), ("src/a.py", None), ("noextension", None),
        ("node_modules/x/README.md", None), ("x.egg-info/PKG-INFO", None), ("._README.md", None),
    ],
)  # fmt: skip
def test_a_name_tells_the_kind(path, kind) -> None:
    assert file_kind(path) == kind


def test_the_kind_stands_in_front_of_the_path() -> None:
    assert other_kind(mark("lang:Prolog", "pack:a/b.pl")) == "lang:Prolog"
    assert other_kind("pack:a/[b] c.py") == ""


def test_every_kind_is_of_a_family() -> None:
    found = [family_of(kind) for kind in ("prose-en", "prose-de", "licence", "json", "lang:Make")]
    assert found == list(FAMILIES)
