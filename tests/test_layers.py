"""The rooms of the house: imports run downwards only, floor by floor, and files and functions stay small."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "fusion"
FILES = sorted(SOURCE.rglob("*.py"))

# From the ground up. Rooms on one floor do not know each other, but for the ground floor, which every room stands on.
FLOORS = (
    {"config", "files", "console", "languages", "jit", "weights"},
    {"packages"},
    {"snippets", "screenshots"},
    {"reading"},
    {"branches"},
    {"model"},
    {"datamodule", "results"},
    {"training"},
    {"pretraining"},
    {"dry_run", "serving"},
    {"rivals"},
    {"train", "compare", "curves", "predict", "corpus", "render", "doctor", "ocr"},
    {"cli"},
)
KNOW_NO_TORCH = ("results", "snippets", "packages", "config", "languages", "files", "console")
TORCH = {"torch", "torchvision", "timm", "transformers", "pytorch_lightning"}


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
    return {
        free_memory
        for free_memory in rooms
        if (SOURCE / free_memory).is_dir() or (SOURCE / f"{free_memory}.py").is_file()
    } - {room_of(path)}


def test_imports_run_downwards() -> None:
    floor_of = {free_memory: number for number, floor in enumerate(FLOORS) for free_memory in floor}
    wrong = []
    for path in FILES:
        if path == SOURCE / "__init__.py":
            continue
        own = floor_of.get(room_of(path))
        if own is None:
            wrong.append(f"{room_of(path)} has no floor in this house; give it one in FLOORS")
            continue
        upward = [free_memory for free_memory in rooms_used(path) if floor_of.get(free_memory, 99) >= max(own, 1)]
        wrong += [f"{path.relative_to(SOURCE)} uses {free_memory}, which is not below it" for free_memory in upward]
    assert not wrong, "\n".join(wrong)


def test_few_files_lie_at_the_top() -> None:
    assert len([*SOURCE.glob("*.py")]) <= 15, "a new file belongs into a room"


def test_import_fusion_stays_instant() -> None:
    top = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8")).body
    assert not [node for node in top if isinstance(node, ast.Import) or _imports_heavily(node)]


def _imports_heavily(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in sys.stdlib_module_names


def test_tables_and_snippets_know_no_torch() -> None:
    files = [path for path in FILES if room_of(path) in KNOW_NO_TORCH]
    wrong = [path for path in files if {name.split(".")[0] for name in imported(path)} & TORCH]
    assert files and not wrong


def test_files_and_functions_stay_small() -> None:
    wrong = []
    for path in FILES:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(SOURCE)
        if (lines := len(text.splitlines())) > 300:
            wrong.append(f"{name} has {lines} lines")
        wrong += [f"{name}: {function} has {lines} lines" for function, lines in _long_functions(ast.parse(text))]
    assert not wrong, "\n".join(wrong)


def _long_functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """A file -> name and lines of every function of more than 40, or of 70 if numba compiles it.

    Compiled loops cannot call as freely as Python can.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            kernel = any("compiled" in ast.unparse(decorator) for decorator in node.decorator_list)
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > (70 if kernel else 40):
                yield node.name, lines


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    extras = [name for names in project.get("optional-dependencies", {}).values() for name in names]
    declared = {_name(requirement) for requirement in project["dependencies"] + extras}
    brought = {"omegaconf", "requests", "huggingface-hub", "yaml", "pyyaml"}  # by hydra, pypi-simple, transformers
    known, wrong = packages_distributions(), []
    for path in FILES:
        for module in {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"fusion", ""}:
            names = {_name(name) for name in known.get(module, [module])}
            if not names & (declared | brought):
                wrong.append(f"{path} imports {module}, which pyproject.toml does not declare")
    assert not wrong, "\n".join(wrong)


def _name(requirement: str) -> str:
    kept = requirement.lower().replace("_", "-")
    return kept[: next((i for i, sign in enumerate(kept) if not (sign.isalnum() or sign in "-.")), len(kept))]
