"""scripts/bench_ocr.py: how well a picture of code was read, in figures that can be worked out by hand."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.tiny import sample

from fusion.config.errors import UserError

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))
bench, metrics, readers = (importlib.import_module(name) for name in ("bench_ocr", "ocr_metrics", "ocr_readers"))
Word = readers.Word


@pytest.mark.parametrize(("first", "second", "expected"), [
    ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0), ("ab", "ba", 2), ("abcd", "bcd", 1),
])  # fmt: skip
def test_distance_is_the_fewest_edits(first, second, expected):
    assert metrics.distance(first, second) == expected
    assert list(metrics.distances(first, [second, first, ""])) == [expected, 0, len(first)]


def test_character_error_counts_white_space_only_when_asked():
    assert metrics.character_error("a = b", "a=b") == pytest.approx(2 / 5)
    assert metrics.character_error("a = b", "a=b", white_space=False) == 0
    assert metrics.character_error("ab", "ab and more") > 1


def test_what_no_picture_shows_does_not_count():
    assert metrics.tidy("\n\n    if a:  \n        b\n\n") == "if a:\n    b"
    assert metrics.tidy("a\n\n\n\nb") == "a\n\n\n\nb"
    assert metrics.tidy("a\n\n\n\nb", squeeze=True) == "a\n\nb"


def test_indentation_is_compared_line_by_line():
    truth = "def f(x):\n    if x:\n        return x\n    return y"
    assert metrics.indented_rightly(truth, truth) == (4, 4)
    assert metrics.indented_rightly(truth, truth.replace("        return x", "    return x")) == (3, 4)
    assert metrics.indented_rightly(truth, "") == (0, 4)


def test_lost_and_made_up_lines_do_not_shift_the_others():
    truth = "for item in basket:\n    weigh(item)\n    pack(item, in_paper)\nclose_the_shop()"
    lost = truth.replace("    weigh(item)\n", "")
    assert metrics.indented_rightly(truth, lost) == (3, 4)
    assert metrics.indented_rightly(truth, "%%%% ~~~~\n" + truth) == (4, 4)
    misread = truth.replace("basket", "ba5ket").replace("paper", "pap3r")
    assert metrics.indented_rightly(truth, misread) == (4, 4)


def test_an_interval_draws_whole_projects():
    above, below = np.array([1.0, 1, 0, 0]), np.ones(4)
    low, high = metrics.ratio_interval(above, below, ["a", "a", "b", "b"])
    assert (low, high) == (0, 1)
    assert metrics.ratio_interval(above, below, ["a"] * 4) == (0.5, 0.5)


def test_words_stand_where_their_boxes_are_and_gaps_are_blank_lines():
    words = [Word(100, 0, 199, 12, "while(true)"[:10]), Word(140, 20, 180, 32, "step"), Word(189, 20, 200, 32, "1"),
             Word(100, 60, 190, 72, "otherwise")]  # fmt: skip
    assert readers.laid_out(words) == "while(true\n    step 1\n\notherwise"
    assert readers.laid_out([]) == ""


def test_line_numbers_are_taken_away_where_they_count_up():
    rows = [(f"{9 + i}", text, column) for i, (text, column) in enumerate([("alpha:", 0), ("beta", 4), ("gamma", 4)])]
    words = [word for i, (number, text, column) in enumerate(rows) for word in (
        Word(20 - 10 * len(number), 20 * i, 20, 20 * i + 12, number),
        Word(40 + 10 * column, 20 * i, 40 + 10 * (column + len(text)), 20 * i + 12, text),
    )]  # fmt: skip
    assert readers.laid_out(words) == "alpha:\n    beta\n    gamma"
    joined = [Word(10, 20 * i, 10 + 10 * (2 + len(text)), 20 * i + 12, f"{i} {text}") for i, text in enumerate("xyz")]
    assert readers.laid_out(joined) == "x\ny\nz"
    assert readers.laid_out([Word(0, 0, 50, 12, "7 = a"), Word(0, 20, 50, 32, "3 = b")]) == "7 = a\n3 = b"


def write_pictures(folder: Path, rows: list[dict[str, object]]) -> Path:
    """Write grey pictures whose shade is their number, so that a fake reader knows which it sees."""
    folder.mkdir()
    listed = []
    for number, row in enumerate(rows):
        Image.new("RGB", (40, 20), (number, number, number)).save(folder / f"{number}.png")
        known = {"file": f"{number}.png", "kind": "page", "group": f"p{number}", "boxes": [[10, 5, 30, 15]]}
        listed.append(known | {"font_size": 9 + number, "label": "python"} | row)
    (folder / "truth.json").write_text(json.dumps({"pictures": listed}))
    return folder


@pytest.fixture
def fake(monkeypatch):
    """fake(name, [text of picture 0, ...]): a reader by that name; a picture it has no text for makes it fail."""
    monkeypatch.setattr(bench, "READERS", {})

    def add(name: str, texts: list[str]) -> None:
        bench.READERS[name] = lambda: lambda picture: texts[picture[0, 0, 0]]

    return add


def run(capsys, folder: Path, *words: str) -> dict[str, object]:
    assert bench.main([str(folder), "--reader", ",".join(bench.READERS), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_readers_are_measured_on_the_same_pictures(tmp_path, capsys, fake):
    folder = write_pictures(tmp_path / "set", [{"text": "if a:\n    b"}, {"text": "while x:\n    y"}])
    fake("good", ["if a:\n    b", "while x:\n    y"])
    fake("poor", ["if a:\n   b"])  # and fails on the second
    found = run(capsys, folder, "--by", "font_size")
    good, poor = found["tables"][0]["rows"]
    assert (good["reader"], good["pictures"], good["character_error"]["mean"]) == ("good", 2, 0)
    assert good["indentation"] == {"mean": 1, "interval": [1, 1]}
    assert poor["character_error"]["mean"] == pytest.approx((1 / 11 + 1) / 2)
    assert poor["without_white_space"]["mean"] == pytest.approx((0 + 1) / 2)
    assert poor["indentation"]["mean"] == pytest.approx(1 / 4)
    assert poor["errors_more_than_good"]["mean"] == pytest.approx(poor["character_error"]["mean"])
    assert [row["font_size"] for row in found["tables"][1]["rows"]] == [9, 9, 10, 10]
    assert {row["size"] for row in found["pictures"]} == {"under 12 px"}
    assert [bool(row["error"]) for row in found["pictures"]] == [False, False, False, True]
    assert bench.main([str(folder), "--reader", "good,poor"]) == 0
    assert "page  good    2  0.00 (0.00 to 0.00)" in capsys.readouterr().out


def test_a_reader_that_is_not_there_is_named_and_the_others_go_on(tmp_path, capsys, fake):
    def missing():
        raise readers.Missing("it is not installed; pip install it")

    folder = write_pictures(tmp_path / "set", [{"text": "a"}])
    fake("good", ["a"])
    bench.READERS["lost"] = missing
    assert run(capsys, folder)["missing"] == {"lost": "it is not installed; pip install it"}
    del bench.READERS["good"]
    with pytest.raises(UserError, match="no reader to measure: lost: it is not installed"):
        bench.main([str(folder), "--reader", "lost"])


def test_readers_of_an_earlier_run_are_put_beside(tmp_path, capsys, fake):
    folder = write_pictures(tmp_path / "set", [{"text": "abcd"}, {"text": "efgh"}])
    fake("slow", ["abcx", "efgh"])
    (tmp_path / "slow.json").write_text(json.dumps(run(capsys, folder)))
    bench.READERS.clear()
    fake("fast", ["abcd", "efgh"])
    fast, slow = run(capsys, folder, "--earlier", str(tmp_path / "slow.json"))["tables"][0]["rows"]
    assert (fast["reader"], slow["reader"]) == ("fast", "slow")
    assert slow["errors_more_than_fast"]["mean"] == pytest.approx(1 / 8)
    other = write_pictures(tmp_path / "other", [{"text": "abcd"}])
    with pytest.raises(UserError, match=r"slow.json knows nothing of .*other/0.png"):
        bench.main([str(other), "--reader", "fast", "--earlier", str(tmp_path / "slow.json")])


def test_what_was_mistyped_is_said(tmp_path, fake):
    folder = write_pictures(tmp_path / "set", [{"text": "a"}])
    fake("good", ["a"])
    with pytest.raises(UserError, match=r"--reader=god is not known \(did you mean good\?\)"):
        bench.main([str(folder), "--reader", "god"])
    with pytest.raises(UserError, match=r"--by=fontsize is not known \(did you mean font_size\?\)"):
        bench.main([str(folder), "--by", "fontsize", "--reader", "good"])
    with pytest.raises(UserError, match="cannot be read"):
        bench.main([str(tmp_path), "--reader", "good"])


def test_crop_shows_the_reader_only_the_code(tmp_path, capsys, fake):
    folder = write_pictures(tmp_path / "set", [{"text": "a"}])
    seen = []
    bench.READERS["looks"] = lambda: lambda picture: seen.append(picture.shape) or "a"
    run(capsys, folder)
    run(capsys, folder, "--crop")
    assert seen[0] == (20, 40, 3) and seen[-1] == (20, 32, 3)  # six pixels around the box


def test_languages_are_asked_of_one_model_for_the_truth_and_for_what_was_read(tmp_path, capsys, fake, trained):
    texts = [sample(label, 50 + number) for number in range(2) for label in ("python", "c")]
    rows = [{"text": text, "label": label} for text, label in zip(texts, ["python", "c"] * 2, strict=True)]
    folder = write_pictures(tmp_path / "set", [*rows, {"text": "x", "label": "no label of the model"}])
    fake("good", [*texts, "x"])
    fake("blind", [""] * 5)
    found = run(capsys, folder, "--model", str(trained))
    good, blind = found["tables"][0]["rows"]
    assert good["pictures"] == 4 and good["language_read"] == good["language_truth"] == blind["language_truth"]
    assert good["language_lost"] == {"mean": 0, "interval": [0, 0]}
    assert blind["language_read"]["mean"] <= 0.5  # one answer to all
    assert {row["from_read"] for row in found["pictures"]} <= {"python", "c"}
    assert "picture_adds" in good  # the model sees pictures too
