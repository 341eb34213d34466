"""`python -m fusion.export`, from the command line to an exported folder that predicts."""

from pathlib import Path

import pytest
from tests.tiny import Command, sample

from fusion import export
from fusion.config.errors import UserError


def test_an_exported_run_predicts_from_the_command_line(fusion: Command, nano_run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text(sample("css", 8))
    done = fusion("export", "--run", nano_run, "--onnx", "out", "--int8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out\n"
    assert "text.onnx" in done.stderr and "the same answers as torch" in done.stderr and "8 bits: " in done.stderr
    assert ".py:" not in done.stderr, "a library's warning on the user's terminal"
    for run in (nano_run, "out"):
        done = fusion("predict", "--run", run, "--mode", "best_guess", "a.css", cwd=tmp_path)
        assert done.returncode == 0 and done.stdout.startswith("a.css: css"), done.stderr


def test_what_is_no_run_gets_a_sentence(call: Command, tmp_path: Path) -> None:
    done = call("export", "--run", "nowhere", "--onnx", "out", cwd=tmp_path)
    assert done.returncode == 1 and "give the folder of a completed run" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_package_gets_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(UserError, match=r"needs onnxscript; run pip install 'fusion\[export\]'"):
        export.check_packages()
