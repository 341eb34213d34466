"""python -m fusion.doctor: every check says something, and what is broken is seen."""

import json
from pathlib import Path

import pytest

from fusion import doctor
from fusion.config.render import DEFAULT_FONT


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]]]:
    code = doctor.main(["--json"])
    return code, {found["name"]: found for found in json.loads(capsys.readouterr().out)}


def test_a_working_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = findings(capsys)
    assert code == 0
    assert list(found) == ["fusion", "packages", "torch", "device", "fonts", "cache", "npm", "hub"]
    assert "fit each other" in found["torch"]["detail"] and f"{DEFAULT_FONT} is here" in found["fonts"]["detail"]


def test_a_cache_that_cannot_be_written_is_broken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "file" / "cache"))
    code, found = findings(capsys)
    assert code == 1 and found["cache"]["state"] == "broken" and "FUSION_CACHE" in found["cache"]["detail"]


@pytest.mark.parametrize(("error", "named"), [(RuntimeError(), "RuntimeError"), (ImportError("\n one\ntwo"), "one")])
def test_a_torchvision_that_does_not_fit_is_named_whatever_its_error_says(
    error: Exception, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(torchvision.ops, "nms", fail)
    finding = doctor._torch()
    assert finding.state == "broken" and f"do not fit each other ({named})" in finding.detail


def test_a_check_that_fails_without_a_word_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError

    monkeypatch.setattr(doctor, "_hub", fail)
    *_, last = doctor.findings()
    assert (last.name, last.state, last.detail) == ("fail", "broken", "ValueError: ValueError")


def test_without_npm_the_languages_it_costs_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    _, found = findings(capsys)
    assert found["npm"]["state"] == "note" and "JavaScript" in found["npm"]["detail"]
