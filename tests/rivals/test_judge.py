"""A run and its rivals, from the folder to the table; the tools are fakes."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.tiny import composed

from fusion.config.errors import UserError
from fusion.results.statistics import draw_evenly
from fusion.rivals import judge as judging
from fusion.rivals import pictures
from fusion.rivals.judge import Request, judge
from fusion.rivals.rival import Answer, Missing, Rival


def at_once(items, _title, _total):
    return items


def copied(trained: Path, folder: Path, **changes: object) -> Path:
    """The trained run's record and answers in another folder."""
    folder.mkdir()
    record = json.loads((trained / "run.json").read_text()) | changes
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "predictions.parquet").write_bytes((trained / "predictions.parquet").read_bytes())
    (folder / "model").symlink_to(trained / "model")
    return folder


@pytest.fixture
def asked(monkeypatch):
    """Put a tool that says py of everything and ranks c next, and one that breaks, in place of two real ones."""
    said = []

    @contextmanager
    def sure():
        yield Rival("guesslang", "9", 1.5, lambda text: said.append(text) or Answer(("json", "py", "c"), 1, 2), True)

    @contextmanager
    def broken():
        def answer(text):
            raise Missing("it failed on 5 texts in a row")

        yield Rival("highlight.js", "9", 1.5, answer)

    monkeypatch.setitem(judging.RIVALS, "guesslang", sure)
    monkeypatch.setitem(judging.RIVALS, "highlight.js", broken)
    return said


def test_the_run_its_baseline_and_the_tools_in_one_table(trained, asked, tmp_path):
    baseline = copied(trained, tmp_path / "baseline")
    tools = ("guesslang", "highlight.js", "linguist", "pygments")
    table = judge(Request(trained, baseline, tools), at_once)
    rows = {row["Tool"]: row for row in table.rows}
    assert list(rows) == [
        "scratch + timm",
        "guesslang",
        "guesslang, of 3 labels",
        "highlight.js",
        "linguist",
        "pygments",
    ]
    assert len(table.rows) == 7, "the baseline is called as the run is"
    assert table.rows[1]["Against the run"] == "+0.000 [+0.000, +0.000] tie"
    test = json.loads((trained / "run.json").read_text())["metrics"]["test"]
    own = rows["scratch + timm"]
    assert own["n"] == str(test["n"]) and own["Accuracy"].startswith(f"{test['accuracy']:.3f}") and float(own["ms"]) > 0
    assert rows["guesslang"]["Accuracy"].startswith("0.000") and rows["guesslang"]["Knows"] == "3 of 3"
    python = np.mean(np.array(labels(trained)) == "python")
    assert rows["guesslang, of 3 labels"]["Accuracy"].startswith(f"{python:.3f}")
    assert rows["highlight.js"]["Status"].startswith("it failed") and rows["linguist"]["Accuracy"] == ""
    count = len(asked)
    assert 0 < count == len(set(asked)) <= test["n"]
    judge(Request(trained, baseline, tools), at_once)
    assert len(asked) == count, "a second run asks nothing again"


def labels(run: Path) -> list[str]:
    table = pq.read_table(run / "predictions.parquet").to_pylist()
    return [row["label"] for row in table if row["split"] == "test"]


def test_pictures_are_read_and_every_tool_is_asked_about_what_was_read(trained, asked, monkeypatch):
    seen = []

    def rapidocr():
        return lambda picture: seen.append(picture.shape) or "x = 1"

    monkeypatch.setattr(pictures, "rapidocr", rapidocr)
    monkeypatch.setattr(pictures, "version", lambda _: "3")
    request = Request(trained, tools=("guesslang",), limit=3, pictures=2)
    table = judge(request, at_once)
    assert [(row["Text"], row["n"]) for row in table.rows if "labels" not in row["Tool"]] == [
        (text, n) for text, n in (("as it stands", "3"), ("as it stands, drawn below", "2"), ("read by fusion", "2"),
                                  ("read by rapidocr", "2")) for _ in range(2)]  # fmt: skip
    assert set(seen) == {(64, 64, 3)}, "the source pictures of the run, not what its backbone sees"
    assert "x = 1" in asked and len(seen) == 3  # two, and one to warm up
    judge(request, at_once)
    assert len(seen) == 4, "only to warm up"


