"""The certificate: a fused run beside its parts, which are runs of their own."""

import numpy as np
import pytest
from tests.results.judged_runs import CLASSES, answered, snippets, write_run

from fusion.results.answers import read_probabilities
from fusion.results.comparison import compare
from fusion.results.modalities import COMMAND, modalities
from fusion.results.statistics import project_interval

ROWS = snippets(600)


def three(folder, fused: float = 0.9, text: float = 0.8, image: float = 0.6, seed: int = 0, **changes):
    runs = {}
    for name, accuracy, branches in (
        ("fused", fused, {"text": "nano", "backbone": "vgg16"}),
        ("text", text, {"text": "nano", "backbone": "none"}),
        ("image", image, {"text": "none", "backbone": "vgg16"}),
    ):
        said = answered(ROWS, accuracy, seed=len(name) + 10 * seed)
        runs |= write_run(folder / f"{name}{seed}", ROWS, said, val=accuracy, seed=seed, **branches, **changes)
    return runs


def correct(folder, name: str) -> np.ndarray:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / name / "predictions.parquet")
    return np.array(table["label"].to_pylist()) == np.array(table["predicted"].to_pylist())


@pytest.mark.parametrize(("fused", "word"), [(0.95, "helps"), (0.5, "loses")])
def test_the_gain_is_paired_and_the_verdict_is_against_the_better_part(tmp_path, fused, word):
    table = modalities(compare(three(tmp_path, fused=fused)), tmp_path)
    assert [row["Lines"] for row in table.rows] == ["all", "1-2", "3-5", "6-15", "16-40"]
    row = table.rows[0]
    gain = correct(tmp_path, "fused0").astype(float) - correct(tmp_path, "text0")
    low, high = project_interval(gain, ROWS["group"])
    assert row["Against text"] == f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]" and row["Verdict"] == word
    assert row["Text"] == f"{correct(tmp_path, 'text0').mean():.3f}" and row["Run"] == "fused0" and row["n"] == "600"
    assert f"fusion {word}: {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}] against text alone" in table.notes[1]
    assert f"at 16-40 lines it {word}" in table.notes[1]


def test_alike_is_a_tie_even_where_the_figure_is_larger(tmp_path):
    runs = three(tmp_path, text=0.8)
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "fused0" / "predictions.parquet"
    table = pq.read_table(tmp_path / "text0" / "predictions.parquet")
    predicted = table["predicted"].to_pylist()
    wrong = [n for n, said in enumerate(predicted) if said != ROWS["label"][n]]
    for n in wrong[:3]:
        predicted[n] = ROWS["label"][n]
    pq.write_table(table.set_column(6, "predicted", pa.array(predicted)), path)
    (row, *_), note = modalities(compare(runs)).rows, modalities(compare(runs)).notes[1]
    assert row["Against text"].startswith("+0.005") and row["Verdict"] == "ties" and "fusion ties: +0.005" in note


def test_the_average_is_that_of_the_probabilities(tmp_path):
    runs = three(tmp_path)
    row = modalities(compare(runs)).rows[0]
    probabilities = [read_probabilities(tmp_path / name, runs[tmp_path / name]) for name in ("text0", "image0")]
    right = np.array(CLASSES)[np.sum(probabilities, 0).argmax(1)] == ROWS["label"]
    assert row["Average"] == f"{right.mean():.3f}" and row["Against average"]
    assert "against the average of both it " in modalities(compare(runs)).notes[1]


def test_seeds_are_folded_and_each_stands_beside_its_own_parts(tmp_path):
    runs = {}
    for seed in range(3):
        runs |= three(tmp_path, seed=seed)
    row = modalities(compare(runs)).rows[0]
    gains = [correct(tmp_path, f"fused{seed}").mean() - correct(tmp_path, f"text{seed}").mean() for seed in range(3)]
    assert row["Seeds"] == "3" and row["Against text"].startswith(f"{np.mean(gains):+.3f}")


