"""What learns and what is frozen: layers counted as the sources count them, stages, learning rates, normalisation."""

import pytest
import timm
import torch
from torch import nn

from fusion.branches import restore
from fusion.config.branches import parse_freeze
from fusion.config.errors import UserError
from fusion.training.freezing import layers, layerwise_lr, set_trainable, stages

HF = {"name": "hf", "pooling": "mean", "max_tokens": 48, "architecture": {
    "model_type": "roberta", "vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 66}}  # fmt: skip


def image(model: str, side: int = 32) -> nn.Module:
    return restore({"name": "timm", "model": model, "input_shape": side})


def trainable(branch: nn.Module) -> set[str]:
    return {name for name, p in branch.named_parameters() if p.requires_grad}


@pytest.fixture(scope="module")
def mobilenet() -> nn.Module:
    with torch.device("meta"):
        return timm.create_model("mobilenetv2_100", num_classes=0)


def test_mobilenet_has_the_52_convolutions_of_the_source(mobilenet):
    assert len(layers(mobilenet)) == 52


@pytest.mark.parametrize(("convolutions", "keras_layers", "first"), [
    (12, 34, "blocks.5.0.conv_dw.weight"),  # block_13_depthwise
    (33, 96, "blocks.3.0.conv_dw.weight"),  # block_6_depthwise
    (42, 123, "blocks.2.0.conv_dw.weight"),  # block_3_depthwise
])  # fmt: skip
def test_the_last_layers_of_the_source_are_the_last_convolutions(mobilenet, convolutions, keras_layers, first):
    set_trainable(mobilenet, convolutions, "adapt")
    names = [name for name, p in mobilenet.named_parameters() if p.requires_grad]
    assert names[0] == first
    assert counted_as_keras_does(mobilenet, names) == keras_layers
    set_trainable(mobilenet, 52, "adapt")


def counted_as_keras_does(net: nn.Module, learning: list[str]) -> int:
    """Count convolution, normalisation, its ReLU, the padding before a stride of two and the sum of a shortcut each.

    The padding before the first of them is not among them.
    """
    modules = {name.rpartition(".")[0] for name in learning}
    count = 0
    for name, module in net.named_modules():
        if name in modules and isinstance(module, nn.Conv2d):
            count += 1 + (module.stride == (2, 2) and not learning[0].startswith(name))
        elif name in modules and isinstance(module, nn.BatchNorm2d):
            count += 1 + isinstance(module.act, nn.ReLU6)
        elif getattr(module, "has_skip", False) and any(module.startswith(name + ".") for module in modules):
            count += 1
    return count


@pytest.mark.parametrize("model", ["test_resnet", "test_vit3", "test_convnext", "nasnetmobile", "convnet", "reader"])
def test_every_parameter_belongs_to_one_layer(model):
    branch = image(model, 160 if model == "test_vit3" else 64)
    grouped = [p for layer in layers(branch) for m in layer for p in m.parameters(recurse=False)]
    assert len(grouped) == len({id(p) for p in grouped}) == len([*branch.parameters()])
    assert len(layers(branch)) > 1


def test_layers_of_a_text_encoder_are_its_embeddings_and_blocks():
    encoder = restore(HF)
    assert len(layers(encoder)) == 4
    set_trainable(encoder, 2, "adapt")
    assert {name.split(".layer.")[1][0] for name in trainable(encoder) if ".layer." in name} == {"1", "2"}
    assert not any("embeddings" in name for name in trainable(encoder))
    dropouts = {m.training for name, m in encoder.named_modules() if "embeddings" in name or ".layer.0" in name}
    assert dropouts == {False}


@pytest.mark.parametrize("freeze", ["none", None])
def test_nothing_is_frozen_by_default(freeze):
    assert stages(parse_freeze(freeze), 9, "backbone") == {1: 9}


def test_stages_begin_at_their_epochs():
    assert stages(parse_freeze({5: "none", "3": "all but 2", 1: "all"}), 9, "backbone") == {1: 0, 3: 2, 5: 9}
    assert stages(parse_freeze({2: "all"}), 9, "backbone") == {1: 9, 2: 0}


def test_more_layers_than_there_are_cannot_learn():
    with pytest.raises(UserError, match=r"^backbone\.freeze=all but 10: there are 9 layers; use none"):
        stages(parse_freeze({1: "all", 4: "all but 10"}), 9, "backbone")
    assert stages(parse_freeze("all but 9"), 9, "backbone") == {1: 9}


def after_a_step(learning_layers: int, batchnorm: str) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """Return a small network after one step of training, and its state before."""
    torch.manual_seed(0)
    branch = image("test_resnet").train()
    set_trainable(branch, learning_layers, batchnorm)
    before = {name: value.clone() for name, value in branch.state_dict().items()}
    optimizer = torch.optim.SGD(branch.parameters(), lr=0.1)
    out = branch(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8))
    if out.requires_grad:
        out.square().sum().backward()
        optimizer.step()
    return branch, before


def changed(branch: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in branch.state_dict().items() if not torch.equal(value, before[name])}


def test_a_frozen_branch_changes_in_nothing():
    branch, before = after_a_step(0, "adapt")
    assert changed(branch, before) == set()


def test_frozen_statistics_stay_and_the_rest_learns():
    branch, before = after_a_step(len(layers(image("test_resnet"))), "frozen")
    assert not any("running" in name for name in changed(branch, before))
    assert any("conv" in name for name in changed(branch, before))


def test_layers_that_learn_move_their_statistics_and_frozen_ones_do_not():
    count = len(layers(image("test_resnet")))
    branch, before = after_a_step(3, "adapt")
    names = {id(m): name for name, m in branch.named_modules()}
    frozen = [names[id(m)] for layer in layers(branch)[: count - 3] for m in layer]
    moved = {name.rpartition(".")[0] for name in changed(branch, before)}
    assert moved and not moved & set(frozen)
    assert any("running" in name for name in changed(branch, before))


def test_thawing_gives_back_what_was_frozen():
    branch = image("test_resnet")
    set_trainable(branch, 0, "frozen")
    branch.train()
    set_trainable(branch, len(layers(branch)), "adapt")
    assert trainable(branch) == {name for name, _ in branch.named_parameters()}
    assert all(m.training for m in branch.modules())


def test_each_earlier_layer_learns_more_slowly():
    encoder = restore(HF)
    assert [share for _, share in layerwise_lr(encoder, 1.0)] == [1.0]
    groups = layerwise_lr(encoder, 0.5)
    assert [share for _, share in groups] == [0.125, 0.25, 0.5, 1.0]
    grouped = [id(p) for parameters, _ in groups for p in parameters]
    assert len(grouped) == len(set(grouped)) == len([*encoder.parameters()])
    embeddings = encoder.encoder.embeddings.word_embeddings.weight
    assert any(p is embeddings for p in groups[0][0])
