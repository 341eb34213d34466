"""A model folder of schema 1, with the names of its time, gives the answers that it gave then."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fusion.branches import create_image, create_text
from fusion.config.branches import Backbone, Nano, NgramBaseline, TextOptions, Transformer
from fusion.config.errors import UserError
from fusion.config.options import parse
from fusion.config.render import RenderOptions, load_render_options, parse_size
from fusion.files import sha256_of
from fusion.model.checkpoint import Model, load, save
from fusion.model.late_fusion import LateFusion
from fusion.model.migrate import SCHEMA

NANO = Nano(name="nano", buckets=64, num_hashes=2, dim=4, ngram_dropout=0.5, ensemble_weights=90, min_groups=1)
LADDER = Transformer(name="ladder", variant="v4", tokenizer="bpe", vocabulary=300, max_tokens=32, dim=8, blocks=1,
                     heads=2, dropout=0.1)  # fmt: skip
NGRAM = NgramBaseline(name="ngram", features=512, max_ngram=3)
FUSION = {"hidden": [8], "dropout": 0.1}


def make(text: TextOptions, texts: list[str], image: bool) -> Model:
    torch.manual_seed(0)
    rows = {"text": texts, "group": list("pqrstu"), "label": list("ababab")}
    created = {"text": create_text(text, rows, ["a", "b"])}
    if image:
        created["image"] = create_image(Backbone(name="timm", model="test_resnet", weights="random"), 32)
    net = LateFusion({name: branch.module for name, branch in created.items()}, 2, **FUSION)
    meta = {
        "name": "train", "render": load_render_options("carbon").to_option(), "source_size": [680, 500], "seed": 1,
        "input_shape": 32, "classes": ["a", "b"], "fusion": FUSION, "temperature": 1.5,
        "branches": {name: branch.spec for name, branch in created.items()},
    }  # fmt: skip
    return Model(net, meta, created["text"].tokenizer)


@torch.no_grad()
def answers(model: Model, texts: list[str]) -> torch.Tensor:
    present = torch.ones(len(texts), dtype=torch.bool)
    batch = {"text": model.tokenizer(texts), "present": {"text": present, "image": present}}
    batch["image"] = torch.arange(len(texts) * 32 * 32 * 3).remainder(251).to(torch.uint8).view(-1, 32, 32, 3)
    return model.net.eval()(batch)


def as_schema_1(folder: Path, **changes: object) -> None:
    """Rewrite a folder with the names that schema 1 had."""
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace('"max_ngram"', '"longest"'))
    meta = (folder / "meta.json").read_text()
    for new, name in {"num_hashes": "members", "variant": "rung", "degradation": "wear"}.items():
        meta = meta.replace(f'"{new}"', f'"{name}"')
    meta = json.loads(meta) | {"schema": 1, "sha256": sha256_of(folder / "model.safetensors")} | changes
    (folder / "meta.json").write_text(json.dumps({name: value for name, value in meta.items() if value is not None}))


@pytest.mark.parametrize("schema", [1, None])
@pytest.mark.parametrize(("text", "image"), [(LADDER, True), (NGRAM, False)], ids=["ladder and image", "ngram"])
def test_a_folder_of_schema_1_gives_the_same_answers(text, image, schema, texts, tmp_path):
    model = make(text, texts, image)
    save(model, tmp_path / "model")
    expected = answers(load(tmp_path / "model"), texts)
    as_schema_1(tmp_path / "model", schema=schema)
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    again = load(tmp_path / "model")
    assert torch.equal(answers(again, texts), expected)
    assert {name: again.meta[name] for name in model.meta} == model.meta and again.meta["schema"] == SCHEMA
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before  # read only
    save(again, tmp_path / "again")
    assert torch.equal(answers(load(tmp_path / "again"), texts), expected)


def test_the_old_names_are_those_that_were_written(texts, tmp_path):
    """The test above would prove nothing if it rewrote a folder to what no fusion ever wrote."""
    save(make(LADDER, texts, True), tmp_path / "model")
    as_schema_1(tmp_path / "model")
    meta = json.loads((tmp_path / "model" / "meta.json").read_text())
    assert "rung" in meta["branches"]["text"] and "variant" not in meta["branches"]["text"]
    assert "wear" in meta["render"] and "degradation" not in meta["render"]


@pytest.mark.parametrize("schema", [None, 1, 2])
def test_a_nano_that_read_texts_otherwise_is_refused(schema, texts, tmp_path):
    save(make(NANO, texts, False), tmp_path / "model")
    as_schema_1(tmp_path / "model", schema=schema)
    with pytest.raises(UserError, match="train it again"):
        load(tmp_path / "model")


def test_a_folder_of_schema_2_gives_the_same_answers(texts, tmp_path):
    save(make(NGRAM, texts, False), tmp_path / "model")
    expected = answers(load(tmp_path / "model"), texts)
    meta = json.loads((tmp_path / "model" / "meta.json").read_text())
    (tmp_path / "model" / "meta.json").write_text(json.dumps(meta | {"schema": 2}))
    assert torch.equal(answers(load(tmp_path / "model"), texts), expected)


@pytest.mark.parametrize("size", [256, "680x500", [680, 500]])
def test_render_options_and_sizes_of_schema_1_are_those_of_today(size, texts, tmp_path):
    model = make(LADDER, texts, True)
    save(model, tmp_path / "model")
    as_schema_1(tmp_path / "model", source_size=size)
    meta = load(tmp_path / "model").meta
    assert meta["source_size"] == list(parse_size(size))
    assert parse(RenderOptions, meta["render"], "render") == load_render_options("carbon")


def test_a_fused_model_of_schema_3_averages_its_linear_member_half_and_half(texts, tmp_path) -> None:
    model = make(NANO, texts, image=True)
    before = answers(model, texts)
    save(model, tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    save_file({name: v for name, v in weights.items() if not name.startswith("members.")},
              tmp_path / "model" / "model.safetensors")  # fmt: skip
    meta = json.loads((tmp_path / "model" / "meta.json").read_text())
    meta |= {"schema": 3, "sha256": sha256_of(tmp_path / "model" / "model.safetensors")}
    (tmp_path / "model" / "meta.json").write_text(json.dumps(meta))
    again = load(tmp_path / "model")
    assert torch.allclose(answers(again, texts), before, atol=1e-6)
    assert again.net.members.weight.tolist() == [0.0, 0.0]
