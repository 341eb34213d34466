"""A run folder: one a run, its record always readable, and nothing read that is no run."""

import json
import os
import platform
import re
import shutil
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.tiny import configured

from fusion.config.errors import UserError
from fusion.config.schema import Row, load_config
from fusion.results import record
from fusion.results.record import (
    IGNORED_IN_FINGERPRINT,
    REUSED,
    REUSED_BEFORE,
    SCHEMA,
    Record,
    Resolved,
    find_reused,
    fingerprint,
    new_folder,
    new_run_folder,
    read_metrics,
    read_run,
    read_runs,
    write_metrics,
    write_predictions,
)


def test_a_run_folder_is_new_named_by_time_and_already_a_run(tmp_path):
    folder = new_run_folder(tmp_path / "runs" / "train")
    assert folder.parent == tmp_path / "runs" / "train"
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", folder.name)
    assert read_run(folder) == {}


def test_two_runs_of_one_second_get_two_folders(tmp_path, monkeypatch):
    stamps = iter(["20260102-030405-aaaaaa"] * 3 + ["20260102-030405-bbbbbb"])
    monkeypatch.setattr(record, "stamp", lambda: next(stamps))
    names = [new_run_folder(tmp_path).name for _ in range(2)]
    assert names == ["20260102-030405-aaaaaa", "20260102-030405-bbbbbb"]


def test_a_folder_of_folds_has_a_prefix_and_is_no_run_itself(tmp_path):
    folder = new_folder(tmp_path / "train", "folds-")
    assert re.fullmatch(r"folds-\d{8}-\d{6}-[0-9a-f]{6}", folder.name) and list(folder.iterdir()) == []


def test_where_nothing_can_be_written_is_found_before_training(tmp_path):
    (tmp_path / "file").touch()
    for parent in (tmp_path / "file", tmp_path / "file" / "runs"):
        for make in (new_run_folder, new_folder):
            with pytest.raises(UserError, match="runs=DIR"):
                make(parent)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_found_before_training(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="Permission denied"):
        new_run_folder(tmp_path)


def test_a_run_is_readable_from_its_first_moment_to_its_last(tmp_path, config):
    run = Record(tmp_path, config, ["lr=0.001"])
    started = read_run(tmp_path)
    assert (started["schema"], started["status"], started["error"]) == (SCHEMA, "running", None)
    assert (started["config"], started["overrides"], started["seed"]) == (config.to_dict(), ["lr=0.001"], 7)
    assert load_config(started["config"]) == config
    assert started["fingerprint"] == fingerprint(config)
    assert (started["pid"], started["host"]) == (os.getpid(), platform.node())
    assert started["versions"].keys() >= {"torch", "python"}
    run.update(classes=["a", "b"])
    assert read_run(tmp_path)["classes"] == ["a", "b"]
    run.finish("failed", "no room")
    ended = read_run(tmp_path)
    assert (ended["status"], ended["error"], ended["classes"]) == ("failed", "no room", ["a", "b"])
    assert ended["peak_memory_mb"] > 1
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]


def test_what_a_run_really_uses_is_kept_beside_what_was_asked(tmp_path, config):
    run = Record(tmp_path, replace(config, lr="search"), [])
    asked = read_run(tmp_path)
    assert asked["resolved"]["text"] == "nano" and asked["resolved"]["lr"] is None
    run.resolve(text="scratch", weights={"text": "random"})
    run.resolve(lr=0.01)
    resolved = read_run(tmp_path)["resolved"]
    assert (resolved["text"], resolved["weights"], resolved["lr"]) == ("scratch", {"text": "random"}, 0.01)
    assert run.resolved == Resolved(**resolved)
    assert read_run(tmp_path)["config"] == asked["config"] and asked["config"]["lr"] == "search"
    with pytest.raises(TypeError, match="weight_names"):
        run.resolve(weight_names={})


def test_a_record_without_a_folder_takes_notes_and_writes_nothing(tmp_path, monkeypatch, config):
    monkeypatch.chdir(tmp_path)
    run = Record(None, config, [])
    run.update(parameters=5)
    run.resolve(device="cpu")
    run.finish("completed")
    assert (run.content["parameters"], run.resolved.device, run.resolved.lr) == (5, "cpu", config.lr)
    assert list(tmp_path.iterdir()) == []


