"""scripts/other_table.py: figures on Other that can be worked out by hand."""

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusion.config.errors import UserError

TOP = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("other_table", TOP / "scripts" / "other_table.py")
other_table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(other_table)


def answers(*rows: tuple[float, str, str]) -> dict[str, np.ndarray]:
    share, kind, group = (np.array(column) for column in zip(*rows, strict=True))
    found, source = share > 0.5, np.array(["made" if name == "made" else "pypi" for name in group])
    return {"share": share, "kind": kind, "group": group, "found": found, "source": source}


def test_each_kind_has_its_row() -> None:
    code = answers((0.1, "", "a"), (0.2, "", "a"), (0.3, "", "b"), (0.6, "", "b"))
    other = answers((0.9, "json", "c"), (0.4, "json", "d"), (0.7, "lang:Make", "d"), (0.05, "log", "made"))
    rows = {row[0]: row[1:] for row in other_table.rows(code, other, seed=0)}
    assert rows["json"] == ["2", "2", "0.875", "50%"], "of 8 pairs 7 are in order"
    assert rows["log"] == ["1", "1", "0.000", "0%"] and rows["code"][-1] == "25.0%"
    assert rows["other languages"][2].startswith("1.000 [") and rows["all"][0] == "4"


def run(folder: Path, predicted: list[str], ids: list[str]) -> Path:
    folder.mkdir()
    table = {"id": ids, "split": ["test"] * 3, "label": ["C", "C", "Other"], "group": ["a", "b", "c"]}
    pq.write_table(pa.table(table | {"predicted": predicted}), folder / "predictions.parquet")
    return folder


def test_the_cost_is_paired_on_the_same_code(tmp_path) -> None:
    with_other = run(tmp_path / "with", ["C", "Other", "Other"], ["1", "2", "3"])
    without = run(tmp_path / "without", ["C", "C", "C"], ["1", "2", "4"])
    told = other_table.cost(with_other, without)
    assert told.startswith("code, 2 snippets: 0.5000 with Other, 1.0000 without, difference -0.5000 [-1.0000, +0.0000]")
    with pytest.raises(UserError, match="were not tested on the same code"):
        other_table.cost(with_other, run(tmp_path / "else", ["C", "C", "C"], ["1", "9", "3"]))
