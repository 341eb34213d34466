"""fusion compare --rivals, on what the command line trained."""

import csv
import json
from pathlib import Path

import pytest
from tests.tiny import Command

from fusion import compare


def test_the_tools_stand_beside_the_run(trained: Path, tmp_path: Path, fusion: Command) -> None:
    done = fusion("compare", "--rivals", trained, "--tools", "pygments", "linguist", "-o", tmp_path / "t.csv")
    assert done.returncode == 0, done.stderr
    own, pygments, linguist = csv.DictReader((tmp_path / "t.csv").open(newline=""))
    accuracy = json.loads((trained / "run.json").read_text())["metrics"]["test"]["accuracy"]
    assert own["Accuracy"].startswith(f"{accuracy:.3f}") and own["Against the run"] == ""
    assert (
        pygments["Tool"] == "pygments" and 0 <= float(pygments["Accuracy"][:5]) <= 1 and pygments["Knows"] == "3 of 3"
    )
    assert linguist["Status"].startswith("not installed") and "linguist is left out" in done.stderr


def test_rows_as_json_of_so_many_snippets(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rivals", str(trained), "--tools", "pygments", "--limit", "3", "--format", "json"]
    assert compare.main(arguments) == 0
    assert [row["n"] for row in json.loads(capsys.readouterr().out)] == ["3", "3"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--limit", "3"], "go with --rivals"), (["--rivals", "a", "--limit", "0"], "at least 1"),
     (["runs2", "--rivals", "a"], "of one run"), (["--table", "texts", "--rivals", "a"], "of one run")],
)  # fmt: skip
def test_options_that_do_not_go_together(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        compare.main(arguments)
    assert said in capsys.readouterr().err
