"""What holds for every branch: .dim, forward(batch[name]) -> (B, dim), spec -> the same branch again."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from tests.branches.tiny_branches import ARCHITECTURE, HF, LADDER, MICRO, NANO, NGRAM, RESNET
from torch import nn

from fusion.branches import TEXT as REGISTRY
from fusion.branches import LoadedBranch, create_image, create_text, restore
from fusion.branches.image import TimmBackbone
from fusion.branches.text import HuggingFaceEncoder
from fusion.branches.weights import WeightSource
from fusion.config.branches import Backbone, TextOptions
from fusion.config.errors import UserError
from fusion.config.groups import names_in


@dataclass
class Case:
    """A branch, and texts or pictures -> what it is given of a batch."""

    branch: LoadedBranch
    read: Callable[[list[str]], Any]


def rows(texts: list[str]) -> dict[str, list[str]]:
    """Each text a project of its own, of one of three labels."""
    numbers = [str(number) for number in range(len(texts))]
    return {"text": texts, "group": numbers, "label": ["abc"[number % 3] for number in range(len(texts))]}


def text_case(options: TextOptions, texts: list[str]) -> Case:
    branch = create_text(options, rows(texts), classes=["a", "b", "c"])
    return Case(branch, branch.tokenizer)


def image_case(model: str, side: int) -> Case:
    def draw(texts: list[str]) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(len(text)) for text in texts]
        return torch.stack([torch.randint(0, 256, (side, side, 3), dtype=torch.uint8, generator=g) for g in generators])

    return Case(create_image(replace(RESNET, model=model), side), draw)


VARIANTS = ("v1m", "v2m", "v3", "v4", "v5", "v5m")  # v1 and v2 read no text: see test_ladder.py
TEXT = (*VARIANTS, "bytes", "nano", "micro", "ngram", "hf", "folder")
IMAGE = ("test_resnet", "test_vit3", "convnet", "nasnetmobile", "reader")  # reader_ngrams sees nothing in noise


@pytest.fixture
def case(request, texts) -> Case:
    torch.manual_seed(0)
    match request.param:
        case variant if variant in VARIANTS:
            result = text_case(replace(LADDER, variant=variant), texts)
        case "bytes":
            result = text_case(replace(LADDER, variant="v5m", tokenizer="bytes"), texts)
        case "nano":
            result = text_case(NANO, texts)
        case "micro":
            result = text_case(MICRO, texts)
        case "ngram":
            result = text_case(NGRAM, texts)
        case "hf":
            result = text_case(HF, texts)
        case "folder":
            folder = request.getfixturevalue("encoder")
            result = text_case(replace(HF, model=str(folder), weights="auto", pooling="cls"), texts)
        case model:
            result = image_case(model, 160 if model == "test_vit3" else 64)
    result.branch.module.eval()
    return result


every_branch = pytest.mark.parametrize("case", TEXT + IMAGE, indirect=True)
every_text_branch = pytest.mark.parametrize("case", TEXT, indirect=True)
every_image_branch = pytest.mark.parametrize("case", IMAGE, indirect=True)


@torch.no_grad()
def features(module: nn.Module, given: Any) -> torch.Tensor:
    return module(given)


def test_every_file_of_conf_text_is_in_the_registry():
    assert {*REGISTRY, "none"} == {*names_in("text")}


@every_branch
def test_a_batch_becomes_finite_features_of_the_promised_width(case, texts):
    out = features(case.branch.module, case.read(texts[:4]))
    assert out.shape == (4, case.branch.module.dim)
    assert out.isfinite().all()
    assert (out.std(0) / out.abs().mean(0).clamp(min=1e-12)).max() > 1e-3  # different inputs, different features


@every_branch
def test_a_row_alone_gives_what_it_gives_in_a_batch(case, texts):
    together = features(case.branch.module, case.read(texts[:4]))
    for number in range(4):
        alone = features(case.branch.module, case.read([texts[number]]))
        assert torch.allclose(alone[0], together[number], atol=1e-5)


@every_branch
def test_every_parameter_learns(case, texts):
    module = case.branch.module.train()
    if getattr(case.branch.module, "outputs_logits", False):
        assert not list(module.parameters())  # fitted already
        return
    module(case.read(texts[:4])).square().sum().backward()
    without = [name for name, p in module.named_parameters() if p.requires_grad and p.grad is None]
    assert all("pooler" in name for name in without)  # Hugging Face's, which nothing reads


@every_branch
def test_a_spec_is_json_and_restores_the_same_branch(case, texts):
    spec = json.loads(json.dumps(case.branch.spec, allow_nan=False))
    again = restore(spec)
    weights = case.branch.module.state_dict()
    assert again.dim == case.branch.module.dim
    assert list(again.state_dict()) == list(weights)
    again.load_state_dict(weights)
    case.branch.module.load_state_dict(weights)  # some weights are stored with fewer bits than they are trained with
    given = case.read(texts[:4])
    assert torch.equal(features(again.eval(), given), features(case.branch.module, given))


@every_text_branch
def test_padding_changes_nothing(case, texts):
    given = case.read([text[:30] for text in texts[:2]])
    wider = {name: nn.functional.pad(column, (0, 48 - column.shape[1])) for name, column in given.items()}
    if case.branch.spec["name"] in ("nano", "micro", "linear"):
        wider = {name: nn.functional.pad(column, (0, 99)) for name, column in given.items()}
    assert wider["input_ids"].shape[1] > given["input_ids"].shape[1]
    wider["input_ids"][~wider["attention_mask"]] = 7  # nor does what stands there
    expected = features(case.branch.module, given)
    assert torch.allclose(features(case.branch.module, wider), expected, atol=1e-5)


@every_text_branch
def test_an_empty_and_an_endless_text_have_finite_features(case):
    given = case.read(["", "x = 1\n" * 5000, "\udce9 日本"])
    assert features(case.branch.module, given).isfinite().all()
    nothing = {name: torch.zeros_like(column) for name, column in given.items()}  # a text of padding alone
    assert features(case.branch.module, nothing).isfinite().all()


@every_text_branch
def test_a_tokenizer_is_part_of_a_text_branch(case, texts):
    given = case.branch.tokenizer(texts)
    assert given["input_ids"].dtype == torch.int64 and given["attention_mask"].dtype == torch.bool
    assert given["attention_mask"].any(1).all()


@every_image_branch
def test_pictures_are_read_as_bytes_of_any_memory_layout(case, texts):
    given = case.read(texts[:2])
    strided = given.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    expected = features(case.branch.module, given)
    assert torch.allclose(features(case.branch.module, strided), expected, atol=1e-5)


def test_pictures_are_normalised_with_the_mean_and_deviation_of_the_model():
    branch = TimmBackbone("test_resnet", 32, WeightSource("random"))
    published = branch.net.pretrained_cfg
    branch.net = nn.Identity()
    picture = torch.randint(0, 256, (1, 5, 4, 3), dtype=torch.uint8)
    expected = (picture / 255 - torch.tensor(published["mean"])) / torch.tensor(published["std"])
    assert torch.allclose(branch(picture), expected.permute(0, 3, 1, 2), atol=1e-5)
    assert branch.original_input_shape == 160


def test_mean_pooling_takes_every_token_and_cls_the_first(texts):
    torch.manual_seed(0)
    branch = create_text(replace(HF, pooling="cls"), rows(texts))
    given = branch.tokenizer(texts[:2])
    encoder = branch.module.encoder.eval()
    hidden = encoder(given["input_ids"], given["attention_mask"].long()).last_hidden_state  # (2, T, D)
    assert torch.allclose(HuggingFaceEncoder(encoder, "cls")(given), hidden[:, 0])
    length = int(given["attention_mask"][0].sum())
    assert torch.allclose(HuggingFaceEncoder(encoder, "mean")(given)[0], hidden[0, :length].mean(0), atol=1e-5)


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation", "experts_implementation"])
def test_a_kernel_that_a_spec_names_is_not_fetched(key):
    """transformers would download `owner/name` from the hub and run it."""
    spec = {"name": "hf", "architecture": ARCHITECTURE | {key: "evil/kernel"}, "pooling": "mean", "max_tokens": 48}
    module = restore(spec)
    assert module.encoder.config._attn_implementation in ("sdpa", "eager")
    assert "evil/kernel" not in json.dumps(module.architecture)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (
            lambda: create_text(replace(HF, architecture=ARCHITECTURE | {"model_type": "robberta"}), rows(["a"])),
            "robberta",
        ),
        (lambda: create_text(replace(LADDER, heads=3), rows(["a"])), "dim=16.*heads=3"),
        (
            lambda: create_image(replace(RESNET, model="test_resnt"), 64),
            "did you mean test_resnet",
        ),
        (lambda: create_image(replace(RESNET, model="test_vit3"), 64), "input_shape=64.*160"),
        (lambda: create_image(Backbone(name="timm"), 64), r"pass backbone\.model=NAME"),
        (lambda: restore({"name": "os.system"}), "os.system"),
    ],
)
def test_what_cannot_be_created_is_named(create, message):
    with pytest.raises(UserError, match=message):
        create()
