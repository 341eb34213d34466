"""Files and folders that hold no usable weights: named, never run."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.branches.tiny_branches import HF, RESNET

from fusion.branches import create_image, create_text
from fusion.config.errors import UserError


def write_broken(kind: str, path: Path, touched: Path) -> None:
    """Write a file of weights that cannot be used; running it would touch a file."""

    class Payload:
        def __reduce__(self):
            return Path.touch, (touched,)

    match kind:
        case "other.safetensors":
            save_file({"nothing.weight": torch.zeros(2)}, path)
        case "part.safetensors":
            state = timm.create_model("test_resnet").state_dict()
            del state[next(name for name in reversed(state) if state[name].ndim == 4)]
            save_file(state, path)
        case "cut.safetensors":
            save_file({"stem.weight": torch.zeros(99)}, path)
            path.write_bytes(path.read_bytes()[:-50])
        case "empty.safetensors" | "empty.pth":
            path.touch()
        case "text.pth":
            path.write_text("<html>404</html>")
        case "pickle.pth":
            torch.save({"state_dict": Payload()}, path)
        case "bare.pth":
            path.write_bytes(pickle.dumps(Payload()))
        case _:
            path.mkdir()


BROKEN = ("other.safetensors", "part.safetensors", "cut.safetensors", "empty.safetensors",
          "empty.pth", "text.pth", "pickle.pth", "bare.pth", "folder")  # fmt: skip


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_holds_no_usable_weights_is_named_and_not_run(tmp_path, kind):
    path, touched = tmp_path / kind, tmp_path / "touched"
    write_broken(kind, path, touched)
    with pytest.raises(UserError, match=kind):
        create_image(replace(RESNET, weights=str(path)), 64)
    assert not touched.exists()


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_part_is_named(encoder, texts, missing):
    (encoder / missing).unlink()
    with pytest.raises(UserError, match="encoder holds no model and tokenizer"):
        create_text(replace(HF, model=str(encoder), weights="auto"), {"text": texts, "group": texts})


def test_cut_off_weights_of_a_text_branch_are_named(encoder, texts):
    path = encoder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match="encoder holds no model and tokenizer"):
        create_text(replace(HF, model=str(encoder), weights="auto"), {"text": texts, "group": texts})


def test_weights_of_another_architecture_are_not_taken_for_pretrained(encoder, texts):
    save_file({"nothing.weight": torch.zeros(2)}, encoder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="encoder"):
        create_text(replace(HF, model=str(encoder), weights="auto"), {"text": texts, "group": texts})


def test_code_in_a_folder_is_never_run(encoder, texts, tmp_path):
    touched = tmp_path / "touched"
    (encoder / "evil.py").write_text(f"open({str(touched)!r}, 'w')\nclass M: pass\n")
    config = json.loads((encoder / "config.json").read_text())
    config |= {"auto_map": {"AutoModel": "evil.M", "AutoConfig": "evil.M"}, "model_type": "evil"}
    (encoder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError):
        create_text(replace(HF, model=str(encoder), weights="auto"), {"text": texts, "group": texts})
    assert not touched.exists()
