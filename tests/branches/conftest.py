"""A model hub, weights in its cache, and files of weights."""

import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.branches.tiny_branches import ARCHITECTURE

from fusion.branches import weights
from fusion.branches.tokenizer import train_tokenizer


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Callable[[int], None]:
    """A port -> the hub is asked there, at most 0.3 s, and nothing is cached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def at(port: int) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(weights, "PROBE_SECONDS", 0.3)

    return at


@pytest.fixture
def put_in_cache(tmp_path) -> Callable[[str, Path], None]:
    """A repository and its one file -> the hub's cache, as a download would leave it."""

    def put(repository: str, file: Path) -> None:
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        (folder / "snapshots" / "abc").mkdir(parents=True)
        shutil.copy(file, folder / "snapshots" / "abc" / file.name)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("abc")

    return put


@pytest.fixture
def published(tmp_path) -> Path:
    """Weights of test_resnet, recognisable."""
    torch.manual_seed(7)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def encoder(tmp_path, texts) -> Path:
    """A folder of a text model in Hugging Face's layout, as a download would leave it."""
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    torch.manual_seed(7)
    fields = {key: value for key, value in ARCHITECTURE.items() if key != "model_type"}
    config = AutoConfig.for_model(ARCHITECTURE["model_type"], **fields)
    AutoModel.from_config(config).save_pretrained(tmp_path / "encoder")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=train_tokenizer(texts, 300), pad_token="[PAD]")
    tokenizer.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"