def test_a_part_of_another_seed_split_or_branch_is_none(tmp_path):
    runs = write_run(tmp_path / "f", ROWS, answered(ROWS, 0.9, 0), text="nano", backbone="vgg16")
    runs |= write_run(tmp_path / "a", ROWS, answered(ROWS, 0.9, 1), text="nano", seed=1)
    runs |= write_run(tmp_path / "b", ROWS, answered(ROWS, 0.9, 1), text="micro")
    runs |= write_run(tmp_path / "c", ROWS, answered(ROWS, 0.9, 1), text="nano", split_hash="x")
    row = modalities(compare(runs)).rows[0]
    assert (row["Text"], row["Image"], row["Verdict"]) == ("", "", "")
    assert row["Status"] == "completed, no run of text alone, no run of the picture alone"
    assert COMMAND in modalities(compare(runs)).notes[1]


def test_with_one_part_the_verdict_is_against_that(tmp_path):
    runs = {folder: run for folder, run in three(tmp_path).items() if folder.name != "image0"}
    row = modalities(compare(runs)).rows[0]
    assert row["Verdict"] == "helps" and row["Average"] == row["Against image"] == ""
    assert "there is no run of the picture alone" in modalities(compare(runs)).notes[1]


def test_a_length_of_two_projects_proves_nothing(tmp_path):
    few = ROWS | {"group": np.where(ROWS["lines"] <= 2, "p0", ROWS["group"])}
    runs = {}
    for name, accuracy, branches in (("f", 1.0, {"backbone": "vgg16"}), ("t", 0.3, {})):
        runs |= write_run(tmp_path / name, few, answered(few, accuracy, 1), val=accuracy, **branches)
    rows = {row["Lines"]: row for row in modalities(compare(runs)).rows}
    assert rows["1-2"]["Verdict"] == "ties" and rows["1-2"]["Against text"].endswith("[-1.000, +1.000]")
    assert rows["16-40"]["Verdict"] == "helps"


def test_where_no_seed_has_both_parts_the_commoner_one_is_compared_with(tmp_path):
    runs = {}
    for seed in range(3):
        runs |= three(tmp_path, seed=seed)
    for name in ("image0", "image1", "text2"):
        del runs[tmp_path / name]
    row = modalities(compare(runs)).rows[0]
    assert row["Seeds"] == "2" and row["Image"] == "" and row["Text"] and row["Verdict"] == "helps"
    assert "no run of the picture alone" in row["Status"]


def test_of_several_candidates_the_likest_is_taken_and_what_differs_is_said(tmp_path):
    runs = three(tmp_path)
    runs |= write_run(tmp_path / "text-other", ROWS, answered(ROWS, 0.2, 5), options={"epochs": 9, "lr": 0.5},
                      resolved={"text": "nano", "lr": 0.5})  # fmt: skip
    assert modalities(compare(runs)).rows[0]["Parts differ in"] == ""
    del runs[tmp_path / "text0"]
    row = modalities(compare(runs)).rows[0]
    assert row["Parts differ in"] == "lr" and row["Text"] == f"{(answered(ROWS, 0.2, 5) == ROWS['label']).mean():.3f}"


def test_a_fused_run_that_failed_is_a_row_that_says_so_and_others_are_none(tmp_path):
    runs = write_run(
        tmp_path / "f", ROWS, ROWS["label"], backbone="vgg16", status="failed", error="no room", metrics={}
    )
    runs |= write_run(tmp_path / "t", ROWS, ROWS["label"])
    table = modalities(compare(runs), tmp_path)
    assert [(row["Run"], row["Status"]) for row in table.rows] == [("f", "failed: no room")]
    assert COMMAND in table.notes[1]


def test_without_fused_runs_the_command_that_makes_them_is_named(tmp_path):
    table = modalities(compare(write_run(tmp_path / "t", ROWS, ROWS["label"])))
    assert table.rows == [] and COMMAND in table.notes[1]
