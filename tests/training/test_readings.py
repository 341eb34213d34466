"""A run in which what is read in pictures is a modality: rows without pictures, situations, readings kept."""

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.exported import READS
from tests.tiny import configured

from fusion.collate import DAMAGED
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.model import checkpoint
from fusion.results.fusions import fusions
from fusion.results.record import Record
from fusion.training import readings
from fusion.training.build import create_branches
from fusion.training.data import load_data, make_datamodule


def test_every_situation_is_judged_by_every_modality_that_is_there(read_run: Path) -> None:
    told = pq.read_table(read_run / "answers.parquet").filter(pc.field("split") == "test")
    said: dict[str, set[str]] = {}
    for situation, answer in zip(told["situation"].to_pylist(), told["answer"].to_pylist(), strict=True):
        said.setdefault(situation, set()).add(answer)
    everything = {"all", "network", "linear", "colours", "text", "image", "read"}
    assert said == dict.fromkeys(("whole", "partial", "corrupted"), everything) | {
        "picture": everything - {"text", "linear"}
    }
    counts = {len(told.filter(pc.field("situation") == name)) // len(said[name]) for name in said}
    assert len(counts) == 1, "all situations have the same snippets: those with a picture"
    run = json.loads((read_run / "run.json").read_text())
    assert counts.pop() < run["metrics"]["test"]["n"] == run["samples"]["test"]
    assert set(run["metrics"]["test"]["situations"]) == set(said)
    assert "ms_per_sample" not in run["timings"], "what is read was kept"
    assert sum(run["members"].values()) == pytest.approx(1, abs=0.05)


def test_every_view_has_a_calibration_of_its_own(read_run: Path) -> None:
    meta = checkpoint.load(read_run / "model").meta
    assert set(meta["calibration"]) == {"all", "text", "image", "read", "picture"}


def test_the_table_of_fusions_shows_the_run(read_run: Path) -> None:
    rows = fusions({read_run: json.loads((read_run / "run.json").read_text())}).rows
    assert {row["Situation"] for row in rows} == {
        "text and picture", "picture alone", "part of the text, damaged picture", "corrupted text, picture"
    }  # fmt: skip
    alone = next(row for row in rows if row["Situation"] == "picture alone")
    assert not alone["Text"] and alone["Read"] and alone["Colours"] and alone["Verdict"] in ("helps", "ties", "loses")


@pytest.fixture
def made(corpus: Path):
    """The data module of such a run, and its record."""
    config = configured(*READS, f"data.path={corpus}")
    record = Record(None, config, [])
    data = load_data(config, record)
    config, branches = create_branches(config, data.table, record)
    return config, make_datamodule(config, data, branches), record


def test_readings_are_kept_and_a_damaged_file_is_read_anew(made, monkeypatch, caplog) -> None:
    config, module, record = made
    readings.use_readings(config, module, record)
    first, count = module.sources.readings, record.content["readings"]["read"]
    assert count == record.content["readings"]["pictures"] > 0
    assert any(text.strip() for text, *_ in first.read[None].values()), "something was read"
    readings.use_readings(config, module, record)
    assert record.content["readings"]["read"] == 0
    (path, *_), style = sorted((cache_dir() / "readings").iterdir()), None
    path.write_bytes(path.read_bytes()[:-9])
    with caplog.at_level(logging.WARNING):
        readings.use_readings(config, module, record)
    assert "is damaged" in caplog.text and 0 < record.content["readings"]["read"] < count
    for style in first.read:
        for row, (text, coloured, quality) in first.read[style].items():
            again = module.sources.readings.read[style][row]
            assert again[:2] == (text, coloured) and np.allclose(again[2], quality)


def test_rows_without_a_picture_are_the_same_in_every_epoch_and_have_nothing_read(made) -> None:
    config, module, record = made
    readings.use_readings(config, module, record)
    with_picture = {key[0] for key in module.drawn_keys("train")}
    assert 0 < len(with_picture) < len(module.splits["train"])
    for epoch in (0, 1):
        for batch in module.loader("train", epoch):
            has = [id in with_picture for id in batch["id"]]
            assert batch["present"]["image"].tolist() == has and batch["present"]["text"].all()
            assert not (batch["present"]["read"] & ~batch["present"]["image"]).any()
            assert not batch["read"]["quality"][~batch["present"]["image"]].any()
    drawn = [id for batch in module.loader("val", None, DAMAGED, drawn=True, has_text=False) for id in batch["id"]]
    assert drawn == [key[0] for key in module.drawn_keys("val")]


def test_a_share_that_leaves_a_split_without_pictures_is_refused(corpus: Path) -> None:
    config = configured(*READS, f"data.path={corpus}", "picture_share=0.000001")
    record = Record(None, config, [])
    data = load_data(config, record)
    config, branches = create_branches(config, data.table, record)
    with pytest.raises(UserError, match="picture_share=1e-06 leaves the train side without a picture"):
        make_datamodule(config, data, branches)
