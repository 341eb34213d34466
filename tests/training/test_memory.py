"""The memory that training takes: found without computing anything, and explained in batch sizes when it ran out."""

import logging
import os
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.tiny import IMAGE, configured

from fusion.branches import create_image
from fusion.config.errors import UserError
from fusion.config.groups import names_in
from fusion.config.schema import Config
from fusion.model.late_fusion import LateFusion
from fusion.results.record import read_run
from fusion.training import memory, run
from fusion.training.memory import Memory, build_on_meta, estimate_memory, explain_out_of_memory, free_memory

CPU = torch.device("cpu")


def on_images(*overrides: str) -> Config:
    return configured(*IMAGE, "text=none", "fusion.hidden=[16]", "batch_size=64", "device=cpu", *overrides)


def real_net(config: Config, dropout: float = 0.0) -> LateFusion:
    return LateFusion({"image": create_image(config.backbone, config.input_shape).module}, 5, [16], dropout)


def test_a_network_on_meta_has_the_shapes_of_the_real_one():
    config = on_images()
    net = build_on_meta(config, 5)
    assert {p.device.type for p in net.parameters()} == {"meta"}
    shapes = {name: p.shape for name, p in real_net(config).named_parameters()}
    assert {name: p.shape for name, p in net.named_parameters()} == shapes


@pytest.mark.parametrize("text", ["nano", "ladder", "scratch", "codeberta"])
def test_every_text_branch_can_be_built_on_meta(text):
    config = on_images(f"text={text}", *(["text.weights=random"] if text == "codeberta" else []))
    net = build_on_meta(config, 5)
    assert {*net.branches} == {"text", "image"} and {p.device.type for p in net.parameters()} == {"meta"}
    assert estimate_memory(net, config).per_sample > 0


def test_a_shape_that_the_backbone_cannot_take_is_an_error_before_anything_is_computed():
    with pytest.raises(UserError, match="inception_v3 cannot take input_shape=40"):
        build_on_meta(on_images("backbone.model=inception_v3", "input_shape=40"), 5)


@pytest.mark.slow
def test_every_row_of_the_sources_tables_can_be_built():
    built = set()
    for row in names_in("row"):
        config = configured(f"row={row}")
        network = repr((config.backbone, config.text, config.fusion, config.input_shape))
        if network in built:
            continue
        built.add(network)
        net = build_on_meta(config, 9)
        trainable = {name.split(".")[0] for name, parameter in net.named_parameters() if parameter.requires_grad}
        assert trainable == ({"head"} if config.backbone.freeze.never_learns else {"head", "branches"}), row
        assert estimate_memory(net, config).per_sample > 0, row


def test_memory_grows_with_the_picture_and_shrinks_with_what_is_frozen():
    def estimate(side: int, frozen: bool = False, half: bool = False) -> Memory:
        config = on_images(f"input_shape={side}")
        net = build_on_meta(config, 5)
        for parameter in net.branches["image"].parameters():
            parameter.requires_grad_(not frozen)
        return estimate_memory(net, config, half)

    small, large, frozen = estimate(32), estimate(64), estimate(64, frozen=True)
    assert small.fixed == large.fixed and 3 < large.per_sample / small.per_sample < 5
    assert frozen.per_sample < large.per_sample / 2 and frozen.fixed < large.fixed
    assert estimate(64, half=True).per_sample == large.per_sample / 2


