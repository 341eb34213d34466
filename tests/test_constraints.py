"""constraints.txt: the versions that were run, which pyproject.toml must allow."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

TOP = Path(__file__).resolve().parents[1]


def test_every_dependency_is_pinned_to_a_version_it_allows() -> None:
    lines = (TOP / "constraints.txt").read_text().splitlines()
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines), (
        "names and versions only"
    )
    pinned = {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(text)
        assert pinned[wanted.name.lower()] in wanted.specifier, text
