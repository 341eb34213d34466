"""A model folder: gives the same answers back, whole or not at all, and nothing in it is executed."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch

from fusion.branches import create_image, create_text
from fusion.config.branches import Backbone, Transformer
from fusion.config.errors import UserError
from fusion.files import sha256_of
from fusion.model import checkpoint
from fusion.model.checkpoint import SCHEMA, Model, load, save
from fusion.model.late_fusion import LateFusion

SCRATCH = Transformer(name="scratch", variant="v5m", tokenizer="bpe", vocabulary=300, max_tokens=16, dim=8, blocks=1,
                      heads=1, dropout=0.0)  # fmt: skip
FUSION = {"hidden": [8], "dropout": 0.1}


def make(texts, seed: int = 0, image: bool = True) -> Model:
    torch.manual_seed(seed)
    branches = {"text": create_text(SCRATCH, {"text": texts})}
    if image:
        branches["image"] = create_image(Backbone(name="timm", model="test_resnet", weights="random"), 32)
    net = LateFusion({name: branch.module for name, branch in branches.items()}, 2, **FUSION)
    meta = {
        "name": "train", "render": {}, "source_size": 64, "input_shape": 32, "seed": 1, "classes": ["a", "b"],
        "branches": {name: branch.spec for name, branch in branches.items()}, "fusion": FUSION, "temperature": 1.5,
    }  # fmt: skip
    return Model(net, meta, branches["text"].tokenizer)


@pytest.fixture
def model(texts) -> Model:
    return make(texts)


@pytest.fixture
def folder(model, tmp_path):
    """A saved model."""
    save(model, tmp_path / "model")
    return tmp_path / "model"


@torch.no_grad()
def answers(model: Model, texts) -> torch.Tensor:
    there = torch.ones(len(texts), dtype=torch.bool)
    batch = {"text": model.tokenizer(texts), "present": {"text": there, "image": there}}
    batch["image"] = torch.arange(len(texts) * 32 * 32 * 3).remainder(251).to(torch.uint8).view(-1, 32, 32, 3)
    return model.net.eval()(batch)


def edit(folder, **changes) -> None:
    """meta.json with some values changed; None takes a key away."""
    meta = json.loads((folder / "meta.json").read_text()) | changes
    (folder / "meta.json").write_text(json.dumps({key: value for key, value in meta.items() if value is not None}))


def test_a_saved_model_gives_the_same_answers(model, folder, texts):
    again = load(folder)
    assert not again.net.training
    assert torch.equal(answers(again, texts), answers(model, texts))
    assert {key: again.meta[key] for key in model.meta} == model.meta
    assert again.meta["schema"] == SCHEMA
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "model.safetensors", "tokenizer.json"]


def test_a_moved_folder_still_loads(folder, texts, tmp_path, model):
    elsewhere = tmp_path / "elsewhere" / "m"
    elsewhere.parent.mkdir()
    shutil.move(folder, elsewhere)
    assert torch.equal(answers(load(elsewhere), texts), answers(model, texts))


def test_saving_what_was_loaded_changes_nothing(folder, tmp_path):
    save(load(folder), tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_model_without_text_has_no_tokenizer(tmp_path, model):
    net = LateFusion({"image": model.net.branches["image"]}, 2, **FUSION)
    meta = model.meta | {"branches": {"image": model.meta["branches"]["image"]}}
    save(Model(net, meta, None), tmp_path / "model")
    assert load(tmp_path / "model").tokenizer is None


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_flipped_bit_is_refused(folder, place):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        load(folder)


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_cut_off_weights_are_refused(folder, length):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "meta.json", "tokenizer.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=name):
        load(folder)


@pytest.mark.parametrize("name", ["meta.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000])
def test_a_damaged_json_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        load(folder)


@pytest.mark.parametrize("schema", [SCHEMA + 1, 99, "2"])
def test_a_newer_schema_is_refused_before_the_weights_are_read(folder, schema):
    edit(folder, schema=schema)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="newer fusion"):
        load(folder)


@pytest.mark.parametrize(
    "key", ["branches", "classes", "fusion", "render", "name", "seed", "input_shape", "temperature", "sha256"]
)
def test_a_meta_file_that_lacks_a_part_is_refused(folder, key):
    edit(folder, **{key: None})
    with pytest.raises(UserError, match=r"model"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["a", "b", "c"]},
        {"fusion": {"hidden": [9], "dropout": 0.1}},
        {"fusion": {"hidden": [8], "dropout": 0.1, "_target_": "os.system"}},
        {"branches": {"text": {"name": "ladder"}}},
        {"branches": []},
    ],
)
def test_a_meta_file_that_does_not_fit_the_weights_is_refused(folder, change):
    edit(folder, **change)
    with pytest.raises(UserError, match=r"model"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("classes", value) for value in ({"a": 0, "b": 1}, "ab", [1, 2], ["a", "a"], [["a"], ["b"]])],
        *[("temperature", value) for value in ("x", 0, -1, float("nan"), float("inf"), 10**400, [1.5])],
        *[("input_shape", value) for value in (-3, 7, "x", 32.5, [32])],
        *[(name, value) for name in ("render", "fusion", "branches") for value in ("x", [], 3)],
        *[("source_size", value) for value in ("x", 7, [1, 2, 3], [500, "x"])],
        *[("seed", "x"), ("seed", [0]), ("name", 5), ("name", {})],
    ],
)
def test_a_part_of_the_meta_file_that_is_of_another_kind_is_named(folder, name, value):
    edit(folder, **{name: value})
    with pytest.raises(UserError, match=rf"meta\.json describes no model: {name}=.* is not .*; copy or train"):
        load(folder)


@pytest.mark.parametrize(
    "spec",
    [
        {"_target_": "os.mkdir", "path": "owned"},
        {"name": "os.mkdir", "path": "owned"},
        {"name": "ladder", "_target_": "os.mkdir", "path": "owned"},
        {"name": "timm", "model": "hf-hub:evil/model", "input_shape": 32},
        {"name": "timm", "model": "local-dir:.", "input_shape": 32},
        {"name": "hf", "architecture": {"model_type": "evil"}, "pooling": "mean", "max_tokens": 8},
        {"name": "hf", "architecture": {"_name_or_path": "evil/model"}, "pooling": "mean", "max_tokens": 8},
        {"name": ["ladder"]},
        {},
    ],
)
def test_an_unknown_branch_is_never_made(folder, spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edit(folder, branches={"text": spec})
    with pytest.raises(UserError):
        load(folder)
    assert not (tmp_path / "owned").exists()


def test_code_that_a_spec_points_to_is_not_imported(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('owned', 'w')\nclass Model: pass\n")
    architecture = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    architecture |= {"intermediate_size": 8, "vocab_size": 300, "auto_map": {"AutoModel": "evil.Model"}}
    edit(folder, branches={"text": {"name": "hf", "architecture": architecture, "pooling": "mean", "max_tokens": 8}})
    with pytest.raises(UserError):  # the weights are another branch's
        load(folder)
    assert not (tmp_path / "owned").exists()


def test_a_pickle_instead_of_weights_is_not_opened(folder, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save(Payload(), folder / "model.safetensors")
    edit(folder, sha256=sha256_of(folder / "model.safetensors"))
    with pytest.raises(UserError, match=r"model\.safetensors"):
        load(folder)
    assert not (tmp_path / "owned").exists()


class NoJson:
    def to_json(self):
        raise OSError("no space left")


def only_the_old_one_is_left(folder, model, texts) -> bool:
    whole = torch.equal(answers(load(folder), texts), answers(model, texts))
    return whole and [path for path in folder.parent.iterdir() if path.name != "cache"] == [folder]


def test_a_second_save_replaces_the_first(folder, texts):
    other = make(texts, seed=1)
    save(other, folder)
    assert only_the_old_one_is_left(folder, other, texts)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_save_that_fails_while_writing_leaves_the_old_model(folder, model, texts, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(error):
        save(make(texts, seed=1), folder)
    assert only_the_old_one_is_left(folder, model, texts)


def test_a_save_that_fails_at_its_last_file_leaves_the_old_model(folder, model, texts):
    with pytest.raises(OSError, match="no space"):
        save(replace(make(texts, seed=1), tokenizer=NoJson()), folder)
    assert only_the_old_one_is_left(folder, model, texts)


def test_a_save_stopped_between_its_renames_leaves_the_old_model(folder, model, texts, monkeypatch):
    rename = os.replace

    def stop(source, target):
        if target == folder:
            monkeypatch.setattr(os, "replace", rename)
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        save(make(texts, seed=1), folder)
    assert only_the_old_one_is_left(folder, model, texts)


def test_what_a_killed_save_left_behind_is_no_hindrance(folder, texts):
    for name in (f".model.{os.getpid()}", ".model.old"):
        (folder.parent / name).mkdir()
        (folder.parent / name / "half").write_text("x")
    other = make(texts, seed=1)
    save(other, folder)
    assert only_the_old_one_is_left(folder, other, texts)


def test_a_model_of_a_killed_save_still_loads(folder, model, texts):
    os.replace(folder, folder.with_name(".model.old"))  # killed after the first of the two renames
    assert torch.equal(answers(load(folder), texts), answers(model, texts))
