"""scripts/browser_pictures.py: what is planned and written down around the browser, which is not started here."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusion.config.errors import UserError
from fusion.snippets.snippet import Snippet, to_table

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))
pictures, texts, looks, wear = (
    importlib.import_module(name) for name in ("browser_pictures", "browser_texts", "browser_looks", "browser_wear")
)


def row(text: str) -> dict[str, str]:
    return {"text": text, "label": "Python", "group": "project", "id": "id"}


def test_the_truth_is_what_is_seen():
    found = texts.cut(
        row("\n\n    if a:  \n    \tb = 1\tc\n\n    d = 'a long string'\n    e\n    f\n    g\n"), 7, 12, 4
    )
    assert found.code == "if a:\n\tb = 1\n\nd = 'a long\ne\nf\ng"  # c stands in column 13
    assert found.truth == "if a:\n    b = 1\n\nd = 'a long\ne\nf\ng"
    assert texts.cut(row("a\nb\nc\nd\ne\nf"), 4, 12, 4).truth == "a\nb\nc\nd"


@pytest.mark.parametrize("text", [
    "a\nb\nc", "a\nb\nc\nd\u200b", "a\nb\nc\nd = '\u4f60'", "a\nb\nc\nd\u00a0= 1", "\ta\n        b\n\tc\n\td", "a\nb\nc\n# \u05d0",
])  # fmt: skip
def test_what_cannot_be_seen_exactly_is_left_out(text):
    assert texts.cut(row(text), 30, 80, 4) is None  # too short, signs without a shape or a font, an unknown margin


def test_labels_and_projects_take_turns_and_only_the_test_side_is_taken():
    made = [("A", "p"), ("A", "p"), ("A", "q"), ("B", "r"), ("B", "train")]
    code = "\n".join("abcdefghij")
    snippets = [Snippet(f"{i}\n{code}", label, group) for i, (label, group) in enumerate(made)]
    table = to_table(snippets, {"p": "test", "q": "test", "r": "test", "train": "train"})
    taken = [(row["label"], row["group"]) for row in texts.in_turn(texts.rows_by_label(table, "test", [0, 0]))]
    assert {label for label, _ in taken[:2]} == {"A", "B"} and ("B", "train") not in taken and len(taken) == 4
    assert {group for label, group in taken if label == "A"} == {"p", "q"} and taken[-1] == ("A", "p")


@pytest.mark.parametrize("kind", looks.KINDS)
def test_a_look_is_drawn_for_every_kind(kind):
    drawn = [looks.draw_look(np.random.default_rng([1, i]), kind, i, list(looks.THEMES)) for i in range(16)]
    assert {(look["highlighter"], look["scale"]) for look in drawn} == {(h, s) for h in looks.THEMES for s in (1, 2)}
    assert all(look["theme"] in looks.THEMES[look["highlighter"]] and 9 <= look["size"] <= 20 for look in drawn)
    assert drawn == [looks.draw_look(np.random.default_rng([1, i]), kind, i, list(looks.THEMES)) for i in range(16)]


@pytest.mark.parametrize("worn", [wear.jpeg, wear.photo])
def test_boxes_go_where_the_code_goes(worn):
    clean = np.full((200, 300, 3), 30, np.uint8)
    clean[80:120, 90:200] = 240
    image, [box], facts = worn(Image.fromarray(clean), [[90, 80, 200, 120]], np.random.default_rng(3))
    rows, columns = np.nonzero(np.asarray(image)[:, :, 1] > 130)
    around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.array(box) - around).max() < 6 and facts["quality"] in (40, 80)


def test_a_page_that_shows_something_else_is_left_out():
    job = {"codes": ["a\nb"], "fonts": [{"family": "hack"}]}
    assert pictures._difference(job, {"lines": [["a", "b"]], "fonts": []}) == ""
    assert pictures._difference(job, {"lines": [["a"]], "fonts": []}) == "the page shows other lines"
    assert pictures._difference(job, {"lines": [["a", "b"]], "fonts": ["hack"]}) == "the font hack was not loaded"


def test_what_is_missing_is_said_with_the_command_that_brings_it(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path))
    monkeypatch.setattr(pictures.shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(
        UserError, match=r"playwright-core@.* is not installed; python scripts/browser_pictures.py --ins"
    ):
        pictures.highlighters()
    for name in ("playwright-core", "shiki"):
        (pictures.modules() / name).mkdir(parents=True)
        (pictures.modules() / name / "package.json").write_text("{}")
    assert pictures.highlighters() == ["shiki"]
    assert "prism is left out, for the npm package prismjs@" in caplog.text
    monkeypatch.setattr(pictures.shutil, "which", lambda name: None)
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(UserError, match="No Chromium is installed"):
        pictures.browser()
