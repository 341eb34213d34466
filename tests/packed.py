"""A registry of small made-up packages, already in the cache."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from fusion.config.data import DataOptions, load_data_options
from fusion.packages import manifest, registries
from fusion.packages.errors import PackageError
from fusion.packages.manifest import Line, write_lines

WORDS = ["alpha", "bravo", "delta", "gamma", "omega", "sigma", "theta", "kappa", "lambda_", "zeta", "iota", "tau"]


def python_of(project: str, functions: int = 12) -> str:
    """Functions that no other project has."""
    made = []
    for name in "abcdefghijkl"[:functions]:
        own = f"{project}_{name}"
        body = [f"    {word}_{own} = {own}_{word}(first, '{word}')\n    second.append({word}_{own})" for word in WORDS]
        made.append("\n".join([f"def {own}(first, second):", *body, "", "", ""]))
    return "".join(made)


def c_of(project: str) -> str:
    made = []
    for name in "abcdefghijkl":
        own = f"{project}_{name}"
        body = [f"\tint {word}_{own} = {own}_{word}(state);\n\tpush(state, {word}_{own});" for word in WORDS]
        made.append("\n".join([f"static int {own}(struct state *state)", "{", *body, "\treturn 0;", "}", "", ""]))
    return "".join(made)


def archive_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package-1.0/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def shelf(tmp_path, monkeypatch, cache_folder):
    """put(name, files, language): a package into the manifest and, unless lost, into the cache."""
    lines: list[Line] = []
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(manifest, "DATA_DIR", tmp_path / "data")

    def gone(*_: object) -> Path:
        raise PackageError("the index does not know it")

    monkeypatch.setattr(registries, "from_pypi", gone)

    def put(name: str, files: dict[str, str], *languages: str, lost: bool = False, data: bytes = b"") -> None:
        data = data or archive_of(files)
        sha256 = hashlib.sha256(data).hexdigest()
        for language in languages:
            lines.append(Line("pypi", name, "1.0", len(data), sha256, "MIT", name, "", language, 1, 10, 30, "small"))
        write_lines(lines, tmp_path / "data" / "manifest.csv")
        if not lost:
            (cache_folder / "packages").mkdir(parents=True, exist_ok=True)
            (cache_folder / "packages" / sha256).write_bytes(data)

    return put


@pytest.fixture
def stocked(shelf):
    """Four projects of Python and four of C."""
    for name in ("ant", "bee", "cat", "dog"):
        shelf(name, {"src/code.py": python_of(name)}, "Python")
    for name in ("elk", "fox", "gnu", "hen"):
        shelf(name, {"src/code.c": c_of(name)}, "C")
    return shelf


@pytest.fixture
def data() -> DataOptions:
    """Return data=small, of PyPI alone and cut in this process."""
    return load_data_options("small", registries=["pypi"], workers=1)
