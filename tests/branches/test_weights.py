"""auto, pretrained, random or a file: what a branch really starts from, and a hub that cannot be had."""

import contextlib
import http.server
import json
import pickle
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from fusion.branches import create_image, create_text, weights
from fusion.branches.tokenizer import train_tokenizer
from fusion.branches.weights import (
    WeightsUnavailable,
    can_be_had,
    code_weights,
    find_image_weights,
    find_text_weights,
    hub_reachable,
)
from fusion.config.branches import Backbone, HuggingFace
from fusion.config.errors import UserError
from fusion.files import sha256_of

IMAGE = Backbone(name="timm", model="test_resnet")
ARCHITECTURE = {
    "model_type": "bert", "vocab_size": 300, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
    "intermediate_size": 8, "max_position_embeddings": 16,
}  # fmt: skip
TEXT = HuggingFace(name="hf", model="nobody/nothing", max_tokens=16, architecture=ARCHITECTURE)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A port -> the hub is asked there, at most 0.3 s, and nothing is cached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def at(port: int) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(weights, "PROBE_SECONDS", 0.3)

    return at


@contextlib.contextmanager
def web(status: int, port: int = 0):
    """A server that gives every HEAD this status -> its port, and the requests it had."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def put_in_cache(repository: str, files: dict[str, Path], cache: Path) -> None:
    """As a download would leave them."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    for name, source in files.items():
        (folder / "snapshots" / "abc").mkdir(parents=True, exist_ok=True)
        (folder / "snapshots" / "abc" / name).write_bytes(source.read_bytes())
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")


@pytest.fixture
def published(tmp_path) -> Path:
    """Weights of the image model, recognisable."""
    torch.manual_seed(7)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "published.safetensors")
    return tmp_path / "published.safetensors"


def is_published(module: torch.nn.Module) -> bool:
    torch.manual_seed(7)
    wanted = timm.create_model("test_resnet").state_dict()
    return all(torch.equal(value, wanted[key]) for key, value in module.net.state_dict().items())


def test_random_weights_ask_nobody(monkeypatch):
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("asked"))
    assert find_image_weights("test_resnet", "random").kind == "random"
    assert find_text_weights("nobody/nothing", "random").kind == "random"


def test_auto_without_a_hub_starts_an_image_branch_from_random():
    started = create_image(IMAGE, 64)
    assert started.weights == "random"


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
    started = create_image(replace(IMAGE, weights=str(path)), 64)
    assert started.weights == "file" and is_published(started.module)


@pytest.mark.parametrize("wanted", ["auto", "pretrained"])
def test_cached_weights_are_used_without_asking_the_hub(published, hub, tmp_path, wanted):
    hub(closed_port())
    repository = timm.get_pretrained_cfg("test_resnet").hf_hub_id
    put_in_cache(repository, {"model.safetensors": published}, tmp_path / "hub")
    started = create_image(replace(IMAGE, weights=wanted), 64)
    assert started.weights == "hub" and is_published(started.module)
    assert not (tmp_path / "cache").exists()  # no probe


def test_a_cached_download_that_was_cut_off_is_no_download(hub, tmp_path):
    hub(closed_port())
    (tmp_path / "config.json").write_text("{}")
    put_in_cache("nobody/nothing", {"config.json": tmp_path / "config.json"}, tmp_path / "hub")
    with pytest.raises(WeightsUnavailable, match="no model hub"):
        find_text_weights("nobody/nothing", "auto")


def test_a_hub_that_refuses_the_download_is_no_hub(hub):
    with web(404) as (port, _):
        hub(port)
        with pytest.raises(WeightsUnavailable):
            find_text_weights("nobody/nothing", "auto")


@pytest.fixture
def folder(tmp_path, texts) -> Path:
    """A text model in Hugging Face's layout."""
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    torch.manual_seed(7)
    fields = {key: value for key, value in ARCHITECTURE.items() if key != "model_type"}
    AutoModel.from_config(AutoConfig.for_model("bert", **fields)).save_pretrained(tmp_path / "encoder")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=train_tokenizer(texts, 300), pad_token="[PAD]")
    tokenizer.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.mark.parametrize("key", ["model", "weights"])
