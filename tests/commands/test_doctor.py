"""python -m fusion.doctor: every check says something, and what is broken is seen."""

import json
from pathlib import Path

import pytest

from fusion import doctor
from fusion.screenshots import fonts


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]]]:
    code = doctor.main(["--json"])
    return code, {found["what"]: found for found in json.loads(capsys.readouterr().out)}


def test_a_working_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = findings(capsys)
    assert code == 0
    assert list(found) == ["fusion", "packages", "torch", "device", "fonts", "cache", "npm", "hub"]
    assert "fit each other" in found["torch"]["says"] and f"{fonts.ALWAYS} is here" in found["fonts"]["says"]


def test_a_cache_that_cannot_be_written_is_broken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "file" / "cache"))
    code, found = findings(capsys)
    assert code == 1 and found["cache"]["state"] == "broken" and "FUSION_CACHE" in found["cache"]["says"]


def test_without_npm_the_languages_it_costs_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    _, found = findings(capsys)
    assert found["npm"]["state"] == "note" and "JavaScript" in found["npm"]["says"]
