"""The console script, and what --help costs."""

import json
import subprocess
import sys

import pytest

from fusion import cli

HEAVY = {"torch", "timm", "transformers", "pytorch_lightning", "pyarrow", "matplotlib"}


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fusion"])
    assert cli.main() == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in cli.COMMANDS)


def test_an_unknown_command_gets_a_suggestion(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["fusion", "trian"])
    assert cli.main() == 2
    assert "did you mean train" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_imports_nothing_heavy(name: str) -> None:
    """What makes --help answer in a second, checked without a clock."""
    code = (
        "import sys\n"
        f"sys.argv = ['fusion', {name!r}, '--help']\n"
        "from fusion import cli\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "import json; print(json.dumps(sorted({module.split('.')[0] for module in sys.modules})), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout) > 200
    assert not HEAVY & set(json.loads(done.stderr.splitlines()[-1]))
