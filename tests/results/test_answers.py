"""predictions.parquet -> answers that can be paired, whatever order they were written in."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.results.judged_runs import CLASSES, answered, snippets, write_run

from fusion.results.answers import AnswerReader, read_probabilities


def test_runs_on_the_same_snippets_share_them_in_whatever_order_they_were_written(tmp_path):
    rows = snippets(50)
    said = answered(rows, 0.7, seed=1)
    one = write_run(tmp_path / "a", rows, said)
    other = write_run(tmp_path / "b", rows, said, order=np.random.default_rng(0).permutation(50))
    reader = AnswerReader()
    first, second = (reader.read(folder, run) for run_of in (one, other) for folder, run in run_of.items())
    assert first.rows is second.rows and (first.predicted == second.predicted).all()
    assert first.correct.mean() == (said == rows["label"]).mean()
    assert [first.rows.projects[n] for n in first.rows.project] == rows["group"].tolist()
    assert first.rows.labels[: len(CLASSES)] == tuple(CLASSES) and first.rows.lines.tolist() == rows["lines"].tolist()


@pytest.mark.parametrize("column", ["label", "group", "lines"])
def test_other_snippets_are_not_paired(tmp_path, column):
    rows, others = snippets(50), snippets(50, seed=1)
    one = write_run(tmp_path / "a", rows, rows["label"])
    other = write_run(tmp_path / "b", rows | {column: others[column]}, rows["label"])
    reader = AnswerReader()
    first, second = (reader.read(folder, run) for run_of in (one, other) for folder, run in run_of.items())
    assert first.rows is not second.rows


def test_only_the_test_side_counts(tmp_path):
    rows = snippets(20)
    (folder,) = write_run(tmp_path / "a", rows, rows["label"])
    table = pq.read_table(folder / "predictions.parquet")
    val = table.set_column(table.column_names.index("split"), "split", pa.array(["val"] * 20))
    pq.write_table(pa.concat_tables([val, table]), folder / "predictions.parquet")
    assert len(AnswerReader().read(folder, {"classes": CLASSES}).rows) == 20
    assert read_probabilities(folder, {}).shape == (20, 3)


@pytest.mark.parametrize("content", [b"", b"PAR1", None, "columns", "nulls"])
def test_what_cannot_be_read_is_no_answer(tmp_path, content):
    rows = snippets(5)
    (folder,) = write_run(tmp_path / "a", rows, rows["label"])
    path = folder / "predictions.parquet"
    if content is None:
        path.unlink()
    elif content == "columns":
        pq.write_table(pa.table({"split": ["test"]}), path)
    elif content == "nulls":
        table = pq.read_table(path)
        none = pa.array([None] * 5, pa.string())
        pq.write_table(table.set_column(table.column_names.index("predicted"), "predicted", none), path)
    else:
        path.write_bytes(content)
    assert AnswerReader().read(folder, {"classes": CLASSES}) is None


@pytest.mark.parametrize("label", ["<script>", "[/]", "=cmd", "NA", "", "x" * 300, "\u202eevil", "01"])
def test_labels_of_any_kind_are_told_apart(tmp_path, label):
    rows = snippets(10) | {"label": np.array([label, "1"] * 5)}
    (folder,) = write_run(tmp_path / "a", rows, [label] * 10)
    answers = AnswerReader().read(folder, {"classes": [label, "1"]})
    assert answers.correct.tolist() == [True, False] * 5 and answers.rows.labels == (label, "1")


def test_probabilities_are_those_of_the_temperature_in_the_order_of_the_snippets(tmp_path):
    rows = snippets(30)
    said = answered(rows, 0.5, seed=2)
    (folder,) = write_run(tmp_path / "a", rows, said, sure=4.0, order=np.arange(30)[::-1])
    probabilities = read_probabilities(folder, {"temperature": 2.0})
    assert np.array(CLASSES)[probabilities.argmax(1)].tolist() == said.tolist()
    assert probabilities.max(1) == pytest.approx(np.exp(2) / (np.exp(2) + 2))
    assert read_probabilities(tmp_path, {}) is None