def test_the_estimate_is_near_what_autograd_saves_of_a_real_step():
    config = on_images("input_shape=64")
    net = real_net(config)
    known = {p.untyped_storage().data_ptr() for p in [*net.parameters(), *net.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    picture = torch.zeros(8, 64, 64, 3, dtype=torch.uint8)
    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        net({"image": picture, "present": {"image": torch.ones(8, dtype=torch.bool)}})
    real = sum(t.untyped_storage().nbytes() for key, t in saved.items() if key not in known)
    estimate = estimate_memory(build_on_meta(config, 5), config).per_sample * 8 / memory.SPARE
    assert 0.9 * real < estimate < 1.3 * real


def test_a_frozen_branch_takes_what_its_widest_module_reads_and_writes():
    config = on_images("backbone.freeze=all", "input_shape=64")
    sizes: list[int] = []
    branch = real_net(config).branches["image"]
    for module in branch.modules():
        if not [*module.children()]:
            module.register_forward_hook(
                lambda _, inputs, output: sizes.append(4 * (sum(x.numel() for x in inputs) + output.numel()))
            )
    branch(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert estimate_memory(build_on_meta(config, 5), config).per_sample == max(sizes)


@pytest.mark.parametrize(("space", "fits"), [(10_000, 32), (3_300, 32), (3_299, 16), (1_000, 8), (200, 1), (199, None)])
def test_the_batch_that_fits_is_found_by_halving(space, fits):
    assert Memory(fixed=100, per_sample=100).largest(32, space) == fits


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what sets the limits of this machine, in MB; it has no others."""
    pages = os.sysconf("SC_PAGE_SIZE")

    def limit(available: int, cgroup: tuple[int, int] | None = None, ulimit: int | None = None, used: int = 0) -> None:
        files = {"/proc/meminfo": f"MemTotal: 9 kB\nMemAvailable: {available << 10} kB\n",
                 "/proc/self/statm": f"{(used << 20) // pages} 1 1"}  # fmt: skip
        if cgroup:
            files["/sys/fs/cgroup/memory.max"] = f"{cgroup[0] << 20}\n"
            files["/sys/fs/cgroup/memory.current"] = f"{cgroup[1] << 20}\n"
        soft = resource.RLIM_INFINITY if ulimit is None else ulimit << 20
        monkeypatch.setattr(Path, "is_file", lambda path: str(path) in files)
        monkeypatch.setattr(Path, "read_text", lambda path: files[str(path)])
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

    return limit


@pytest.mark.parametrize(("limits", "free"), [
    ({}, 1000),
    ({"cgroup": (900, 200)}, 700),
    ({"cgroup": (9000, 200)}, 1000),
    ({"ulimit": 800, "used": 300}, 500),
    ({"ulimit": 800, "used": 300, "cgroup": (900, 450)}, 450),
    ({"ulimit": 100, "used": 300}, 0),
])  # fmt: skip
def test_free_memory_is_that_of_the_narrowest_limit(machine, limits, free):
    machine(1000, **limits)
    assert free_memory(CPU) == free << 20


def test_a_cgroup_without_a_limit_is_none(machine, monkeypatch):
    machine(1000, cgroup=(0, 200))
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: "max\n" if path.name == "memory.max" else read(path))
    assert free_memory(CPU) == 1000 << 20


def test_this_machine_has_memory():
    assert free_memory(CPU) > 1 << 20


@pytest.fixture
def config() -> Config:
    return on_images()


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch, config: Config) -> Callable[[int], None]:
    """Return what gives this machine the memory of a training step of so many samples."""

    def lend(samples: int) -> None:
        needed = estimate_memory(build_on_meta(config, 3), config).at(samples)
        monkeypatch.setattr(memory, "free_memory", lambda _: needed)

    return lend


def allocate_too_much() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)  # torch's own allocator refuses


def raise_as_a_gpu_does() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...")


def raise_without_a_word() -> None:
    raise MemoryError


@pytest.mark.parametrize("fail", [allocate_too_much, raise_as_a_gpu_does, raise_without_a_word])
@pytest.mark.parametrize(("samples", "advice"), [
    (70, "batch_size=32 would"), (20, "batch_size=16 would"), (1, "batch_size=1 would"), (0, "not even batch_size=1"),
])  # fmt: skip
def test_the_batch_size_that_would_fit_is_named(config, room_for, fail, samples, advice):
    room_for(samples)
    with pytest.raises(UserError, match=advice) as caught, explain_out_of_memory(config, 3):
        fail()
    assert "Out of memory (" in str(caught.value) and "\n" not in str(caught.value)


def test_an_error_without_words_is_named_by_its_kind(config, room_for):
    room_for(70)
    sentence = r"^Out of memory \(MemoryError\); batch_size=32 would fit, which takes about"
    with pytest.raises(UserError, match=sentence), explain_out_of_memory(config, 3):
        raise MemoryError


def test_a_batch_of_one_has_no_half(config, room_for):
    room_for(10)
    alone = replace(config, batch_size=1)
    with pytest.raises(UserError, match="batch_size is 1 already"), explain_out_of_memory(alone, 3):
        allocate_too_much()


def test_a_network_that_cannot_be_built_on_meta_gets_the_half(config, monkeypatch):
    def refuse(*_: object) -> None:
        raise NotImplementedError("no meta kernel")

    monkeypatch.setattr(memory, "build_on_meta", refuse)
    with pytest.raises(UserError, match="batch_size=32 takes about half"), explain_out_of_memory(config, 3):
        allocate_too_much()


def test_what_will_hardly_fit_is_warned_of_before_it_is_tried(config, room_for, caplog):
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


def test_a_run_that_ran_out_of_memory_has_it_in_its_record(corpus, tmp_path, monkeypatch):
    config = on_images("data=folder", f"data.path={corpus}")
    monkeypatch.setattr(run, "fit", lambda *_: allocate_too_much())
    with pytest.raises(UserError, match="batch_size=32 would fit"):
        run.run(config, [], tmp_path / "runs")
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    assert read_run(folder)["status"] == "failed" and "batch_size=32 would fit" in read_run(folder)["error"]
