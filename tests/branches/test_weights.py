"""auto, pretrained, random, code or a file: the weights that a branch really starts from."""

from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import load_file
from tests.branches.servers import closed_port, web
from tests.branches.tiny_branches import HF, RESNET

from fusion.branches import create_image, create_text, weights
from fusion.branches.weights import WeightsUnavailable, find_image_weights, find_text_weights
from fusion.config.branches import Backbone
from fusion.config.errors import UserError
from fusion.files import sha256_of
from fusion.weights import shipped_weights

IMAGE, TEXT = replace(RESNET, weights="auto"), replace(HF, weights="auto")


def is_published(module: torch.nn.Module) -> bool:
    torch.manual_seed(7)
    expected = timm.create_model("test_resnet").state_dict()
    return all(torch.equal(value, expected[key]) for key, value in module.net.state_dict().items())


def test_random_weights_ask_nobody(monkeypatch):
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("asked"))
    assert find_image_weights("test_resnet", "random").kind == "random"
    assert find_text_weights("nobody/nothing", "random").kind == "random"


def test_auto_without_a_hub_starts_an_image_branch_from_random():
    branch = create_image(IMAGE, 64)
    assert branch.weights == "random"


def test_auto_without_a_hub_leaves_the_choice_of_a_text_branch_to_the_caller():
    with pytest.raises(WeightsUnavailable, match="nobody/nothing"):
        create_text(TEXT, {"text": ["a"], "group": ["a"]})


@pytest.mark.parametrize("find", [find_image_weights, find_text_weights])
def test_pretrained_without_a_hub_is_an_error_that_names_the_weights(find):
    with pytest.raises(WeightsUnavailable, match="test_resnet"):
        find("test_resnet", "pretrained")


def test_a_model_without_published_weights_says_so():
    with pytest.raises(WeightsUnavailable, match=r"backbone\.weights=random"):
        find_image_weights("vgg_of_nobody", "pretrained")


@pytest.mark.parametrize("find", [find_image_weights, find_text_weights])
def test_a_path_that_does_not_exist_is_named(find):
    with pytest.raises(UserError, match=r"weights=/no/such\.pth"):
        find("test_resnet", "/no/such.pth")


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_an_image_branch_starts_from_a_file(published, tmp_path, suffix):
    path = published
    if suffix == "pth":
        path = tmp_path / "weights.pth"
        torch.manual_seed(7)
        torch.save(timm.create_model("test_resnet").state_dict(), path)
    branch = create_image(replace(IMAGE, weights=str(path)), 64)
    assert branch.weights == "file" and is_published(branch.module)


@pytest.mark.parametrize("wanted", ["auto", "pretrained"])
def test_cached_weights_are_used_without_asking_the_hub(published, hub, put_in_cache, cache_folder, wanted):
    hub(closed_port())
    repository = timm.get_pretrained_cfg("test_resnet").hf_hub_id
    put_in_cache(repository, published)
    branch = create_image(replace(IMAGE, weights=wanted), 64)
    assert branch.weights == "hub" and is_published(branch.module)
    assert not cache_folder.exists()  # no probe


def test_a_cached_download_that_was_cut_off_is_no_download(hub, put_in_cache, tmp_path):
    hub(closed_port())
    (tmp_path / "config.json").write_text("{}")
    put_in_cache("nobody/nothing", tmp_path / "config.json")
    with pytest.raises(WeightsUnavailable, match="no model hub"):
        find_text_weights("nobody/nothing", "auto")


def test_a_hub_that_refuses_the_download_is_no_hub(hub):
    with web(404) as (port, _):
        hub(port)
        with pytest.raises(WeightsUnavailable):
            find_text_weights("nobody/nothing", "auto")


@pytest.mark.parametrize("key", ["model", "weights"])
def test_a_text_branch_starts_from_a_folder(encoder, texts, key):
    branch = create_text(replace(TEXT, **{key: str(encoder)}), {"text": texts, "group": texts})
    shipped = load_file(encoder / "model.safetensors")
    assert branch.weights == "file"
    assert all(torch.equal(branch.module.encoder.state_dict()[name], value) for name, value in shipped.items())


def test_a_text_branch_starts_from_random_with_a_tokenizer_of_its_own(texts):
    branch = create_text(replace(TEXT, weights="random"), {"text": texts, "group": texts})
    assert branch.weights == "random" and branch.module.dim == 16
    assert branch.tokenizer.tokenizer.get_vocab_size() <= 300


def test_the_shipped_weights_are_whole_and_fit() -> None:
    path, facts = shipped_weights("mobilenetv2_100")
    assert path.stat().st_size <= 6_000_000 and path.with_suffix(".md").is_file() and facts["projects"]
    branch = create_image(Backbone(name="mobilenetv2", model="mobilenetv2_100", weights="code"), 32)
    assert branch.weights == "code"
    state, shipped = branch.module.net.state_dict(), load_file(path)
    assert state.keys() == shipped.keys()
    assert all(torch.equal(state[name], value.to(state[name].dtype)) for name, value in shipped.items())


def test_a_backbone_without_code_weights_is_named() -> None:
    with pytest.raises(UserError, match="holds weights of mobilenetv2_100 and reader, not of test_resnet"):
        find_image_weights("test_resnet", "code")


def test_weights_have_an_id(published, hub, put_in_cache, encoder):
    hub(closed_port())
    put_in_cache("timm/test_resnet.r160_in1k", published)
    assert find_image_weights("test_resnet", "auto").weights_id == "test_resnet.r160_in1k"
    assert create_image(replace(IMAGE, weights=str(published)), 32).weights_id == sha256_of(published)
    assert find_image_weights("mobilenetv2_100", "code").weights_id == shipped_weights("mobilenetv2_100")[1]["sha256"]
    before = find_text_weights(str(encoder), "auto").weights_id
    (encoder / "tokenizer.json").write_text("{}")
    assert len(before) == 64 and find_text_weights(str(encoder), "auto").weights_id != before
    assert find_image_weights("test_resnet", "random").weights_id is None


def test_a_misspelt_backbone_is_no_matter_of_the_hub(caplog):
    with pytest.raises(UserError, match="did you mean test_resnet"):
        create_image(replace(IMAGE, model="test_resnett"), 64)
    assert not caplog.messages
