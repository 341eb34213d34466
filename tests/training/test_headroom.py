"""Out of memory: the error names a batch size that would fit."""

import logging
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from tests.tiny import IMAGE, write_corpus

from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.results.record import read_run
from fusion.training import headroom
from fusion.training import run as experiment
from fusion.training.headroom import explain_out_of_memory
from fusion.training.memory import build_on_meta, memory


@pytest.fixture
def config():
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return to_dict(compose("train", [*IMAGE, "text=none", "fusion.hidden=[16]", "batch_size=64", "device=cpu"]))


@pytest.fixture
def room_for(monkeypatch, config):
    """Samples -> memory for a training step of so many."""

    def lend(samples: int) -> None:
        needed = memory(build_on_meta(config, 3), config).at(samples)
        monkeypatch.setattr(headroom, "room", lambda _: needed)

    return lend


def allocate_too_much() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)  # torch's own allocator refuses


def raise_as_a_gpu_does() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...")


@pytest.mark.parametrize("fail", [allocate_too_much, raise_as_a_gpu_does])
@pytest.mark.parametrize(("samples", "said"), [(70, "batch_size=32 would"), (20, "batch_size=16 would"), (1, "batch_size=1 would"),
                                               (0, "not even batch_size=1")])  # fmt: skip
def test_the_batch_size_that_would_fit_is_named(config, room_for, fail, samples, said):
    room_for(samples)
    with pytest.raises(UserError, match=said) as caught, explain_out_of_memory(config, 3):
        fail()
    assert "Out of memory" in str(caught.value) and "\n" not in str(caught.value)


def test_a_batch_of_one_has_no_half(config, room_for):
    room_for(10)
    with (
        pytest.raises(UserError, match="batch_size is 1 already"),
        explain_out_of_memory(config | {"batch_size": 1}, 3),
    ):
        allocate_too_much()


def test_a_network_that_cannot_be_followed_gets_the_half(config, monkeypatch):
    def refuse(*_: object) -> None:
        raise NotImplementedError("no meta kernel")

    monkeypatch.setattr(headroom, "outline", refuse)
    with pytest.raises(UserError, match="batch_size=32 takes about half"), explain_out_of_memory(config, 3):
        allocate_too_much()


def test_what_will_hardly_fit_is_said_before_it_is_tried(config, room_for, caplog):
    room_for(20)
    with caplog.at_level(logging.WARNING), explain_out_of_memory(config, 3):
        assert "batch_size=16 would fit" in caplog.text
    caplog.clear()
    room_for(64)
    with caplog.at_level(logging.WARNING), explain_out_of_memory(config, 3):
        assert not caplog.records


def test_other_errors_pass(config):
    with pytest.raises(ZeroDivisionError), explain_out_of_memory(config, 3):
        raise ZeroDivisionError


def test_a_run_that_ran_out_of_memory_says_so_in_its_record(config, tmp_path, monkeypatch):
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        data = to_dict(compose("train", ["data=folder", f"data.path={write_corpus(tmp_path / 'code')}"]))["data"]
    monkeypatch.setattr(experiment, "fit", lambda *_: allocate_too_much())
    with pytest.raises(UserError, match="batch_size=32 would fit"):
        experiment.run(config | {"data": data}, [], tmp_path / "runs")
    (folder,) = (Path(path).parent for path in tmp_path.rglob("run.json"))
    assert read_run(folder)["status"] == "failed" and "batch_size=32 would fit" in read_run(folder)["error"]
