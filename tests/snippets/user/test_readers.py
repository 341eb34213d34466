"""Files -> samples: any text survives, and what does not fit is named by file, line and column."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.own_rows import LABELS, conf, rows, write

from fusion.config.errors import UserError
from fusion.snippets import sources
from fusion.snippets.user import readers
from fusion.snippets.user.readers import Columns, from_csv, from_jsonl

COLUMNS = Columns("text", "label", None, None, None)


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
