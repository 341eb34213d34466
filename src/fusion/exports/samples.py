"""A run -> texts to check its export with: of its test split where that is at hand, else of fusion's own files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fusion.config.data import Packages
from fusion.config.errors import UserError
from fusion.config.paths import PACKAGE, cache_dir
from fusion.config.schema import Config, load_config
from fusion.snippets.corpus.build import cached
from fusion.snippets.corpus.extract import windows
from fusion.snippets.snippet import select_split, split_hash
from fusion.training.data import load_table


@dataclass(frozen=True)
class Samples:
    """Texts, and their labels where they are known."""

    texts: list[str]
    labels: list[str] | None
    source: str  # where they are from, in words


def samples_of(run: Path, most: int) -> Samples:
    """Return up to so many texts, spread evenly; nothing is downloaded for them."""
    table = _test_rows(run)
    if table is not None:
        rows = table.take(_spread(table.num_rows, most)).select(["text", "label"]).to_pydict()
        return Samples(rows["text"], rows["label"], "the run's test split")
    texts = [part for path in sorted(PACKAGE.rglob("*.py")) for part in windows(path.read_text("utf-8")) if part]
    return Samples([texts[i] for i in _spread(len(texts), most)], None, "fusion's own files")


def _test_rows(run: Path) -> pa.Table | None:
    """Return the test split that the run was judged by, None where it is not here as it was then."""
    try:
        record: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
        config: Config = load_config(record["config"])
        if isinstance(config.data, Packages) and cached(config.data, cache_dir()) is None:
            return None
        if config.is_streamed:
            return None
        table = load_table(config)
        test = select_split(table, "test")
        return test if test.num_rows and split_hash(table) == record["data_hash"] else None
    except (OSError, ValueError, KeyError, UserError):
        return None


def _spread(number: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, number - 1, min(number, most)).round().astype(int))
