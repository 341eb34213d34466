"""How pictures reach a backbone: colour or luminance, its own normalisation, pooled or flattened."""

import json
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.branches.tiny_branches import CONVNET, RESNET

from fusion.branches import create_image, restore
from fusion.branches.image import TimmBackbone
from fusion.branches.weights import WeightSource
from fusion.config.branches import Backbone
from fusion.config.errors import UserError


def pictures(side: int, count: int = 2) -> torch.Tensor:
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def features(module, given):
    return module.eval()(given)


@pytest.mark.parametrize("options", [{"channels": 1}, {"pooling": "flatten"}, {"channels": 1, "pooling": "flatten"}])
def test_options_are_part_of_the_spec(options):
    branch = create_image(replace(RESNET, **options), 64)
    again = restore(json.loads(json.dumps(branch.spec)))
    again.load_state_dict(branch.module.state_dict())
    assert torch.equal(features(again, pictures(64)), features(branch.module, pictures(64)))
    assert again.dim == branch.module.dim


def test_flattening_keeps_the_place_of_a_feature_and_the_average_does_not():
    torch.manual_seed(0)
    flat, pooled = (create_image(replace(RESNET, pooling=how), 64).module for how in ("flatten", "gap"))
    pooled.load_state_dict(flat.state_dict())
    given = pictures(64)
    cells = features(flat, given).view(2, pooled.dim, -1)  # (B, D, h * w)
    assert cells.shape[2] == 4
    assert torch.allclose(cells.mean(2), features(pooled, given), atol=1e-5)


@pytest.mark.parametrize("model", ["test_resnet", "convnet"])
def test_with_one_channel_colour_is_not_seen(model):
    branch = create_image(replace(RESNET, model=model, channels=1), 64).module
    grey = pictures(64)[..., :1].expand(-1, -1, -1, 3)
    assert next(branch.net.parameters()).shape[1] == 1
    tinted = grey.float() + torch.tensor([0.587, -0.299, 0.0])  # the same luminance
    assert torch.allclose(features(branch, grey), features(branch, tinted), atol=1e-3)


def test_published_weights_of_three_channels_are_summed_into_one(tmp_path):
    published = timm.create_model("test_resnet").state_dict()
    save_file(published, tmp_path / "weights.safetensors")
    branch = create_image(replace(RESNET, weights=str(tmp_path / "weights.safetensors"), channels=1), 64).module
    first = branch.net.pretrained_cfg["first_conv"] + ".weight"
    assert torch.allclose(branch.net.state_dict()[first], published[first].sum(1, keepdim=True), atol=1e-6)


def test_the_record_says_how_pictures_are_normalised():
    facts = TimmBackbone("tf_efficientnet_lite0", 32, WeightSource("random")).facts()
    assert facts["normalisation"] == {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    assert (facts["original_input_shape"], facts["interpolation"], facts["pooling"]) == (224, "bicubic", "gap")
    json.dumps(facts)


def test_convnet_starts_from_a_file_of_its_own(tmp_path):
    state = create_image(CONVNET, 64).module.net.state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "convnet.safetensors")
    branch = create_image(replace(CONVNET, weights=str(tmp_path / "convnet.safetensors")), 64)
    assert branch.weights == "file"
    assert all(torch.equal(value, state[name]) for name, value in branch.module.net.state_dict().items())
    with pytest.raises(UserError, match="do not fit convnet"):
        create_image(replace(CONVNET, weights=str(tmp_path / "convnet.safetensors")), 96)


@pytest.mark.parametrize(
    ("options", "side", "message"),
    [
        ({"model": "convnet"}, 16, "convnet cannot take input_shape=16; its own is 64"),
        ({"model": "nasnetmobil"}, 64, "timm has no model 'nasnetmobil'"),
    ],
)
def test_what_cannot_be_created_is_named(options, side, message):
    with pytest.raises(UserError, match=message):
        create_image(replace(RESNET, **options), side)


def test_a_network_that_fails_without_a_word_is_named(monkeypatch):
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(TimmBackbone, "forward", fail)
    with pytest.raises(UserError, match=r"test_resnet cannot take input_shape=64 \(AssertionError\); its own is 160"):
        create_image(RESNET, 64)


def test_auto_that_ends_at_random_warns(caplog):
    branch = create_image(Backbone(name="nasnetmobile", model="nasnetmobile"), 64)
    assert branch.weights == "random"
    assert "The hub has no weights for nasnetmobile" in caplog.text and "backbone.weights=FILE" in caplog.text


def test_patches_are_the_cells_of_the_last_map_one_after_the_other() -> None:
    torch.manual_seed(0)
    patches = TimmBackbone("test_resnet", 64, WeightSource("random"), pooling="patches").eval()
    flat = TimmBackbone("test_resnet", 64, WeightSource("random"), pooling="flatten").eval()
    flat.load_state_dict(patches.state_dict())
    pictures = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    count, width = patches.token_shape
    assert patches.dim == count * width == flat.dim
    tokens = patches(pictures).unflatten(1, patches.token_shape)  # (B, P, D)
    assert torch.allclose(tokens.transpose(1, 2).flatten(1), flat(pictures), atol=1e-5)
