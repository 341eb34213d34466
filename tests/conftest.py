"""What every test shares: one thread, a cache of its own, no network."""

import logging
import os
from collections.abc import Iterator

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pyarrow as pa
import pytest
import torch
from hypothesis import settings
from tests.exported import fused, nano, nano_run, read_run, reads  # noqa: F401, fixtures
from tests.packed import data, shelf, stocked  # noqa: F401, fixtures
from tests.tiny import call, corpus, environment, fusion, trained  # noqa: F401, fixtures

from fusion.snippets.snippet import Snippet, to_table

torch.set_num_threads(1)
settings.register_profile("fusion", deadline=None, max_examples=50, derandomize=True, database=None)
settings.load_profile("fusion")

TEXTS = (
    "def add(first, second):\n    return first + second\n\n\nprint(add(1, 2))\n",
    'int main(void) {\n\tprintf("%d\\n", add(1, 2));\n\treturn 0;\n}\n',
    'fn main() {\n    let total: u32 = add(1, 2);\n    println!("{}", total);\n}\n',
    "SELECT name, count(*) FROM rows\nWHERE total > 2\nGROUP BY name;\n",
    "const add = (first, second) => first + second;\nconsole.log(add(1, 2));\n",
    ".row > .name {\n  color: #ff0000;\n  margin: 0 auto;\n}\n",
)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    """Return the cache of this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FUSION_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def log_handlers() -> Iterator[None]:
    """Take down the handlers that a run put up: they write to the terminal of this test and to its run.log."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture
def table() -> pa.Table:
    """Return 36 snippets of two labels and three projects: 12 to learn from, 12 to validate, 12 to test."""
    snippets = [
        Snippet(f"{text}{group}\n{label}", label, group)
        for group in ("one", "two", "three")
        for text in TEXTS
        for label in ("a", "b")
    ]
    return to_table(snippets, {"one": "train", "two": "val", "three": "test"})
