"""The tools themselves: Pygments is always here, Magika and what npm brings are not."""

import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from fusion.packages.errors import PackageError
from fusion.rivals import node_tools
from fusion.rivals.labels import read_labels
from fusion.rivals.node_tools import SHIPPED, guesslang, highlightjs, linguist
from fusion.rivals.python_tools import magika, pygments
from fusion.rivals.rival import Missing

PYTHON = "#!/usr/bin/env python\nimport os\n\n\nfor name in os.listdir('.'):\n    print(name)\n"


def test_pygments_names_the_lexer_it_guesses():
    with pygments() as tool:
        answer = tool.answer(PYTHON)
        assert answer.labels == ("Python",) and answer.milliseconds > 0 and tool.megabytes > 1
        assert tool.answer("").labels == ("Text only",) and not tool.ranks_all


def test_magika_ranks_all_its_labels_and_its_first_is_what_it_answers():
    pytest.importorskip("magika", reason="needs the extra [rivals]")
    with magika() as tool:
        answer = tool.answer(PYTHON)
        assert answer.labels[0] == "python" and answer.score > 0.5 and tool.ranks_all
        assert len(answer.labels) == len(set(answer.labels)) > 100
        assert len(tool.answer("x").labels) == 1, "so few bytes that its model is not asked"
        assert tool.answer("\ud800 = 1\n" * 5).labels


def test_magika_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "magika", None)
    with pytest.raises(Missing, match=r"pip install 'fusion\[rivals\]'"), magika():
        pass


FAKE_NODE = f"""#!{sys.executable}
import json, sys
for line in sys.stdin:
    text = json.loads(line)["text"]
    print(json.dumps({{"labels": [sys.argv[-1].rsplit("/")[-1], text], "score": 2, "milliseconds": 3}}), flush=True)
"""
FAKE_NPM = f"""#!{sys.executable}
import json, pathlib, sys
lock = json.loads(pathlib.Path("package-lock.json").read_text())
assert sys.argv[1] == "ci" and "--ignore-scripts" in sys.argv
for name, facts in lock["packages"].items():
    if name:
        pathlib.Path(name).mkdir(parents=True)
        pathlib.Path(name, "package.json").write_text(json.dumps({{"version": facts["version"]}}))
print("done")
"""


def put(folder: Path, **programs: str) -> None:
    folder.mkdir()
    for name, code in programs.items():
        (folder / name).write_text(code)
        (folder / name).chmod(0o755)


def test_npm_fills_a_folder_of_the_cache_once_and_node_is_asked_from_there(tmp_path, monkeypatch, cache_folder):
    put(tmp_path / "bin", node=FAKE_NODE, npm=FAKE_NPM)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with guesslang() as tool:
        assert tool.version == "1.0.23" and tool.ranks_all
        answer = tool.answer("two\nlines")
        assert answer.labels == ("guesslang.js", "two\nlines") and (answer.score, answer.milliseconds) == (2, 3)
    (tmp_path / "bin" / "npm").unlink()
    with highlightjs() as tool:
        assert tool.version == "11.12.0" and tool.answer("a").labels[0] == "highlightjs.js"
    (folder,) = (cache_folder / "rivals").iterdir()
    assert (folder / "lines.js").is_file()


def test_what_is_missing_is_named(tmp_path, monkeypatch, cache_folder):
    put(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(Missing, match="the program node is not installed"), guesslang():
        pass
    shutil.copy(sys.executable, tmp_path / "bin" / "node")
    with pytest.raises(Missing, match="the program npm is not installed"), highlightjs():
        pass
    with pytest.raises(Missing, match="not installed"), linguist():
        pass


def test_an_npm_that_fails_leaves_nothing(tmp_path, monkeypatch, cache_folder):
    put(tmp_path / "bin", node=FAKE_NODE, npm="")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def fail(*_):
        raise PackageError("npm ci failed (npm error code EINTEGRITY)")

    monkeypatch.setattr(node_tools, "run", fail)
    with pytest.raises(Missing, match="EINTEGRITY"), guesslang():
        pass
    assert not [*(cache_folder / "rivals").iterdir()]


def test_versions_are_fixed_with_their_checksums():
    wanted = json.loads((SHIPPED / "package.json").read_text())["dependencies"]
    locked = json.loads((SHIPPED / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        facts = locked[f"node_modules/{name}"]
        assert facts["version"] == version and facts["integrity"].startswith("sha512-") and "resolved" not in facts


@pytest.mark.network
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs node and npm")
@pytest.mark.parametrize("opening", [guesslang, highlightjs])
def test_the_real_ones_know_python_and_the_labels_they_are_said_to_have(opening):
    with ExitStack() as stack:
        try:
            tool = stack.enter_context(opening())
        except Missing as why:
            pytest.skip(str(why))
        answer = tool.answer(PYTHON * 3)
        assert set(read_labels()[tool.name]["Python"]) & set(answer.labels[:20]) and answer.milliseconds > 0
        texts = [PYTHON, "SELECT a FROM b WHERE c = 'd';\n", "<p class='a'>text</p>\n", "int main() { return 0; }\n"]
        said = {label for text in texts for label in tool.answer(text).labels}
        known = {label for labels in read_labels()[tool.name].values() for label in labels}
        assert len(said & known) > 20
