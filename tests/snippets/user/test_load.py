"""The user's own data: labels stay as they are, errors name file, line and column, splits are honest."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.own_rows import LABELS, conf, rows, write

from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.snippets import sources
from fusion.snippets.snippet import RowReader, side
from fusion.snippets.user import load as own
from fusion.snippets.user import readers
from fusion.snippets.user.readers import Columns, from_csv, from_jsonl

COLUMNS = Columns("text", "label", None, None, None)


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


def test_near_copies_stay_together_and_clashing_texts_go(tmp_path, cache_folder, caplog) -> None:
    given = rows(["a", "b"], 20)
    copy = {"text": given[0]["text"] + "\n\n", "label": "a"}
    near = {"text": given[1]["text"] + " # more", "label": "a"}
    clash = {"text": given[2]["text"], "label": "b"}
    table = sources.load(conf("jsonl", write("jsonl", tmp_path, [*given, copy, near, clash])), cache_folder)
    by_text = {row["text"]: row["split"] for row in table.to_pylist()}
    assert table.num_rows == 40 and copy["text"] not in by_text and clash["text"] not in by_text
    assert by_text[near["text"]] == by_text[given[1]["text"]]
    assert "1 text(s) carry more than one label" in caplog.text


def test_without_a_val_side_part_of_train_becomes_it(tmp_path, cache_folder) -> None:
    given = [row | {"part": "test" if n % 4 == 0 else "train"} for n, row in enumerate(rows(["a", "b"], 40))]
    table = sources.load(conf("csv", write("csv", tmp_path, given), split_column="part"), cache_folder)
    held = Counter(table["split"].to_pylist())
    assert held["test"] == 20 and held["train"] + held["val"] == 60 and 6 <= held["val"] <= 12


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


HEAD = "text,label\n"


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("csv", "text,lable\nx,a\n", r"data.csv:1: there is no column 'label' \(did you mean lable\?\); "
         r"it has text, lable. "
         r"Pass data.label_column=NAME. Expected the columns text, label."),
        ("csv", "", r"data.csv:1: there is no column 'text'; it has none"),
        ("csv", HEAD + "x,a\ny,b,c\n",
         r'data.csv:3: 3 fields, expected 2 \(text,label\); put a field that .* "double quotes"'),
        ("csv", HEAD + '"two\nlines",a\ny,\n', r"data.csv:4:label: nothing is no label; expected text such as"),
        ("csv", HEAD + '"open,a\n', r"data.csv:2: not CSV \(unexpected end of data\)"),
        ("csv", (HEAD + "ä,a\n").encode("latin-1"), r"data.csv:\d: not UTF-8 \(.*\); convert the file"),
        ("jsonl", '{"text": "x", "label": "a"}\n{"text": "x", "label": }\n',
         r"data.jsonl:2:24: not JSON \(Expecting value\); "
         r'expected {"text": "...", "label": "..."}'),
        ("jsonl", "[1, 2]\n", r"data.jsonl:1:1: not a JSON object"),
        ("jsonl", '{"text": "x"}\n', r"data.jsonl:1: there is no column 'label'; it has text"),
        ("jsonl", '{"text": null, "label": "a"}\n', r"data.jsonl:1:text: nothing is no text"),
        ("jsonl", '{"text": "x", "label": 1.5}\n', r"data.jsonl:1:label: 1.5 is no label"),
        ("jsonl", '{"text": "x", "label": true}\n', r"data.jsonl:1:label: True is no label"),
        ("parquet", "nothing", r"data.parquet: not a Parquet file"),
        ("csv", "text;label\nx;a\n", r"data.csv:1: there is no column 'text'; it has text;label. .* pass "
         "\"data.delimiter=';'\""),
        ("csv", "text\tlabel\nx\ta\n", r"pass \"data.delimiter='\\t'\""),
        ("csv", "text,label,text\nx,a,y\n", r"data.csv:1: there are 2 columns 'text'; rename all but one"),
        ("jsonl", '{"text": "x", "label": "a"}\n{"text": "x", "label": "\\ud800"}\n',
         r"data.jsonl:2:label: '\\ud800' holds half a character"),
        ("jsonl", "[" * 100_000 + "\n", r"data.jsonl:1: lists or objects too deep in one another"),
        ("jsonl", '{"text": "x", "label": ' + "9" * 5000 + "}\n", r"data.jsonl:1: not JSON that can be read \(Exceeds"),
    ],
)  # fmt: skip
def test_errors_name_the_place(kind: str, content: str | bytes, told: str, tmp_path, cache_folder) -> None:
    path = tmp_path / f"data.{kind}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=told):
        sources.load(conf(kind, path), cache_folder)
    assert not list((cache_folder / "snippets").glob("*"))


def test_an_error_without_a_text_is_told_by_its_kind(tmp_path, cache_folder, monkeypatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError

    monkeypatch.setattr(readers.pq, "ParquetFile", refuse)
    with pytest.raises(UserError, match=r"data.parquet: not a Parquet file \(OSError\)"):
        sources.load(conf("parquet", write("parquet", tmp_path, rows(["a", "b"]))), cache_folder)


def test_a_broken_page_of_parquet_is_named_by_row(tmp_path, cache_folder) -> None:
    path = tmp_path / "data.parquet"
    given = [{"text": f"{n * 7919 % 10007:x}" * 50, "label": "ab"[n % 2]} for n in range(5000)]
    pq.write_table(pa.Table.from_pylist(given), path, row_group_size=2500, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 2000 : len(data) // 2 + 6000] = b"\xff" * 4000
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"data.parquet:\d+: broken from about this row on \(.*\); write it anew"):
        sources.load(conf("parquet", path), cache_folder)
    assert not list((cache_folder / "snippets").glob("*"))


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


def test_folders(tmp_path, cache_folder, caplog) -> None:
    for label in ("NA", "01"):
        for n in range(4):
            (tmp_path / "own" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "own" / label / f"{n}.txt").write_text(rows([f"{label}{n}"], 1)[0]["text"])
    (tmp_path / "own" / "NA" / "picture.png").write_bytes(b"\x89PNG\0\0")
    table = sources.load(conf("folder", tmp_path / "own"), cache_folder)
    assert Counter(table["label"].to_pylist()) == {"NA": 4, "01": 4}
    assert "1 binary or empty file(s) left out" in caplog.text


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1), st.sampled_from(LABELS))
    )
)
def test_any_text_survives_csv_and_jsonl(tmp_path_factory, given) -> None:
    folder = tmp_path_factory.mktemp("any")
    records = [{"text": text, "label": label} for text, label in given]
    if records:
        for kind, read in (
            ("csv", lambda path: from_csv(path, COLUMNS, None)),
            ("jsonl", lambda path: from_jsonl(path, COLUMNS)),
        ):
            found = [{"text": row.text, "label": row.label} for row in read(write(kind, folder, records))]
            assert found == records


def test_a_table_is_read_by_memory_map(tmp_path, cache_folder, monkeypatch) -> None:
    """Loading and reading a table takes a fraction of its size: it may be larger than the memory."""
    monkeypatch.setattr(own, "MOST_COMPARED", 0)
    monkeypatch.setattr(own, "STRETCH", 64)
    given = [{"text": f"{n} " + "x" * 40_000, "label": "ab"[n % 2]} for n in range(400)]
    path = write("jsonl", tmp_path, given)
    before = pa.total_allocated_bytes()
    table = sources.load(conf("jsonl", path), cache_folder)
    train = side(table, "train")
    rows = RowReader(train.select(["id", "text", "label"]))
    found = rows.take([200, 3, 3]).to_pydict()
    assert pa.total_allocated_bytes() - before < 1 << 20 < path.stat().st_size / 10
    assert found["text"] == [train["text"][n].as_py() for n in (200, 3, 3)] and len(rows) == train.num_rows


def test_large_fields_are_read(tmp_path) -> None:
    path = write("csv", tmp_path, [{"text": "x" * 200_000, "label": "a"}])
    assert len(next(from_csv(path, COLUMNS, None)).text) == 200_000


def test_tabs_and_semicolons(tmp_path) -> None:
    (tmp_path / "a.tsv").write_text("text\tlabel\nx, y\ta\n")
    (tmp_path / "a.csv").write_text("text;label\nx, y;a\n")
    assert (
        next(from_csv(tmp_path / "a.tsv", COLUMNS, None)).text
        == "x, y"
        == next(from_csv(tmp_path / "a.csv", COLUMNS, ";")).text
    )


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
