"""The rooms of the house: imports run downwards only, files and functions stay small."""

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "fusion"

WIRING = {
    "inputs", "prediction", "training", "learning", "experiment", "folds", "sweeps", "repeats", "headroom", "frozen",
    "options", "pace", "preview", "pretraining", "resuming", "shipping",
}  # fmt: skip

# From the ground up. A room may use the rooms of the floors below it and, where its floor says so, its own floor.
FLOORS: list[tuple[set[str], bool]] = [
    ({"config", "values", "files", "console", "languages", "compiled"}, True),
    ({"packages", "archives", "registries"}, True),
    ({"snippets", "screenshots", "branches"}, False),
    ({"results", "model", "pairs", "fresh"}, True),
    (WIRING, True),
    ({"train", "compare", "predict", "corpus", "render", "doctor"}, False),
    ({"cli"}, False),
]
FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module a file imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "fusion"}
    return found


def rooms_used(path: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("fusion.")}
    return {room for room in rooms if (SOURCE / room).is_dir() or (SOURCE / f"{room}.py").is_file()} - {room_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_downwards(path: Path) -> None:
    if path == SOURCE / "__init__.py":
        assert not imported(path), "import fusion stays instant"
        return
    below: set[str] = set()
    for floor, among_themselves in FLOORS:
        if room_of(path) in floor:
            allowed = below | (floor if among_themselves else set())
            assert rooms_used(path) <= allowed, f"{room_of(path)} may use {sorted(allowed)}"
            return
        below |= floor
    pytest.fail(f"{room_of(path)} has no floor in this house; give it one in FLOORS")


@pytest.mark.parametrize("room", ["results", "snippets", "packages.py", "languages.py", "config.py"])
def test_tables_and_snippets_know_no_torch(room: str) -> None:
    files = [SOURCE / room] if room.endswith(".py") else sorted((SOURCE / room).glob("*.py"))
    heavy = {"torch", "torchvision", "timm", "transformers", "pytorch_lightning"}
    assert files and not {name.split(".")[0] for path in files for name in imported(path)} & heavy


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= (70 if _is_kernel(node) else 45), f"{node.name} has {lines} lines"


def _is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Compiled by numba: its loops cannot call as freely as Python can."""
    return any("compiled" in ast.unparse(decorator) for decorator in node.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_import_is_a_declared_dependency() -> None:
    import tomllib
    from importlib.metadata import packages_distributions

    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    extras = [name for names in project.get("optional-dependencies", {}).values() for name in names]
    declared = {_name(requirement) for requirement in project["dependencies"] + extras}
    brought = {"omegaconf", "requests", "huggingface-hub", "yaml", "pyyaml"}  # by hydra, pypi-simple, transformers
    known = packages_distributions()
    for path in FILES:
        for module in {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"fusion", ""}:
            names = {_name(name) for name in known.get(module, [module])}
            assert names & (declared | brought), f"{path} imports {module}, which pyproject.toml does not declare"


def _name(requirement: str) -> str:
    kept = requirement.lower().replace("_", "-")
    return kept[: next((i for i, sign in enumerate(kept) if not (sign.isalnum() or sign in "-.")), len(kept))]
