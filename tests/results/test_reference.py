"""The tables of the sources: their rows as files, our runs beside them, commands where a cell is empty."""

import shlex
from pathlib import Path

import pytest
import yaml

from fusion.config.paths import CONF_DIR
from fusion.results.reference import COLUMNS, DATA, beside_reference, reference_rows
from fusion.results.table import to_markdown
from fusion.results.tables import TABLES

RAKUTEN = reference_rows("rakuten")
ROW = "rakuten_densenet121_224_256"  # 224, 256, lr 0.001, 40 epochs, batches of 64, 0.61 and 0.61


@pytest.fixture
def run(tmp_path):
    """Changes -> a run of ROW by its folder; keys of the configuration or of run.json."""

    def make(name, **changes):
        config = {
            "row": {"name": ROW}, "seed": 0, "lr": 0.001, "epochs": 40, "batch_size": 64, "input_shape": 224,
            "source_size": [256, 256], "backbone": {"name": "densenet121"}, "text": {"name": "none"},
            "render": {"highlight": "none"},
        }  # fmt: skip
        reached = {"accuracy": 0.5, "accuracy_95": [0.4, 0.6], "f1_weighted": 0.45, "f1_macro": 0.4, "n": 99}
        content = {
            "status": "completed", "fingerprint": "a", "split_hash": "s" * 16, "epochs_trained": 40, "error": None,
            "metrics": {"test": reached}, "image": {"original_input_shape": 224, "source_size": [256, 256]},
            "resolved": {"lr": 0.001, "weights": {"image": "hub"}}, "overrides": [f"row={ROW}"],
        }  # fmt: skip
        for key, value in changes.items():
            (config if key in config else content)[key] = value
        return {tmp_path / name: content | {"config": config}}

    return make


def lines_of(*runs, row=ROW):
    table = beside_reference("rakuten", {folder: content for run in runs for folder, content in run.items()})
    return [line for line in table.rows if row in line["Run or Command"] or line["Run or Command"][:1] == "/"]


def test_every_row_of_the_three_tables_and_the_review_has_a_file():
    tables = [table for row in RAKUTEN for table in row.source["tables"]]
    assert [tables.count(name) for name in ("results", "top5", "relevant", "review")] == [17, 5, 15, 5]
    empty = [row for row in RAKUTEN if row.source["accuracy"] is None]
    assert len(empty) == 11 and all(row.source["f1_weighted"] is None for row in empty)
    assert [row.source["number"] for row in RAKUTEN] == list(range(1, 29))
    assert round(sum(row.source["f1_weighted"] or 0 for row in RAKUTEN), 2) == 8.68
    assert round(sum(row.source["accuracy"] or 0 for row in RAKUTEN), 2) == 8.98


def test_what_upscales_and_what_cannot_be_is_marked():
    assert {row.name for row in RAKUTEN if "upscales" in row.remark()} == {
        "rakuten_inception_resnet_v2_299_256", "rakuten_xception_299_256", "rakuten_inception_v3_299_256",
        "rakuten_efficientnet_b7_600_500",
    }  # fmt: skip
    impossible = [row.name for row in RAKUTEN if "cannot be" in row.remark()]
    assert impossible == ["rakuten_inception_v3_256_256"]


@pytest.mark.parametrize("row", RAKUTEN, ids=lambda row: row.name)
def test_the_original_input_shape_is_the_one_the_model_was_trained_at(row):
    import timm

    from fusion.branches.image import register

    model = yaml.safe_load((CONF_DIR / "backbone" / f"{row.backbone}.yaml").read_text())["model"]
    register(model)  # NASNetMobile is one of fusion's own
    own = timm.get_pretrained_cfg(model).input_size[-1]
    assert row.source.get("own_input_shape", row.source["original_input_shape"]) == own


@pytest.mark.parametrize("prefix", DATA)
def test_a_row_is_named_like_its_file_and_says_where_it_comes_from(prefix):
    rows = reference_rows(prefix)
    assert rows and prefix in TABLES
    for row in rows:
        assert row.config["row"]["name"] == row.name
        assert row.source.keys() >= {"number", "model", "original_input_shape", "accuracy", "f1_weighted"}


def test_an_empty_cell_has_the_command_that_fills_it():
    table = beside_reference("rakuten", {})
    assert len(table.rows) == 28 and {tuple(row) for row in table.rows} == {COLUMNS}
    for row, line in zip(RAKUTEN, table.rows, strict=True):
        assert line["Accuracy"] == line["F1 Score Weighted"] == "" and line["Status"] == "not run"
        assert shlex.split(line["Run or Command"]) == ["python", "-m", "fusion.train", f"row={row.name}"]
    assert table.rows[-1]["Source Accuracy"] == "?" and table.rows[3]["Source F1"] == "0.60"


def test_the_table_says_that_ours_is_other_data():
    assert "The data differ" in to_markdown(beside_reference("rakuten", {}))


def test_our_figure_stands_beside_the_sources(run, tmp_path):
    (line,) = lines_of(run("r"))
    assert (line["Accuracy"], line["F1 Score Weighted"]) == ("0.500", "0.450")
    assert (line["Source Accuracy"], line["Source F1"]) == ("0.61", "0.61")
    assert (line["Epochs"], line["Batch Size"], line["LR"]) == ("40", "64", "0.001")
    assert (line["Weights"], line["Changed"], line["Run or Command"]) == ("image: hub", "", str(tmp_path / "r"))


def test_what_a_run_changed_is_said_with_the_sources_value(run):
    given = [f"row={ROW}", "epochs=1", "data.limit=64", "name=quick", "source_size=200"]
    sizes = {"original_input_shape": 224, "source_size": [200, 200]}
    (line,) = lines_of(run("r", epochs=1, epochs_trained=1, overrides=given, image=sizes, source_size=[200, 200]))
    assert line["Epochs"] == "1 (source: 40)" and line["Source Image Size"] == "200×200 (source: 256×256)"
    assert line["Changed"] == "epochs=1 data.limit=64 source_size=200"


def test_stopping_early_is_no_change_of_the_row(run):
    (line,) = lines_of(run("r", epochs_trained=7))
    assert line["Epochs"] == "7 of 40"


def test_one_line_for_each_configuration_and_split_the_last_completed(run):
    runs = [
        run("a"), run("b"), run("c", fingerprint="b"), run("d", split_hash="t" * 16),
        run("e", status="failed", error="no room", metrics={}),
    ]  # fmt: skip
    assert [Path(line["Run or Command"]).name for line in lines_of(*runs)] == ["b", "c", "d"]


def test_a_row_that_failed_says_why_and_keeps_its_command(run):
    (line,) = lines_of(run("a", status="failed", error="no room", metrics={}, split_hash=None))
    assert line["Status"] == "failed: no room" and line["Run or Command"].endswith(f"row={ROW}")
    assert line["Accuracy"] == ""


def test_a_run_of_another_backbone_is_not_that_row(run):
    (line,) = lines_of(run("a", backbone={"name": "vgg16"}))
    assert line["Status"] == "not run"


def test_runs_that_are_no_rows_are_left_out(run, tmp_path):
    found = beside_reference("rakuten", run("a", row=None) | {tmp_path / "new": {}})
    assert {line["Status"] for line in found.rows} == {"not run"}
