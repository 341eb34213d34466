"""The worst errors: which are chosen, and where their texts and pictures come from."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.tiny import composed

from fusion.config.data import Packages
from fusion.results.report import texts
from fusion.results.report.errors import COLUMNS, LINES, MOST, choose, cut
from fusion.results.report.texts import NOT_HERE, OTHERS, find_texts
from fusion.results.report.trust import Judged
from fusion.snippets import sources
from fusion.snippets.snippet import split_hash

IMAGE = ["backbone=timm", "backbone.model=test_resnet", "backbone.weights=random", "source_size=64", "input_shape=32"]


def judged(confidence: list[float], groups: list[str], right: set[int] = frozenset()) -> Judged:  # type: ignore[assignment]
    count = len(confidence)
    answer = np.array([0 if n in right else 1 for n in range(count)])
    ids = np.array([f"{n:04}" for n in range(count)])
    return Judged(ids, np.zeros(count, int), answer, np.array(confidence), 0.0, np.ones(count, int), np.array(groups))


def test_the_surest_wrong_answers_are_chosen_at_most_two_of_a_project() -> None:
    assert choose(judged([0.5, 0.9, 0.8, 0.7, 0.99], ["a", "a", "a", "b", "b"], {4})).tolist() == [1, 2, 3]
    assert len(choose(judged([0.5] * 40, [f"p{n}" for n in range(40)]))) == MOST
    assert choose(judged([0.5], ["a"], {0})).tolist() == []


def test_a_text_is_cut_and_odd_characters_are_seen() -> None:
    shown = cut("\n".join(["\tx = '\u202e'", "y" * 500, *["z"] * 60])).split("\n")
    assert shown[0] == "\tx = '\\u202e'" and len(shown[1]) == COLUMNS + 1
    assert len(shown) == LINES + 1 and shown[-1] == "… and 22 more lines"


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """run.json of a run on a file of the user's own, with an image branch."""
    lines = ["label,text,group"]
    lines += [f"{label},{label} text {n} of it,p{n}" for n in range(12) for label in ("A", "B")]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    config = composed(
        "data=csv", f"data.path={path}", "data.group_column=group", "render.font=dejavu-sans-mono", *IMAGE
    )
    return {"config": config}


def table_of(run: dict[str, Any]) -> Any:
    from fusion.config.schema import load_config

    return sources.load(load_config(run["config"]).data, texts.cache_dir())


def test_texts_of_a_file_with_their_pictures(own: dict[str, Any]) -> None:
    table = table_of(own)
    test = [row for row in table.to_pylist() if row["split"] == "test"]
    found, note = find_texts(own | {"split_hash": split_hash(table)}, {test[0]["id"], "other"})
    assert note == "" and found.keys() == {test[0]["id"]} and found[test[0]["id"]].text == test[0]["text"]
    kind, _, content = (found[test[0]["id"]].picture or "").partition(",")
    assert kind == "data:image/png;base64" and Image.open(io.BytesIO(base64.b64decode(content))).size == (64, 64)


def test_pictures_are_those_of_a_run_that_sees_them(own: dict[str, Any]) -> None:
    table = table_of(own)
    id = next(row["id"] for row in table.to_pylist() if row["split"] == "test")
    text = own | {
        "split_hash": split_hash(table),
        "config": own["config"] | {"backbone": composed("backbone=none")["backbone"]},
    }
    assert find_texts(text, {id})[0][id].picture is None
    assert find_texts(text, {id}, own)[0][id].picture is not None


def test_a_picture_of_the_users_own_is_shown_as_it_is_and_one_that_is_gone_is_none(tmp_path: Path) -> None:
    path = tmp_path / "own.png"
    Image.new("RGB", (64, 48), "red").save(path)
    _, _, content = (texts._own_picture(path, (64, 48)) or "").partition(",")
    picture = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")
    assert picture.size == (64, 48) and picture.getpixel((30, 20)) == (255, 0, 0)
    assert texts._own_picture(tmp_path / "gone.png", (64, 48)) is None


def test_texts_of_another_split_are_not_shown(own: dict[str, Any]) -> None:
    assert find_texts(own | {"split_hash": "another"}, {"a"}) == ({}, OTHERS)


def test_without_the_data_nothing_is_fetched_or_built(own: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("the table is asked for")

    monkeypatch.setattr(sources, "load", fail)
    packages = {"config": composed("data=core")}
    assert find_texts(packages, {"a"}) == ({}, NOT_HERE)
    Path(own["config"]["data"]["path"]).unlink()
    assert find_texts(own, {"a"}) == ({}, NOT_HERE)
    assert find_texts({"config": {"text": {"name": "nano"}}}, {"a"}) == ({}, NOT_HERE)


def test_a_table_in_the_cache_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "cached", lambda data, cache: object())
    assert texts._is_here(Packages(set="small"))


def test_fonts_that_would_be_fetched_are_left_out(own: dict[str, Any]) -> None:
    from fusion.config.schema import load_config

    render = load_config(own["config"]).render
    assert texts._with_fonts_here(render) is render
    any_font = texts._with_fonts_here(render.replaced(font="any"))
    assert any_font.style["font"] in (["dejavu-sans-mono"], ("dejavu-sans-mono",))
