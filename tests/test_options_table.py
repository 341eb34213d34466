"""scripts/options_table.py: docs/options.md lists every option as the configuration has it."""

import importlib.util
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("options_table", TOP / "scripts" / "options_table.py")
options_table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(options_table)


@pytest.fixture(scope="module")
def page() -> str:
    return options_table.page()


def test_the_page_of_options_is_up_to_date(page: str) -> None:
    assert (TOP / "docs" / "options.md").read_text(encoding="utf-8") == page, "run python scripts/options_table.py"


def test_options_of_every_kind_are_listed_with_their_defaults(page: str) -> None:
    for row in (
        "| `lr` | `0.0003` |", "| `text.lr` | `5e-05`; nano: `0.01`;", "| `text.variant` | `v5`; scratch: `v5m` |",
        "| `render.degradation` |", "| `render.font_size` | `[12, 16]` |", "| `data.per_label` | `null`; standard: `6000` |",
        "| `loss.l2.activity` | `0.0` |", "| `pretraining.early.steps` | `20000` |", "| `backbone.model` | set by `backbone=` |",
    ):  # fmt: skip
        assert row in page, row


def test_check_says_which_page_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(options_table, "PAGE", tmp_path / "options.md")
    assert options_table.main(["--check"]) == 1
    assert "options.md is not up to date; run python scripts/options_table.py" in capsys.readouterr().err
    assert options_table.main([]) == 0
    assert options_table.main(["--check"]) == 0
