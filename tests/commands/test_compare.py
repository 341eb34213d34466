"""python -m fusion.compare, on what the command line trained."""

import csv
import json
from pathlib import Path

import pytest

from fusion import compare
from fusion.config import UserError

from .conftest import Command

RAKUTEN = [
    "Model", "Original Input Shape", "Training Input Shape", "Source Image Size", "LR", "Epochs", "Batch Size",
    "Accuracy", "F1 Score Weighted",
]  # fmt: skip


def test_the_table_starts_with_the_columns_of_the_source(trained: Path, tmp_path: Path, fusion: Command) -> None:
    done = fusion("compare", trained, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [cell.strip() for cell in done.stdout.splitlines()[0].strip("|").split("|")][:9] == RAKUTEN
    (row,) = csv.DictReader((tmp_path / "results.csv").open(newline=""))
    assert row["Model"] == "timm" and row["Training Input Shape"] == "32×32" and row["Source Image Size"] == "64×64"
    assert row["Text"] == "scratch" and row["Status"] == "completed"
    assert (tmp_path / "results.md").read_text() == done.stdout


def test_rows_as_json(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([str(trained), "--json", "-o", str(tmp_path)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert float(row["Accuracy"]) <= 1


def test_no_runs_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no runs"):
        compare.main([str(tmp_path)])
    with pytest.raises(UserError, match="is not a folder"):
        compare.main([str(tmp_path / "nowhere")])
