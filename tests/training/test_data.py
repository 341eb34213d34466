"""What a run learns from: its rows, the user's own pictures, the labels, and what is said of them in the record."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.tiny import IMAGE_ONLY, TEXT_ONLY, WORDS, configured, sample, write_corpus

from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.config.schema import Config
from fusion.results.record import Record
from fusion.training.data import load_data, load_table


def load(config: Config) -> tuple[Any, dict[str, Any]]:
    """Return the data of a run, and what its record says of them."""
    record = Record(None, config, [])
    return load_data(config, record), record.content


def text_only(folder: Path) -> Config:
    return configured(*TEXT_ONLY, f"data.path={folder}")


def test_the_record_says_what_the_data_are(corpus: Path) -> None:
    data, content = load(text_only(corpus))
    assert content["classes"] == data.classes == ["c", "css", "python"]
    assert content["samples"] == {"train": 28, "val": 7, "test": 7} and data.table.num_rows == 42
    assert content["data_hash"] == content["split_hash"]
    assert data.renderer is None and data.stream is None


def test_a_fold_validates_on_other_rows_and_tests_on_the_same(corpus: Path) -> None:
    config = text_only(corpus)
    tables = [load_table(each) for each in (config, *(replace(config, folds=3, fold=fold) for fold in range(3)))]
    ids = [{split: {row["id"] for row in table.to_pylist() if row["split"] == split} for split in ("val", "test")}
           for table in tables]  # fmt: skip
    assert all(each["test"] == ids[0]["test"] for each in ids)
    assert not ids[1]["val"] & ids[2]["val"] | ids[1]["val"] & ids[3]["val"] | ids[2]["val"] & ids[3]["val"]


def write_pictures(folder: Path, broken: int) -> Config:
    """Write 30 rows with a red or a blue picture each, the last of them broken."""
    lines = ["text,label,shot"]
    for i in range(30):
        label = ("red", "blue")[i % 2]
        Image.new("RGB", (60, 40), label).save(folder / f"{i}.png")
        lines.append(f"{WORDS[i]} = {WORDS[i + 30]}({WORDS[i + 60]}),{label},{i}.png")
    for i in range(30 - broken, 30):
        (folder / f"{i}.png").write_bytes(b"broken")
    (folder / "own.csv").write_text("\n".join(lines))
    options = load_data_options("csv", path=f"{folder}/own.csv", image_column="shot")
    return replace(configured(*IMAGE_ONLY, "data.path=x"), data=options)


def test_rows_whose_own_picture_is_broken_are_left_out_with_a_warning(tmp_path: Path, caplog) -> None:
    data, content = load(write_pictures(tmp_path, broken=1))
    assert data.table.num_rows == sum(content["samples"].values()) == 29
    assert not [path for path in data.table["image"].to_pylist() if path.endswith("/29.png")]
    assert content["split_hash"] != content["data_hash"]
    assert "1 of 30 pictures cannot be read; their rows are left out" in caplog.text


def test_too_many_broken_pictures_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 of 30 pictures cannot be read"):
        load(write_pictures(tmp_path, broken=2))


def test_an_empty_and_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        load(text_only(tmp_path / "empty"))
    with pytest.raises(UserError, match="nowhere is not a folder"):
        load(text_only(tmp_path / "nowhere"))


def test_a_class_of_one_and_one_class_are_errors(tmp_path: Path) -> None:
    code = write_corpus(tmp_path / "code")
    (code / "single").mkdir()
    (code / "single" / "a.txt").write_text("print('alone')\n" * 3)
    with pytest.raises(UserError, match="'single' has 1"):
        load(text_only(code))
    only = tmp_path / "only"
    (only / "python").mkdir(parents=True)
    for i in range(5):
        (only / "python" / f"{i}.py").write_text(sample("python", i))
    with pytest.raises(UserError, match="at least 2 labels"):
        load(text_only(only))


def test_binary_files_are_left_out_and_others_than_utf_8_are_read(tmp_path: Path, caplog) -> None:
    code = write_corpus(tmp_path / "code")
    (code / "python" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    (code / "python" / "latin.txt").write_bytes("größe = 1\nüber = 2\n".encode("latin-1") * 6)
    with caplog.at_level("INFO"):
        data, _ = load(text_only(code))
    assert "1 binary" in caplog.text and any("größe" in text for text in data.table["text"].to_pylist())
