"""folds=K: K runs, each validated on other projects, and their mean and standard deviation."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import TEXT_ONLY, configured

from fusion import compare
from fusion.config.errors import UserError
from fusion.results.record import read_run
from fusion.training import kfold
from fusion.training.kfold import MEASURES, summarise


@pytest.fixture(scope="module")
def folds(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = configured(*TEXT_ONLY, f"data.path={corpus}", "epochs=1", "folds=2", "name=k")
    return kfold.run(config, ["folds=2"], tmp_path_factory.mktemp("folds") / "k")


@pytest.fixture(scope="module")
def records(folds: Path) -> list[dict[str, Any]]:
    runs = [read_run(path.parent) for path in folds.glob("*/run.json")]
    return sorted(runs, key=lambda run: run["config"]["fold"])  # folders of one second sort by chance


def test_each_fold_is_a_run_validated_on_other_rows_and_tested_on_the_same(records):
    assert [record["config"]["fold"] for record in records] == [0, 1]
    assert [record["overrides"] for record in records] == [["folds=2", "fold=0"], ["folds=2", "fold=1"]]
    assert len({record["split_hash"] for record in records}) == 2
    assert len({record["samples"]["test"] for record in records}) == 1


def test_the_summary_has_every_value_and_their_mean(folds, records):
    assert folds.name.startswith("folds-") and folds.parent.name == "k"
    summary = json.loads((folds / "folds.json").read_text())
    reached = [record["metrics"]["test"]["accuracy"] for record in records]
    assert summary["metrics"]["test"]["accuracy"]["folds"] == reached
    assert summary["metrics"]["test"]["accuracy"]["mean"] == pytest.approx(sum(reached) / 2)
    assert summary["metrics"]["val"]["f1_macro"]["sd"] >= 0
    assert (folds / "folds.png").read_bytes().startswith(b"\x89PNG")
    with (folds / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_folds_are_compared_like_any_runs(folds, capsys):
    assert compare.main([str(folds)]) == 0
    assert capsys.readouterr().out.count("completed") == 2


def test_the_standard_deviation_is_that_of_a_sample():
    def record(value: float, *splits: str) -> dict[str, Any]:
        return {"metrics": {split: dict.fromkeys(MEASURES, value) for split in splits}}

    summary = summarise([record(value, "val", "test") for value in (0.1, 0.2, 0.6)])
    assert summary["folds"] == 3
    assert summary["metrics"]["test"]["nll"] == {
        "mean": pytest.approx(0.3), "sd": pytest.approx(0.07**0.5), "folds": [0.1, 0.2, 0.6]
    }  # fmt: skip
    assert [*summarise([record(0.1, "val", "test"), record(0.2, "val")])["metrics"]] == ["val"]


def test_what_no_fold_can_run_on_is_found_before_there_is_a_folder(corpus, tmp_path):
    config = configured(
        "backbone=none", "text=codeberta", "text.weights=nowhere", "data=folder", f"data.path={corpus}", "folds=2"
    )
    with pytest.raises(UserError, match="nor an existing file or folder"):
        kfold.run(config, [], tmp_path / "k")
    assert not (tmp_path / "k").exists()
