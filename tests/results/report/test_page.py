"""The page: whole in itself, the same bytes each time, whatever runs are called and whatever they lack."""

import base64
import hashlib
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tests.results.report.report_runs import HOSTILE, PLAIN, compared, page, sweep, write

from fusion.results.report.page import html_report
from fusion.results.table import Table

FIGURES = (
    "accuracy", "cost", "length", "sweep", "curve-loss", "curve-accuracy", "labels", "confusion", "confusion-other",
    "confusion-change", "reliability", "risk",
)  # fmt: skip
EMPTY = {"meta", "link", "input", "img", "br"}


class Page(HTMLParser):
    """What a page has: its tags with their attributes, the text of each kind of tag, and whether all are closed."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def figures(self) -> list[str]:
        found = [(attrs.get("id") or "") for tag, attrs in self.tags if tag == "figure"]
        return [name.removeprefix("figure-") for name in found]


def check_whole(text: str) -> Page:
    """Read a page; nothing in it may run but our script, or lead out of the file."""
    read = Page(text)
    assert read.open == []
    assert [tag for tag, _ in read.tags].count("script") == 1
    for tag, attrs in read.tags:
        assert not [name for name in attrs if name.startswith("on")], attrs
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            assert (attrs.get(name) or "#").startswith(("#", "data:")), attrs
        assert tag not in ("iframe", "object", "embed", "form", "base", "foreignobject")
    assert not re.search(r"url\((?!#)|@import", text)
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | {
        of["href"][1:] for _, of in read.tags if (of.get("href") or "").startswith("#")
    }  # type: ignore[index]
    assert used <= set(ids)
    return read


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sweep(tmp_path_factory.mktemp("sweep"))


def test_every_figure_is_there_and_nothing_leads_out(folders: list[Path]) -> None:
    text = page(folders, ["job 3 failed before there was a run folder"])
    read = check_whole(text)
    assert tuple(read.figures()) == FIGURES
    charts = [attrs for tag, attrs in read.tags if tag == "svg" and attrs.get("class") == "chart"]
    assert len(charts) == len(FIGURES) and all(
        one["role"] == "img" and one["aria-label"] and "viewbox" in one for one in charts
    )
    assert "job 3 failed before there was a run folder" in read.texts["p"]
    assert dict(zip(read.texts["dt"], read.texts["dd"], strict=True)) == {
        "Runs": "9", "Rows": "8", "Not completed": "1", "Split": "55555555", "Newest run": "2026-11-02 10:00",
    }  # fmt: skip
    assert "no <b>room</b>" in "".join(read.texts["td"])
    assert "#0102" not in text and "#0103" not in text  # every colour that stands for another was replaced


def test_the_policy_lets_our_script_run_and_nothing_else(folders: list[Path]) -> None:
    read = Page(page(folders))
    (script,) = read.texts["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [attrs["content"] for _, attrs in read.tags if attrs.get("http-equiv")]
    assert (
        policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_same_runs_give_the_same_bytes(folders: list[Path]) -> None:
    assert page(folders) == page(folders)


def test_hostile_labels_are_text(tmp_path: Path) -> None:
    text = page(sweep(tmp_path, HOSTILE))
    read = check_whole(text)
    assert tuple(read.figures()) == FIGURES
    titles, words = read.texts["title"], read.texts["text"]
    assert any("<script>alert(1)</script>" in title for title in titles) and any("L" * 300 in title for title in titles)
    assert "L" * 300 not in words and any("LL…LL" in word for word in words)
    assert "$x$" in words and "NA" in words and "{{ 7 * 7 }}" in words and "tip a" in words
    assert "\u202e" not in text and r"\u202eright t" in "".join(titles)


def test_many_labels_scroll_and_are_folded_but_for_the_first(tmp_path: Path) -> None:
    labels = [f"label {n}" for n in range(50)]
    text = page([write(tmp_path / str(n), labels, 0.5 + 0.2 * n, count=1000, options={"lr": n}) for n in range(2)])
    read = check_whole(text)
    assert [tag for tag, _ in read.tags].count("details") == 2
    assert "Shown are the 40 largest of 50." in "".join(read.texts["p"])
    assert len(text) < 2_000_000


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_single_run(status: str, tmp_path: Path) -> None:
    read = check_whole(page([write(tmp_path / "run", status=status)]))
    told = ["accuracy", "length", "curve-loss", "curve-accuracy", "confusion", "reliability", "risk"]
    assert read.figures() == (told if status == "completed" else [])
    assert ("The snippets of this run are not on this machine" in "".join(read.texts["p"])) == (status == "completed")


def test_no_runs_at_all() -> None:
    assert check_whole(page([])).figures() == []


def test_runs_that_lack_everything(tmp_path: Path) -> None:
    folders = [write(tmp_path / str(n), options={"lr": n}, timings={}) for n in range(2)]
    for folder, content in zip(folders, ("epoch,val_loss\n1,2,3\n,,\nx,y\n", ""), strict=True):
        (folder / "metrics.csv").write_text(content)
        (folder / "predictions.parquet").write_bytes(b"PAR1")
    assert check_whole(page(folders)).figures() == ["accuracy"]


def test_runs_of_other_labels_have_a_table_but_no_figures(tmp_path: Path) -> None:
    folders = [write(tmp_path / str(n), options={"lr": n}) for n in range(2)]
    read = check_whole(page([*folders, write(tmp_path / "other", ["Ada", "Zig"])]))
    assert "Ada" not in read.texts["text"] and set(PLAIN) <= set(read.texts["text"])
    assert [tag for tag, _ in read.tags].count("tr") == 4


def test_of_many_rows_the_best_are_shown_and_a_reference_always(tmp_path: Path) -> None:
    folders = [write(tmp_path / f"{n:02}", accuracy=0.5 + 0.03 * n, options={"lr": n}) for n in range(12)]
    read = check_whole(page(folders, reference=folders[0]))
    assert "Shown are the best 8 of 12 rows." in "".join(read.texts["p"])
    assert {"0", "11"} <= set(read.texts["text"]) and "2" not in read.texts["li"]
    assert {"0", "11", "10", "5"} <= set(read.texts["li"]) and "4" not in read.texts["li"]


def tables(rows: Sequence[dict[str, str]]) -> list[Table]:
    return [Table("results", ("a", "b", "hidden"), [*rows], ("a", "b"), ("note & more",))]


def test_a_table_of_many_rows(tmp_path: Path) -> None:
    rows = [{"a": f"{n / 1000:.3f} ± 0.004", "b": "<i>x</i>", "hidden": ""} for n in np.arange(300)]
    read = check_whole(html_report(compared([write(tmp_path / "run")]), tables(rows)))
    assert read.texts["td"].count("<i>x</i>") == 300 and "note & more" in read.texts["p"]
    keys = [attrs["data-key"] for tag, attrs in read.tags if tag == "td" and "data-key" in attrs]
    assert keys[:2] == ["0.0", "0.001"] and len(keys) == 300
    heads = [attrs for tag, attrs in read.tags if tag == "th"]
    assert [one.get("class") for one in heads] == [None, None, "more"] and heads[0]["aria-sort"] == "none"
