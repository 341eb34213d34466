"""Runs -> rows: seeds folded, ranked on validation, told apart only where they can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.results.judged_runs import answered, snippets, write_run

from fusion.config.errors import UserError
from fusion.results.comparison import compare, modality
from fusion.results.leaderboard import leaderboard

ROWS = snippets(400)


def test_seeds_are_folded_into_one_row_with_mean_and_deviation(tmp_path):
    runs, accuracy = {}, []
    for seed in range(3):
        said = answered(ROWS, 0.8, seed)
        accuracy.append((said == ROWS["label"]).mean())
        runs |= write_run(tmp_path / f"a{seed}", ROWS, said, seed=seed, val=0.7)
    runs |= write_run(tmp_path / "b", ROWS, answered(ROWS, 0.5, 9), text="micro", val=0.6)
    table = leaderboard(compare(runs), tmp_path)
    row, other = table.rows
    assert (row["text"], row["Seeds"], row["Run"]) == ("nano", "3", "a0, a1, a2")
    assert row["F1 Macro"] == f"{np.mean(accuracy):.3f} ± {np.std(accuracy, ddof=1):.3f}"
    assert row["Accuracy"].startswith(f"{np.mean(accuracy):.3f} [") and row["Wilson 95 %"] == ""
    assert other["Seeds"] == "1" and "±" not in other["F1 Macro"] and "seed" not in table.columns
    assert other["McNemar p"] == "" and other["Tie"] == "b" and row["Difference"] == "reference"


def test_the_same_seed_again_is_a_row_of_its_own_and_the_newest_stands_with_the_others(tmp_path):
    runs = {}
    for name, seed in (("1-old", 0), ("2-new", 0), ("3-other", 1)):
        runs |= write_run(tmp_path / name, ROWS, answered(ROWS, 0.8, seed), seed=seed)
    rows = [[folder.name for folder in row.runs] for row in compare(runs).rows]
    assert sorted(rows) == [["1-old"], ["2-new", "3-other"]]


def test_a_failed_run_stands_beside_the_seeds_it_failed_among(tmp_path):
    runs = write_run(tmp_path / "a", ROWS, answered(ROWS, 0.8, 0), seed=0)
    runs |= write_run(tmp_path / "b", ROWS, ROWS["label"], seed=1, status="failed", error="no room", metrics={})
    (row,) = leaderboard(compare(runs)).rows
    assert row["Status"] == "1 completed, 1 failed: no room" and row["Seeds"] == "1"
    assert row["Accuracy"].startswith(f"{(answered(ROWS, 0.8, 0) == ROWS['label']).mean():.3f} [")


def test_a_failed_run_that_was_repeated_stays_visible(tmp_path):
    runs = write_run(tmp_path / "1", ROWS, ROWS["label"], status="failed", error="x", metrics={})
    runs |= write_run(tmp_path / "2", ROWS, answered(ROWS, 0.8, 0))
    assert [row.status for row in compare(runs).rows] == ["completed", "failed: x"]


def test_other_splits_and_labels_are_blocks_of_their_own_without_differences_between_them(tmp_path):
    runs = write_run(tmp_path / "a", ROWS, answered(ROWS, 0.8, 0), val=0.1)
    runs |= write_run(tmp_path / "b", ROWS, answered(ROWS, 0.9, 1), split_hash="t" * 16, val=0.9, text="micro")
    runs |= write_run(tmp_path / "c", ROWS, answered(ROWS, 0.7, 2), val=0.2, text="ngram")
    runs |= write_run(tmp_path / "d", ROWS, answered(ROWS, 0.7, 2), val=0.95, text="x", classes=["C", "Go", "Lua", "R"])
    comparison = compare(runs)
    names = [[next(iter(row.runs)).name for row in block.rows] for block in comparison.blocks]
    assert names == [["c", "a"], ["b"], ["d"]]
    assert [standing.rank for block in comparison.blocks for standing in block.standings] == [1, 2, 1, 1]
    differences = [standing.difference for block in comparison.blocks for standing in block.standings]
    assert [difference is None for difference in differences] == [True, False, True, True]


def test_differences_are_taken_to_the_run_that_is_asked_for(tmp_path):
    runs = write_run(tmp_path / "a", ROWS, answered(ROWS, 0.8, 0), val=0.9)
    runs |= write_run(tmp_path / "b", ROWS, answered(ROWS, 0.5, 1), val=0.5, text="micro")
    table = leaderboard(compare(runs, reference=tmp_path / "b"))
    assert [row["Difference"][:3] for row in table.rows] == ["+0.", "ref"] and "the run b" in table.notes[0]


@pytest.mark.parametrize(("metric", "first"), [("accuracy", "a"), ("f1_macro", "b")])
def test_rows_are_ranked_by_the_metric_on_validation(tmp_path, metric, first):
    runs = {}
    for name, accuracy, f1 in (("a", 0.9, 0.1), ("b", 0.1, 0.9)):
        val = {"accuracy": accuracy, "f1_macro": f1}
        test = {"accuracy": 0.5, "f1_macro": 0.5}
        said = answered(ROWS, 0.5, 0)
        runs |= write_run(tmp_path / name, ROWS, said, text=name, metrics={"val": val, "test": test})
    assert next(iter(compare(runs, metric=metric).rows[0].runs)).name == first


def test_by_folds_all_that_is_not_asked_about_and_says_so(tmp_path):
    runs = {}
    for name, text, lr in (("a", "nano", 0.1), ("b", "nano", 0.2), ("c", "micro", 0.1)):
        runs |= write_run(tmp_path / name, ROWS, answered(ROWS, 0.8, 0), text=text, options={"lr": lr},
                          resolved={"text": text, "lr": lr})  # fmt: skip
    comparison = compare(runs, by=["text"])
    assert sorted(len(row.runs) for row in comparison.rows) == [1, 2] and comparison.keys == ("text",)
    assert comparison.notes == ["Runs of one row differ in lr too: their mean and deviation are over that."]
    with pytest.raises(UserError, match=r"--by textt: no run has a key textt \(did you mean text\?\)"):
        compare(runs, by=["textt"])


def test_runs_on_other_snippets_of_the_same_split_hash_are_not_paired(tmp_path):
    """Predictions of one are damaged: half of them are gone."""
    half = {name: of[:200] for name, of in ROWS.items()}
    runs = write_run(tmp_path / "a", ROWS, answered(ROWS, 0.8, 0), val=0.9)
    runs |= write_run(tmp_path / "b", half, answered(half, 0.8, 0), text="micro")
    comparison = compare(runs)
    assert comparison.blocks[0].standings[1].difference is None
    assert [standing.tie for standing in comparison.blocks[0].standings] == ["", ""]


def test_a_run_without_predictions_has_its_figures_and_no_difference(tmp_path):
    runs = write_run(tmp_path / "a", ROWS, answered(ROWS, 0.8, 0))
    (tmp_path / "a" / "predictions.parquet").unlink()
    (row,) = leaderboard(compare(runs)).rows
    assert row["Rank"] == "1" and row["Accuracy"].count(".") == 1 and row["Tie"] == row["1-2 lines"] == ""


def test_a_seed_without_predictions_is_told_of_where_the_others_have_them(tmp_path):
    runs = {}
    for seed in range(3):
        runs |= write_run(tmp_path / str(seed), ROWS, answered(ROWS, 0.8, seed), seed=seed)
    (tmp_path / "1" / "predictions.parquet").write_bytes(b"PAR1")
    (row,) = leaderboard(compare(runs)).rows
    assert row["Status"] == "completed, predictions of 1 cannot be read" and row["Seeds"] == "3"


def test_each_predictions_file_is_read_once(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    runs, read = {}, []
    for seed in range(4):
        runs |= write_run(tmp_path / str(seed), ROWS, answered(ROWS, 0.8, seed), seed=seed % 2)
    whole = pq.read_table
    monkeypatch.setattr(pq, "read_table", lambda path, **options: read.append(path) or whole(path, **options))
    leaderboard(compare(runs))
    assert sorted(read) == sorted(folder / "predictions.parquet" for folder in runs)


@given(st.permutations(range(5)))
def test_the_order_of_folders_does_not_matter(order):
    runs = {}
    for number in order:
        config = {"lr": number, "text": {"name": "nano"}, "backbone": {"name": "none"}}
        runs[f"/r/{number}"] = {"status": "completed", "config": config, "metrics": {"val": {"accuracy": number / 5}}}
    from pathlib import Path

    comparison = compare({Path(folder): run for folder, run in runs.items()})
    assert [row.keys["lr"] for row in comparison.rows] == ["4", "3", "2", "1", "0"]


def test_modalities_of_a_run():
    both = {"text": {"name": "nano"}, "backbone": {"name": "vgg16"}}
    assert modality({"config": both}) == "text + image"
    assert modality({"config": both | {"fusion": {"read": True}}}) == "text + image + read"
    assert modality({"config": both | {"text": {"name": "none"}}}) == "image" and modality({}) == "?"
