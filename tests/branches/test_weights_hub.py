"""Whether the hub can be reached: asked quickly, and once."""

import contextlib
import json
import socket
import threading
import time

import huggingface_hub
import pytest
from tests.branches.servers import closed_port, web

from fusion.branches.weights import can_be_had, hub_reachable
from fusion.packages import unreachable


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


def test_a_name_look_up_that_takes_long_is_given_up(hub, monkeypatch):
    hub(closed_port())
    ended = threading.Event()

    def look_up(*_: object, **__: object) -> None:
        time.sleep(2)
        ended.set()
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert hub_reachable() is False and not ended.is_set()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_speaks_no_http_is_no_hub(hub):
    def greet(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 mail.example ESMTP\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        hub(server.getsockname()[1])
        assert hub_reachable() is False
        thread.join()


def test_a_hub_that_failed_is_not_asked_again(hub, cache_folder):
    with web(503) as (port, asked):
        hub(port)
        assert [hub_reachable(), hub_reachable()] == [False, False]
        assert len(asked) == 1
    with web(200, port) as (_, asked):
        assert hub_reachable() is False and asked == []
        assert hub_reachable(fresh=True) is True  # and what was remembered is forgotten
        assert hub_reachable() is True
    assert json.loads((cache_folder / "unreachable.json").read_text()) == {}


def test_a_failure_is_remembered_for_that_hub_and_for_a_while_only(hub, monkeypatch):
    hub(closed_port())
    assert hub_reachable() is False
    with web(200) as (port, _):
        hub(port)
        assert hub_reachable() is True
    with web(503) as (port, asked):
        hub(port)
        assert hub_reachable() is False
        monkeypatch.setattr(unreachable, "REMEMBER_SECONDS", 0)
        assert hub_reachable() is False and len(asked) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"http://127.0.0.1:PORT": "x"}', "null"])
def test_a_damaged_memory_is_asked_over(hub, cache_folder, content):
    cache_folder.mkdir()
    with web(200) as (port, _):
        hub(port)
        (cache_folder / "unreachable.json").write_text(content.replace("PORT", str(port)))
        assert hub_reachable() is True


def test_a_memory_from_the_future_is_asked_over(hub, cache_folder):
    with web(200) as (port, _):
        hub(port)
        unreachable.remember(f"http://127.0.0.1:{port}")
        assert hub_reachable() is False
        text = (cache_folder / "unreachable.json").read_text()
        (cache_folder / "unreachable.json").write_text(text.replace('": ', '": 9'))
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


def test_weights_are_looked_for_without_fetching_them(published, hub, put_in_cache, tmp_path, monkeypatch):
    hub(closed_port())
    assert not can_be_had("timm/test_resnet.r160_in1k")
    put_in_cache("timm/test_resnet.r160_in1k", published)
    assert can_be_had("timm/test_resnet.r160_in1k") and can_be_had(str(tmp_path))
    fetch = huggingface_hub.snapshot_download
    local = lambda *given, local_files_only=False, **named: (  # noqa: E731
        fetch(*given, local_files_only=True, **named) if local_files_only else pytest.fail("fetched")
    )
    monkeypatch.setattr(huggingface_hub, "snapshot_download", local)
    with web(200) as (port, _):
        hub(port)
        assert can_be_had("nobody/nothing")
