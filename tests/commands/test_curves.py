"""python -m fusion.curves, on a model that the command line trained."""

import csv
import shutil
from pathlib import Path

import pytest
from PIL import Image
from tests.fake_reader import FakeReader, fake_reader  # noqa: F401, fixture
from tests.tiny import Command

from fusion import curves
from fusion.config.errors import UserError
from fusion.results.curves import KINDS


def test_the_command_line_draws_curves_beside_the_run(trained: Path, tmp_path: Path, fusion: Command) -> None:
    done = fusion("curves", trained, "--of", "typos,jpeg", "--limit", "3", "--out", "drawn/here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [*csv.DictReader((tmp_path / "drawn/here/curves.csv").open(newline=""))]
    assert {row["kind"] for row in rows} == {"typos", "jpeg"} and {row["snippets"] for row in rows} == {"3"}
    assert len(rows) == 3 * (len(KINDS["typos"].values) + len(KINDS["jpeg"].values))
    with Image.open(tmp_path / "drawn/here/curves.png") as figure:
        assert figure.format == "PNG" and figure.width > 500
    assert sorted(path.name for path in (tmp_path / "drawn/here").iterdir()) == ["curves.csv", "curves.png"]
    assert done.stdout.startswith("| damage | answer | strength 0 |") and "typing errors, texts (8)" in done.stderr
    assert "wrote drawn/here/curves.csv and drawn/here/curves.png" in done.stderr and ".py:" not in done.stderr


def test_lines_and_damage_are_two_tables_and_the_seed_repeats_them(
    trained: Path, tmp_path: Path, call: Command, reader: FakeReader
) -> None:
    arguments = (trained, "--of", "length,indentation", "--limit", "4", "--out", tmp_path)
    first, again = (call("curves", *arguments, cwd=tmp_path) for _ in range(2))
    assert first.returncode == 0 and first.stdout == again.stdout, first.stderr
    assert first.stdout.startswith("| lines | answer | lines: 1 |") and "| damage | answer |" in first.stdout


def test_the_folder_of_the_run_is_where_they_go_by_default(
    trained: Path, tmp_path: Path, call: Command, reader: FakeReader
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    done = call("curves", "run", "--of", "scramble_digits", "--limit", "1", cwd=tmp_path)
    assert done.returncode == 0 and (run / "curves/curves.png").is_file(), done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--of", "typo"], "did you mean typos"), (["--of", ","], "--of must name"), (["--limit", "0"], "--limit be 1")],
)
def test_what_cannot_be_measured_is_said(tmp_path: Path, arguments: list[str], why: str) -> None:
    with pytest.raises(UserError, match=why):
        curves.main([str(tmp_path), *arguments])


def test_a_folder_that_is_no_run_and_one_that_cannot_be_written_are_named(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder"):
        curves.main([str(tmp_path)])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose a folder with --out DIR"):
        curves.main([str(trained), "--out", str(tmp_path / "file" / "x")])
