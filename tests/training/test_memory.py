"""A configuration -> its shapes and memory, without computing anything."""

import resource

import pytest
import torch
from hydra import compose, initialize_config_dir

from fusion.branches import create_image
from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.model.late_fusion import LateFusion
from fusion.training import frozen
from fusion.training import memory as outlines
from fusion.training.memory import Memory, build_on_meta, free_memory, memory

IMAGE = ["backbone=timm", "backbone.model=test_resnet", "backbone.weights=random", "text=none", "fusion.hidden=[16]"]


def configured(*overrides: str) -> dict:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return to_dict(compose("train", [*IMAGE, "input_shape=32", *overrides]))


def test_an_outline_is_the_network_without_its_weights():
    config = configured()
    real = LateFusion({"image": create_image(config["backbone"], 32).module}, 5, [16], 0.2)
    drawn = build_on_meta(config, 5)
    assert {p.device.type for p in drawn.parameters()} == {"meta"}
    assert {n: p.shape for n, p in drawn.named_parameters()} == {n: p.shape for n, p in real.named_parameters()}


@pytest.mark.parametrize("text", ["nano", "ladder", "scratch", "codeberta"])
def test_every_text_branch_has_an_outline(text):
    config = configured(f"text={text}", "text.weights=random") if text == "codeberta" else configured(f"text={text}")
    net = build_on_meta(config, 5)
    assert {*net.branches} == {"text", "image"} and {p.device.type for p in net.parameters()} == {"meta"}
    assert memory(net, config).each > 0


def test_a_shape_that_cannot_be_is_an_error_before_anything_is_made():
    with pytest.raises(UserError, match="inception_v3 cannot take input_shape=40"):
        build_on_meta(configured("backbone.model=inception_v3", "input_shape=40"), 5)


@pytest.mark.slow
@pytest.mark.parametrize("row", sorted(path.stem for path in (CONF_DIR / "row").glob("*.yaml")))
def test_every_row_of_the_sources_tables_fits_together(row):
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = to_dict(compose("train", [f"row={row}"]))
    net = build_on_meta(config, 9)
    frozen.settle(config, net)
    learnt = {name.split(".")[0] for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert learnt == ({"head"} if config["backbone"]["freeze"] == "all" else {"head", "branches"})
    assert memory(net, config).each > 0


def test_memory_grows_with_the_picture_and_shrinks_with_what_is_frozen():
    def of(side: int, frozen: bool = False, half: bool = False) -> Memory:
        config = configured(f"input_shape={side}")
        net = build_on_meta(config, 5)
        for parameter in net.branches["image"].parameters():
            parameter.requires_grad_(not frozen)
        return memory(net, config, half)

    small, large = of(32), of(64)
    assert small.fixed == large.fixed and 3 < large.each / small.each < 5
    assert of(64, frozen=True).each < large.each / 2 and of(64, frozen=True).fixed < large.fixed
    assert of(64, half=True).each == large.each / 2


def test_what_autograd_keeps_is_what_a_real_step_keeps():
    config = configured("input_shape=64")
    net = LateFusion({"image": create_image(config["backbone"], 64).module}, 5, [16], 0.0)
    known = {p.untyped_storage().data_ptr() for p in [*net.parameters(), *net.buffers()]}
    found: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    picture = torch.zeros(8, 64, 64, 3, dtype=torch.uint8)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net({"image": picture, "present": {"image": torch.ones(8, dtype=torch.bool)}})
    real = sum(t.untyped_storage().nbytes() for key, t in found.items() if key not in known)
    estimate = memory(build_on_meta(config, 5), config).each * 8 / outlines.SPARE
    assert 0.9 * real < estimate < 1.3 * real


def test_a_frozen_branch_takes_what_its_widest_module_reads_and_writes():
    config = configured("backbone.freeze=all", "input_shape=64")
    net = build_on_meta(config, 5)
    frozen.settle(config, net)
    found: list[int] = []
    real = LateFusion({"image": create_image(config["backbone"], 64).module}, 5, [16], 0.0)
    for module in real.branches["image"].modules():
        if not [*module.children()]:
            module.register_forward_hook(
                lambda _, given, made: found.append(4 * (sum(x.numel() for x in given) + made.numel()))
            )
    real.branches["image"](torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert memory(net, config).each == max(found)


@pytest.mark.parametrize(("space", "fits"), [(10_000, 32), (3_300, 32), (3_299, 16), (1_000, 8), (200, 1), (199, None)])
def test_the_batch_that_fits_is_found_by_halving(space, fits):
    assert Memory(fixed=100, each=100).largest(32, space) == fits


def test_the_room_is_that_of_the_narrowest_limit(monkeypatch):
    free = free_memory(torch.device("cpu"))
    assert free > 1 << 20
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 50, 1 << 50))
    assert abs(free_memory(torch.device("cpu")) / free - 1) < 0.5
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 20, 1 << 20))
    assert free_memory(torch.device("cpu")) == 0