def test_how_long_it_took_does_not_depend_on_the_clock_on_the_wall(tmp_path, monkeypatch, config):
    ticks = iter([100.0, 107.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    run = Record(tmp_path, config, [])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    run.finish("completed")
    assert read_run(tmp_path)["timings"]["total_seconds"] == 7.5


def test_what_json_cannot_say_becomes_null(tmp_path, config):
    run = Record(tmp_path, config, [])
    run.update(
        metrics={"loss": float("nan"), "all": [np.float64("inf"), 1.0], "pair": (1, -float("inf"))}, odd={1: "one"}
    )

    def refuse(name):
        raise AssertionError(name)

    content = json.loads((tmp_path / "run.json").read_text(), parse_constant=refuse)
    assert content["metrics"] == {"loss": None, "all": [None, 1.0], "pair": [1, None]}
    assert content["odd"] == {"1": "one"}


@pytest.mark.parametrize("label", ["NA", "null", "", "01", "=cmd()", "<script>", "[/]", "../x", "é\udce9\x1b"])
def test_labels_come_back_as_they_were(tmp_path, label, config):
    Record(tmp_path, config, []).update(classes=[label])
    assert read_run(tmp_path)["classes"] == [label]


def test_a_fingerprint_is_of_what_is_computed_and_not_of_where_or_how_fast(config):
    others = {"runs": "else", "name": "x", "rerun": True, "num_workers": 8, "dry_run": True, "table": "texts",
              "logger": configured("logger=wandb").logger, "modalities": "all"}  # fmt: skip
    assert set(others) == set(IGNORED_IN_FINGERPRINT)
    assert fingerprint(replace(config, **others)) == fingerprint(config)
    assert re.fullmatch("[0-9a-f]{16}", fingerprint(config))


@pytest.mark.parametrize("change", [{"seed": 8}, {"lr": 0.002}, {"lr": "search"}, {"row": Row(name="r")}], ids=str)
def test_a_fingerprint_changes_with_what_is_computed(change, config):
    assert fingerprint(replace(config, **change)) != fingerprint(config)


def test_options_of_a_branch_that_is_not_there_are_no_part_of_a_fingerprint():
    text, both = ["text=nano", "backbone=none"], ["text=nano", "backbone=convnet"]
    pictures = ["input_shape=96", "source_size=500", "render=plain", "augment=code"]
    assert fingerprint(configured(*text, *pictures)) == fingerprint(configured(*text))
    assert fingerprint(configured(*both, *pictures)) != fingerprint(configured(*both))
    image = ["text=none", "backbone=convnet"]
    assert fingerprint(configured(*image, "vary.part=0.5")) == fingerprint(configured(*image))
    assert fingerprint(configured(*text, "vary.part=0.5")) != fingerprint(configured(*text))


def test_a_fingerprint_changes_with_the_options_of_a_branch(config):
    assert fingerprint(replace(config, text=replace(config.text, dim=8))) != fingerprint(config)


def test_a_fingerprint_changes_with_the_version_of_fusion(config, monkeypatch):
    before = fingerprint(config)
    monkeypatch.setattr(record.environment, "installed_version", lambda _: "99")
    assert fingerprint(config) != before


def test_metrics_come_back_with_later_columns_and_without_gaps(tmp_path):
    epochs = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": float("nan"), "val_loss": 0.25}, {"epoch": 3}]
    write_metrics(tmp_path, epochs)
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "epoch,loss,val_loss"
    again = read_metrics(tmp_path)
    assert [list(epoch) for epoch in again] == [["epoch", "loss"], ["epoch", "loss", "val_loss"], ["epoch"]]
    assert again[0] == epochs[0] and np.isnan(again[1]["loss"]) and again[1]["val_loss"] == 0.25


@pytest.mark.parametrize("kind", [dict, pa.table])
def test_predictions_come_back(tmp_path, kind):
    columns = {"id": ["x", "y"], "label": ["NA", "=1"], "logits": [[0.5, 1.0], [2.0, 3.0]]}
    write_predictions(tmp_path, kind(columns))
    assert pq.read_table(tmp_path / "predictions.parquet").to_pydict() == columns
    assert list(tmp_path.iterdir()) == [tmp_path / "predictions.parquet"]


@pytest.fixture
def tree(tmp_path, config):
    """Four run folders in two sweeps."""
    folders = [tmp_path / name for name in ("b/20260101-1", "a/20260103-3", "a/deep/20260102-2", "20260104-4")]
    for folder in folders:
        folder.mkdir(parents=True)
        Record(folder, config, [])
    return folders


def test_runs_are_found_in_trees_once_and_oldest_first(tree, tmp_path):
    first, third, second, fourth = tree
    runs, notes = read_runs([tmp_path])
    assert list(runs) == [first, second, third, fourth] and notes == []
    assert runs[third] == read_run(third)
    assert list(read_runs([third, tmp_path / "a", third])[0]) == [second, third]
    (tmp_path / "empty").mkdir()
    assert read_runs([tmp_path / "empty"]) == ({}, [])


def test_a_path_that_is_no_folder_is_named(tree, tmp_path):
    for path in (tmp_path / "absent", tree[0] / "run.json"):
        with pytest.raises(UserError, match=path.name):
            read_runs([tmp_path, path])


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"null", b"3", b'{"schema": "two"}', b'{"schema": 99}', b"[" * 100_000, b'{"a": 1}'],
    ids=lambda content: content[:9].decode("latin-1"),
)
def test_what_is_no_run_is_refused_by_name(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(UserError, match=r"run\.json"):
        read_run(tmp_path)


def test_a_record_that_is_nested_too_deeply_is_refused_and_no_crash(tmp_path):
    refused = 0
    for depth in range(700, 1000):
        (tmp_path / "run.json").write_text('{"status": "x", "config": ' + '{"a": ' * depth + "1" + "}" * (depth + 1))
        try:
            read_run(tmp_path)
        except UserError as error:
            refused += "RecursionError" in str(error)
    assert refused


WRONG = [
    {"metrics": [1]}, {"metrics": {"val": None}}, {"metrics": {"val": {"f1_macro": "0.5"}}},
    {"metrics": {"test": {"accuracy_95": 0.5}}}, {"metrics": {"test": {"accuracy_95": ["a", "b"]}}}, {"classes": 5},
    {"classes": [["a"]]}, {"split_hash": {}}, {"fingerprint": []}, {"image": [224]},
    {"resolved": None}, {"resolved": {"weights": "hub"}}, {"resolved": {"text": 5}}, {"resolved": {"lr": "search"}},
    {"resolved": {"text_options": "nano"}}, {"timings": {"total_seconds": "long"}}, {"status": None}, {"status": ["completed"]}, {"config": "x"},
    {"overrides": [1]}, {"pid": "1"}, {"config": {"backbone": "x"}}, {"config": {"text": ["nano"]}},
    {"config": {"render": 3}}, {"config": {"row": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_value_that_no_run_writes_is_refused_by_name(tmp_path, change, config):
    run = Record(tmp_path, config, [])
    run.update(**change)
    name = next(iter(change))
    with pytest.raises(UserError, match=rf"run\.json says {name}.*=.*, which no run writes"):
        read_run(tmp_path)


def test_numbers_that_no_table_can_show_are_none(tmp_path):
    written = '{"status": "completed", "config": {"seed": %s}, "metrics": {"val": {"f1_macro": NaN}}}'
    (tmp_path / "run.json").write_text(written % ("9" * 400))
    run = read_run(tmp_path)
    assert run["metrics"]["val"]["f1_macro"] is None and run["config"]["seed"] == float("inf")


def test_what_cannot_be_read_is_left_out_under_one_note_that_says_why(tree, tmp_path):
    first, *broken = tree
    (broken[0] / "run.json").write_text("{")
    runs, (note,) = read_runs([tmp_path])
    assert len(runs) == 3 and broken[0] not in runs
    assert note == f"1 folder left out: {broken[0]} is not a run folder: run.json cannot be read (JSONDecodeError)"
    for folder in broken:
        (folder / "run.json").write_text('{"schema": 99}')
    runs, (note,) = read_runs([tmp_path])
    assert list(runs) == [first] and note.startswith("3 folders left out: ") and note.count("upgrade fusion") == 3
    shutil.copytree(broken[0], tmp_path / "one more")
    assert read_runs([tmp_path])[1][0].endswith("; and 1 more")


@pytest.mark.parametrize("name", [REUSED, REUSED_BEFORE])
def test_a_run_that_a_sweep_reused_is_one_of_its_runs(tree, tmp_path, name):
    sweep = tmp_path / "sweep"
    (sweep / name).mkdir(parents=True)
    (sweep / name / "x.txt").write_text("../b/20260101-1\n")
    assert read_runs([sweep]) == ({tree[0]: read_run(tree[0])}, [])
    assert find_reused(sweep) == [sweep / name / "x.txt"]
    assert len(read_runs([tmp_path])[0]) == len(tree), "once, from the sweep and from where it lies"


@pytest.mark.parametrize("content", [b"../../elsewhere/20260101-1", b"\xff", b"\0", b"", b"x" * 5000])
def test_a_run_that_a_sweep_reused_and_that_is_gone_is_noted(tree, tmp_path, content):
    (tmp_path / "a" / REUSED).mkdir()
    (tmp_path / "a" / REUSED / "x.txt").write_bytes(content)
    runs, (note,) = read_runs([tmp_path / "a", tmp_path])
    assert len(runs) == 4 and note.startswith("1 run that a sweep reused from elsewhere is not there: ")
    (tmp_path / "a" / REUSED / "y.txt").write_text("../nowhere")
    assert read_runs([tmp_path])[1][0].startswith("2 runs that a sweep reused from elsewhere are not there: ")


def test_a_folder_without_a_record_is_no_run(tmp_path):
    with pytest.raises(UserError, match="not a run folder"):
        read_run(tmp_path)


def test_a_newer_run_says_to_upgrade(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"schema": SCHEMA + 1}))
    with pytest.raises(UserError, match="upgrade"):
        read_run(tmp_path)
