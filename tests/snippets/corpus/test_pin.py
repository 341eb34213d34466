"""What a package is measured to hold, and the licence it declares."""

import pytest

from fusion.packages.manifest import Line
from fusion.snippets.corpus.pin import licence, merge_lines

GRANT = "Copyright someone\n\nPermission is hereby granted, free of charge, to any person"


@pytest.mark.parametrize(
    ("path", "text", "declared"),
    [
        ("p-1/PKG-INFO", "Name: p\nLicense-Expression: BSD-3-Clause\nLicense: old\n", "BSD-3-Clause"),
        ("p-1/PKG-INFO", "Classifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("p-1/DESCRIPTION", "Package: p\nLicense: GPL (>= 2)\n", "GPL (>= 2)"),
        ("package/package.json", '{"license": "ISC"}', "ISC"),
        ("package/package.json", '{"license": {"type": "MIT"}}', "MIT"),
        ("package/package.json", "[]", ""),
        ("p-1/p.cabal", "name: p\nlicense:       BSD3\n", "BSD3"),
        (
            "./usr/share/doc/p/copyright",
            "Files: *\nLicense: Expat\n\nFiles: b\nLicense: Expat\nLicense: GPL-2+\n",
            "Expat | GPL-2+",
        ),
        ("p-1/LICENSE.txt", GRANT, "MIT"),
        ("p-1/COPYING", "                    GNU GENERAL PUBLIC LICENSE\n   Version 3", "GPL"),
        ("p-1/COPYING", "Everyone may read this.\n", ""),
        ("p-1/sub/PKG-INFO", "License: MIT\n", ""),
    ],
)
def test_licences_are_as_declared(path: str, text: str, declared: str) -> None:
    assert licence([("p-1/a.py", b""), (path, text.encode())]) == declared


def test_metadata_goes_before_a_licence_file() -> None:
    assert licence([("p/LICENSE", GRANT.encode()), ("p/package.json", b'{"license": "ISC"}')]) == "ISC"


def test_a_language_measured_anew_keeps_its_set() -> None:
    def line(language: str, subset: str, snippets: int) -> Line:
        return Line("pypi", "p", "1", 1, "0" * 64, "", "p", "", language, 1, 1, snippets, subset)

    found = merge_lines([line("C", "small", 5)], [line("C", "standard", 9), line("Ada", "standard", 7)])
    assert [(one.language, one.set, one.snippets) for one in found] == [("Ada", "standard", 7), ("C", "small", 9)]
