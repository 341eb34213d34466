"""The user's own data: labels stay as they are, errors name file, line and column, splits are honest."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.own_rows import LABELS, conf, rows, write

from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.snippets import sources
from fusion.snippets.snippet import RowReader, select_split


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "hub"])
def test_labels_round_trip(kind: str, tmp_path, cache_folder) -> None:
    given = rows()
    table = sources.load(conf(kind, write(kind, tmp_path, given)), cache_folder)
    assert Counter(table["label"].to_pylist()) == Counter(row["label"] for row in given)
    assert {row["text"]: row["label"] for row in table.to_pylist()} == {row["text"]: row["label"] for row in given}
    assert {(row["label"], row["split"]) for row in table.to_pylist()} == {
        (label, split) for label in LABELS for split in ("train", "val", "test")
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "hub"])
def test_groups_splits_and_columns_of_other_names(kind: str, tmp_path, cache_folder) -> None:
    sides = ["train", "Validation", "test", "train"]
    given = [
        {"code": row["text"], "lang": row["label"], "repo": f"{row['label']}{n % 4}", "part": sides[n % 4], "more": "x"}
        for n, row in enumerate(rows(["a", "b"], 12))
    ]
    options = {"text_column": "code", "label_column": "lang"}
    path = write(kind, tmp_path, given)
    grouped = sources.load(conf(kind, path, **options, group_column="repo"), cache_folder).to_pylist()
    assert all(
        len({row["split"] for row in grouped if row["group"] == group}) == 1 for group in {r["group"] for r in grouped}
    )
    assert {row["group"] for row in grouped} == {row["repo"] for row in given}
    split = sources.load(conf(kind, path, **options, split_column="part"), cache_folder)
    assert Counter(split["split"].to_pylist()) == {"train": 12, "val": 6, "test": 6}


def test_a_data_set_of_the_hub_keeps_its_splits_and_class_names(tmp_path, cache_folder) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["NA", "01"])})
    made = {
        side: datasets.Dataset.from_list(
            [{"text": f"{side} {row['text']}", "label": n % 2} for n, row in enumerate(rows(["x"], 8))],
            features=features,
        )
        for side in ("train", "validation", "test")
    }
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "saved"))
    table = sources.load(conf("hub", tmp_path / "saved"), cache_folder)
    assert Counter(table["split"].to_pylist()) == {"train": 8, "val": 8, "test": 8}
    assert set(table["label"].to_pylist()) == {"NA", "01"}


def test_pictures_are_paths_in_the_table(tmp_path, cache_folder) -> None:
    (tmp_path / "a.png").write_bytes(b"a picture")
    given = [row | {"shot": "a.png"} for row in rows(["a", "b"], 4)]
    table = sources.load(conf("csv", write("csv", tmp_path, given), image_column="shot"), cache_folder)
    assert set(table["image"].to_pylist()) == {str(tmp_path / "a.png")}
    stored = [row | {"shot": {"bytes": b"another", "path": None}} for row in given]
    table = sources.load(conf("parquet", write("parquet", tmp_path, stored), image_column="shot"), cache_folder)
    assert {Path(path).read_bytes() for path in table["image"].to_pylist()} == {b"another"}
    given[3]["shot"] = "lost.png"
    with pytest.raises(UserError, match=r"data.csv:\d+:shot: there is no file .*lost.png"):
        sources.load(conf("csv", write("csv", tmp_path, given), image_column="shot"), cache_folder)


def test_folders_of_parquet(tmp_path, cache_folder) -> None:
    given = rows(["a", "b"], 10)
    (tmp_path / "shards").mkdir()
    for n in range(2):
        pq.write_table(pa.Table.from_pylist(given[n::2]), tmp_path / "shards" / f"{n}.parquet", row_group_size=3)
    assert sources.load(conf("parquet", tmp_path / "shards"), cache_folder).num_rows == 20


def test_errors_of_splits_and_labels(tmp_path, cache_folder) -> None:
    given = [row | {"part": "train"} for row in rows(["a", "b"], 4)]
    given[2]["part"] = "tset"
    with pytest.raises(UserError, match=r"data.csv:.*:part: 'tset' is no split; it is one of train, training, val"):
        sources.load(conf("csv", write("csv", tmp_path, given), split_column="part"), cache_folder)
    with pytest.raises(UserError, match="Label 'b' has 2 file"):
        sources.load(conf("csv", write("csv", tmp_path, rows(["a", "b"], 4)[:6])), cache_folder)
    with pytest.raises(UserError, match="only the label 'a'"):
        sources.load(conf("csv", write("csv", tmp_path, rows(["a"], 6))), cache_folder)
    with pytest.raises(UserError, match=r"holds no text\. Expected the columns text, label"):
        sources.load(conf("csv", write("csv", tmp_path, [{"text": " ", "label": "a"}])), cache_folder)


@pytest.mark.parametrize("kind", ["folder", "csv", "jsonl", "parquet", "hub"])
def test_a_path_is_needed_and_must_be_there(kind: str, tmp_path, cache_folder) -> None:
    for missing in (load_data_options(kind), conf(kind, "")):
        with pytest.raises(UserError, match=rf"^data={kind} needs data.path=[^.]*\.$"):
            sources.load(missing, cache_folder)
    with pytest.raises(UserError, match=r"data.path=.*nowhere"):
        sources.load(conf(kind, tmp_path / "nowhere"), cache_folder)


def test_a_table_is_read_by_memory_map(tmp_path, cache_folder, monkeypatch) -> None:
    """Loading and reading a table takes a fraction of its size: it may be larger than the memory."""
    monkeypatch.setattr("fusion.snippets.user.split.MAX_COMPARED", 0)
    monkeypatch.setattr("fusion.snippets.user.load.SORT_ROWS", 64)
    given = [{"text": f"{n} " + "x" * 40_000, "label": "ab"[n % 2]} for n in range(400)]
    path = write("jsonl", tmp_path, given)
    before = pa.total_allocated_bytes()
    table = sources.load(conf("jsonl", path), cache_folder)
    train = select_split(table, "train")
    rows = RowReader(train.select(["id", "text", "label"]))
    found = rows.take([200, 3, 3]).to_pydict()
    assert pa.total_allocated_bytes() - before < 1 << 20 < path.stat().st_size / 10
    assert found["text"] == [train["text"][n].as_py() for n in (200, 3, 3)] and len(rows) == train.num_rows


LOADING = """
import sys, time
from pathlib import Path
from fusion.config.data import load_data_options
from fusion.snippets import sources
from fusion.snippets.snippet import split_hash
from fusion.snippets.user import load

cache, meeting = Path(sys.argv[2]), Path(sys.argv[3])
read = load.open_table

def open_late(path):  # what was read lies there, and is opened once the other process has done all its work
    if meeting.name:
        meeting.with_suffix(".here").touch()
        while not meeting.exists():
            time.sleep(0.02)
    return read(path)

load.open_table = open_late
print(split_hash(sources.load(load_data_options("csv", path=sys.argv[1]), cache)))
"""


def test_two_processes_that_load_the_same_data_do_not_meet(tmp_path, cache_folder) -> None:
    path, meeting = write("csv", tmp_path, rows(["a", "b"])), tmp_path / "meeting"
    command = [sys.executable, "-c", LOADING, str(path), str(cache_folder)]
    with subprocess.Popen([*command, str(meeting)], stdout=subprocess.PIPE, text=True) as late:
        while not meeting.with_suffix(".here").exists():
            assert late.poll() is None
            time.sleep(0.02)
        early = subprocess.run([*command, ""], stdout=subprocess.PIPE, text=True, check=True).stdout
        meeting.touch()
        assert late.communicate()[0] == early and late.returncode == 0
    assert [found.suffix for found in (cache_folder / "snippets").iterdir()] == [".arrow"]