def test_a_reader_that_is_not_here_has_a_row_that_says_so(trained, asked, monkeypatch):
    def missing():
        raise Missing("rapidocr is not installed")

    monkeypatch.setattr(pictures, "rapidocr", missing)
    table = judge(Request(trained, tools=("guesslang",), limit=3, pictures=1), at_once)
    assert table.rows[-1]["Text"] == "read by rapidocr" and table.rows[-1]["Status"] == "rapidocr is not installed"


def test_a_run_that_sees_no_pictures_has_them_drawn_as_an_editor():
    config = composed("backbone=none", "text=nano")
    texts = ["x = 1\n" * 8, "int main(void);\n" * 3]
    drawn = [*pictures.Drawn(config, texts, ["a", "b"], ["Python", "C"])]
    assert [picture.shape for picture in drawn] == [(500, 700, 3)] * 2 and all(picture.std() > 0 for picture in drawn)
    (again,) = pictures.Drawn(config, texts[1:], ["b"], ["C"])
    assert np.array_equal(drawn[1], again), "a picture depends on its own snippet alone"


def test_a_run_of_a_fusion_that_had_fewer_options_is_asked_too(trained, asked, tmp_path):
    config = json.loads((trained / "run.json").read_text())["config"]
    del config["vary"], config["data"]["limit"], config["render"]["degradation"]
    older = copied(trained, tmp_path / "older", config=config)
    assert len(judge(Request(older, tools=("guesslang",), limit=3, pictures=1), at_once).rows) > 3


def test_snippets_are_drawn_evenly_over_projects():
    groups = ["big"] * 90 + ["small"] * 5 + ["one"]
    rows = draw_evenly(groups, 9, seed=0)
    assert sorted(groups[row] for row in rows) == ["big"] * 4 + ["one"] + ["small"] * 4
    assert sorted(groups[row] for row in rows[:3]) == ["big", "one", "small"]
    assert len(set(rows.tolist())) == 9 and draw_evenly(groups, 9, seed=0).tolist() == rows.tolist()
    assert draw_evenly(groups, 9, seed=1).tolist() != rows.tolist()
    assert sorted(draw_evenly(groups, None, seed=0).tolist()) == [*range(96)]


def test_what_cannot_be_asked_is_one_sentence(trained, asked, tmp_path):
    tools = ("guesslang",)
    with pytest.raises(UserError, match=r"--tools=magica is not known \(did you mean magika\?\)"):
        judge(Request(trained, tools=("magica",)), at_once)
    with pytest.raises(UserError, match="is no completed run"):
        judge(Request(copied(trained, tmp_path / "a", status="failed"), tools=tools), at_once)
    with pytest.raises(UserError, match="are no languages"):
        judge(Request(copied(trained, tmp_path / "b", classes=["cat", "dog"]), tools=tools), at_once)
    other = copied(trained, tmp_path / "c")
    table = pq.read_table(other / "predictions.parquet")
    ids = pa.array([f"other {id}" for id in table["id"].to_pylist()])
    pq.write_table(table.set_column(table.column_names.index("id"), "id", ids), other / "predictions.parquet")
    with pytest.raises(UserError, match="was not tested on"):
        judge(Request(trained, other, tools), at_once)
    with pytest.raises(UserError, match="no longer has"):
        judge(Request(other, tools=tools), at_once)
    (other / "predictions.parquet").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        judge(Request(other, tools=tools), at_once)
    pq.write_table(table.filter(pa.array([False] * table.num_rows)), other / "predictions.parquet")
    with pytest.raises(UserError, match="has no test snippets"):
        judge(Request(other, tools=tools), at_once)