def test_a_text_branch_starts_from_a_folder(folder, texts, key):
    from safetensors.torch import load_file

    started = create_text(replace(TEXT, **{key: str(folder)}), {"text": texts, "group": texts})
    kept = load_file(folder / "model.safetensors")
    assert started.weights == "file"
    assert all(torch.equal(started.module.encoder.state_dict()[name], value) for name, value in kept.items())


def test_a_text_branch_starts_from_random_with_a_tokenizer_of_its_own(texts):
    started = create_text(replace(TEXT, weights="random"), {"text": texts, "group": texts})
    assert started.weights == "random" and started.module.dim == 8
    assert started.tokenizer.tokenizer.get_vocab_size() <= 300


def broken(kind: str, path: Path, touched: Path) -> None:
    """A file of weights that cannot be used."""

    class Payload:
        def __reduce__(self):
            return Path.touch, (touched,)

    match kind:
        case "other.safetensors":
            save_file({"nothing.weight": torch.zeros(2)}, path)
        case "part.safetensors":
            held = timm.create_model("test_resnet").state_dict()
            del held[next(name for name in reversed(held) if held[name].ndim == 4)]
            save_file(held, path)
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
    broken(kind, path, touched)
    with pytest.raises(UserError, match=kind):
        create_image(replace(IMAGE, weights=str(path)), 64)
    assert not touched.exists()


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_part_is_named(folder, texts, missing):
    (folder / missing).unlink()
    with pytest.raises(UserError, match="encoder holds no model and tokenizer"):
        create_text(replace(TEXT, model=str(folder)), {"text": texts, "group": texts})


def test_cut_off_weights_of_a_text_branch_are_named(folder, texts):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match="encoder holds no model and tokenizer"):
        create_text(replace(TEXT, model=str(folder)), {"text": texts, "group": texts})


