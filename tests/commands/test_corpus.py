"""`fusion corpus`: what it prints, writes and answers with."""

import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from tests.packed import archive_of, python_of

from fusion import corpus
from fusion.config.errors import UserError
from fusion.packages import registries
from fusion.packages.errors import PackageError
from fusion.packages.manifest import read_lines


def run(capsys, *argv: str) -> tuple[int, str]:
    code = corpus.main(list(argv))
    return code, capsys.readouterr().out


def test_build_prints_the_table_and_writes_it_where_told(stocked, capsys, tmp_path) -> None:
    code, out = run(capsys, "build")
    assert code == 0 and out.strip().endswith(".arrow")
    code, out = run(
        capsys, "build", "--out", str(tmp_path / "mine.parquet"), "--languages", "py", "c", "--workers", "1"
    )
    assert code == 0 and out.strip() == str(tmp_path / "mine.parquet")
    assert set(pq.read_table(tmp_path / "mine.parquet")["label"].to_pylist()) == {"C", "Python"}


def test_build_without_some_packages_is_exit_3(stocked, capsys) -> None:
    stocked("ibis", {"a.py": python_of("ibis")}, "Python", lost=True)
    assert run(capsys, "build")[0] == 3


def test_audit_prints_what_leaks_and_what_it_would_buy(stocked, capsys) -> None:
    code, out = run(capsys, "audit")
    assert code == 0
    for told in ("projects in two splits: 0", "are in train exactly", "split by project", "split at random", "Python"):
        assert told in out
    assert "split by project  " not in run(capsys, "audit", "--no-baselines")[1]


def test_card(stocked, capsys, tmp_path) -> None:
    path = tmp_path / "card" / "corpus.md"
    code, out = run(capsys, "card", "--out", str(path))
    assert code == 0 and out.split() == [str(path), str(path.with_suffix(".png"))]
    text = path.read_text()
    for told in (
        "# Data card",
        "| Python | 4 |",
        "| MIT | 8 |",
        "| pypi | ant | 1.0 | MIT | Python | `",
        "![languages](corpus.png)",
    ):
        assert told in text
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_audit_and_card_say_what_other_is_made_of(stocked, capsys, tmp_path) -> None:
    code, out = run(capsys, "audit", "--no-baselines", "--other", "100")
    assert code == 0 and "what Other is made of:" in out and "hex dump" in out and "projects in two splits: 0" in out
    path = tmp_path / "corpus.md"
    assert run(capsys, "card", "--out", str(path), "--other", "100")[0] == 0
    text = path.read_text()
    assert "## What Other is made of" in text and "| hex dump | 5 | 5 |" in text and "--other 100" in text
    assert "what Other is made of" not in run(capsys, "audit", "--no-baselines")[1]


def test_pin_adds_measured_lines(stocked, capsys, tmp_path, monkeypatch) -> None:
    def newest(name, version, folder):
        if name == "gone":
            raise PackageError("the index does not know it")
        files = {"PKG-INFO": "Name: yak\nLicense-Expression: BSD-3-Clause\n", "src/yak.py": python_of("yak") * 1}
        files |= {f"src/more{n}.py": python_of(f"yak{n}") for n in "abc"}
        (folder / "archive").write_bytes(archive_of(files))
        return version or "2.0", folder / "archive"

    monkeypatch.setattr(registries, "newest_on_pypi", newest)
    manifest = tmp_path / "data" / "manifest.csv"
    code, out = run(capsys, "pin", "pypi", "yak==1.5", "gone", "--manifest", str(manifest))
    line = next(line for line in read_lines(manifest) if line.name == "yak")
    assert code == 3 and out.startswith("pypi yak 1.5: Python ")
    assert (line.version, line.license, line.language, line.set) == ("1.5", "BSD-3-Clause", "Python", "standard")
    assert line.snippets >= 20 and line.files == 4


def test_options_that_cannot_be() -> None:
    with pytest.raises(UserError, match="Language 'pythn' is not known"):
        corpus.main(["build", "--languages", "pythn"])
    with pytest.raises(UserError, match=r"^--per-package=0 must be a whole number of at least 1"):
        corpus.main(["build", "--per-package", "0"])
    with pytest.raises(UserError, match=r"^--workers=0 must be a whole number of at least 1\.$"):
        corpus.main(["build", "--workers", "0"])
    with pytest.raises(UserError, match=r"^--seed=-1 must be a whole number from 0"):
        corpus.main(["card", "--seed", "-1"])
    with pytest.raises(UserError, match=r"^--other=-1 must be a whole number of at least 0"):
        corpus.main(["build", "--other", "-1"])
    with pytest.raises(SystemExit):
        corpus.main(["build", "--set", "huge"])


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'pyarrow', 'numpy', 'sklearn'}"
    code = f"import sys\nfrom fusion.corpus import parser\nparser()\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
