"""The state that a run is resumed from, and the processes of torchrun."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from fusion.config.errors import UserError
from fusion.pretraining.trainer import StateIO, closing_process_group, rank_and_world_size


class Code:
    def __reduce__(self) -> Any:
        return os.system, ("echo executed",)


@pytest.mark.parametrize(
    ("content", "said"),
    [({"pytorch-lightning_version": "2.6.6", "code": Code()}, "weights_only|Unsupported"), ({"step": 3}, "no checkpoint"),
     ([1, 2], "no checkpoint")],
)  # fmt: skip
def test_nothing_in_a_state_is_executed_and_what_is_none_is_refused(
    content: Any, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=f"no state that a run can be resumed from .*(?:{said})"):
        StateIO().load_checkpoint(tmp_path / "last.ckpt")
    assert "executed" not in capfd.readouterr().out


def test_what_is_no_file_of_torch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UserError, match="no state that a run can be resumed from"):
        StateIO().load_checkpoint(tmp_path / "last.ckpt")


def test_a_state_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {"pytorch-lightning_version": "2.6.6", "weight": torch.ones(3)}
    StateIO().save_checkpoint(state, tmp_path / "last.ckpt")

    def half(content: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError("no room")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="no room"):
        StateIO().save_checkpoint(state, tmp_path / "last.ckpt")
    assert torch.equal(StateIO().load_checkpoint(tmp_path / "last.ckpt")["weight"], torch.ones(3))
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_torchrun_says_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rank_and_world_size() == (0, 1)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert rank_and_world_size() == (1, 2)


def test_the_group_of_processes_is_closed_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    open_groups: list[str] = []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: bool(open_groups))
    monkeypatch.setattr(torch.distributed, "destroy_process_group", open_groups.clear)
    for _ in range(2):  # two runs of a sweep
        with pytest.raises(UserError), closing_process_group():
            open_groups.append("opened by Lightning")
            raise UserError("no room")
        assert not open_groups