def test_weights_of_another_architecture_are_not_taken_for_pretrained(folder, texts):
    save_file({"nothing.weight": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="encoder"):
        create_text(replace(TEXT, model=str(folder)), {"text": texts, "group": texts})


def test_code_in_a_folder_is_never_run(folder, texts, tmp_path):
    touched = tmp_path / "touched"
    (folder / "evil.py").write_text(f"open({str(touched)!r}, 'w')\nclass M: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": {"AutoModel": "evil.M", "AutoConfig": "evil.M"}, "model_type": "evil"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError):
        create_text(replace(TEXT, model=str(folder)), {"text": texts, "group": texts})
    assert not touched.exists()


@pytest.mark.parametrize(("status", "reachable"), [(200, True), (403, False), (404, False), (503, False)])
def test_a_hub_is_reachable_when_it_answers_well(hub, status, reachable):
    with web(status) as (port, asked):
        hub(port)
        assert hub_reachable() is reachable
        assert len(asked) == 1


def test_a_socket_that_never_answers_is_given_up(hub):
    with socket.create_server(("127.0.0.1", 0)) as server:
        hub(server.getsockname()[1])
        assert hub_reachable() is False


def test_a_proxy_that_drips_its_answer_is_given_up(hub):
    """Each byte is on time, all of them are not: were the total not bounded, the answer would at last be yes."""

    def drip(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            for byte in b"HTTP/1.1 200 " + b"O" * 40:
                connection.send(bytes([byte]))
                time.sleep(0.1)
            connection.send(b"\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        hub(server.getsockname()[1])
        assert hub_reachable() is False


def test_a_hub_that_failed_is_not_asked_again(hub, cache_folder):
    with web(503) as (port, asked):
        hub(port)
        assert [hub_reachable(), hub_reachable()] == [False, False]
        assert len(asked) == 1
    with web(200, port) as (_, asked):
        assert hub_reachable() is False and asked == []
        assert hub_reachable(fresh=True) is True  # and what was remembered is forgotten
        assert hub_reachable() is True
    assert not (cache_folder / "hub.json").exists()


def test_a_failure_is_remembered_for_that_hub_and_for_a_while_only(hub, monkeypatch):
    hub(closed_port())
    assert hub_reachable() is False
    with web(200) as (port, _):
        hub(port)
        assert hub_reachable() is True
    with web(503) as (port, asked):
        hub(port)
        assert hub_reachable() is False
        monkeypatch.setattr(weights, "REMEMBER_SECONDS", 0)
        assert hub_reachable() is False and len(asked) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"endpoint": 1, "asked": "x"}', "null"])
def test_a_damaged_memory_is_asked_over(hub, cache_folder, content):
    cache_folder.mkdir()
    (cache_folder / "hub.json").write_text(content)
    with web(200) as (port, _):
        hub(port)
        assert hub_reachable() is True


def test_a_memory_from_the_future_is_asked_over(hub, cache_folder):
    with web(200) as (port, _):
        hub(port)
        cache_folder.mkdir()
        weights._remember(cache_folder / "hub.json", f"http://127.0.0.1:{port}")
        assert hub_reachable() is False
        text = (cache_folder / "hub.json").read_text()
        (cache_folder / "hub.json").write_text(text.replace('"asked": ', '"asked": 9'))
        assert hub_reachable() is True


def test_a_cache_that_cannot_be_written_is_no_error(hub, cache_folder):
    cache_folder.write_text("a file where the folder should be")
    hub(closed_port())
    assert hub_reachable() is False


def test_offline_asks_nobody_and_remembers_nothing(hub, cache_folder, monkeypatch):
    with web(200) as (port, asked):
        hub(port)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        assert hub_reachable() is False and hub_reachable(fresh=True) is False
        assert asked == [] and not cache_folder.exists()


def test_a_hub_address_that_is_none_is_unreachable(hub, monkeypatch):
    hub(closed_port())
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "no address at all")
    assert hub_reachable() is False


def test_the_shipped_weights_are_whole_and_fit() -> None:
    path, facts = code_weights("mobilenetv2_100")
    assert path.stat().st_size <= 6_000_000 and path.with_suffix(".md").is_file() and facts["projects"]
    branch = create_image(Backbone(name="mobilenetv2", model="mobilenetv2_100", weights="code"), 32)
    assert branch.weights == "code"
    held, shipped = branch.module.net.state_dict(), load_file(path)
    assert held.keys() == shipped.keys()
    assert all(torch.equal(held[name], value.to(held[name].dtype)) for name, value in shipped.items())


def test_a_backbone_without_code_weights_is_named() -> None:
    with pytest.raises(UserError, match="holds weights of mobilenetv2_100, not of test_resnet"):
        find_image_weights("test_resnet", "code")


def test_which_weights_they_are_is_known(published, hub, tmp_path, folder):
    hub(closed_port())
    put_in_cache("timm/test_resnet.r160_in1k", {"model.safetensors": published}, tmp_path / "hub")
    assert find_image_weights("test_resnet", "auto").weights_id == "test_resnet.r160_in1k"
    assert create_image(replace(IMAGE, weights=str(published)), 32).weights_id == sha256_of(published)
    assert find_image_weights("mobilenetv2_100", "code").weights_id == code_weights("mobilenetv2_100")[1]["sha256"]
    once = find_text_weights(str(folder), "auto").weights_id
    (folder / "tokenizer.json").write_text("{}")
    assert len(once) == 64 and find_text_weights(str(folder), "auto").weights_id != once
    assert find_image_weights("test_resnet", "random").weights_id is None


def test_what_can_be_had_is_told_without_fetching_it(published, hub, tmp_path, monkeypatch):
    import huggingface_hub

    hub(closed_port())
    assert not can_be_had("timm/test_resnet.r160_in1k")
    put_in_cache("timm/test_resnet.r160_in1k", {"model.safetensors": published}, tmp_path / "hub")
    assert can_be_had("timm/test_resnet.r160_in1k") and can_be_had(str(tmp_path))
    fetch = huggingface_hub.snapshot_download
    local = lambda *given, local_files_only=False, **named: (  # noqa: E731
        fetch(*given, local_files_only=True, **named) if local_files_only else pytest.fail("fetched")
    )
    monkeypatch.setattr(huggingface_hub, "snapshot_download", local)
    with web(200) as (port, _):
        hub(port)
        weights.hub_reachable(fresh=True)  # what was remembered of the closed port
        assert can_be_had("nobody/nothing")


def test_a_misspelt_backbone_is_no_matter_of_the_hub(caplog):
    with pytest.raises(UserError, match="did you mean test_resnet"):
        create_image(replace(IMAGE, model="test_resnett"), 64)
    assert not caplog.messages
