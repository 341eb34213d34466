"""What the tests of packages share: bytes that stand for an archive, and programs that stand for clients."""

import hashlib

import pytest

from fusion.packages import apt_sources, registries
from fusion.packages.manifest import Package

BYTES = b"an archive"
SHA256 = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def content() -> bytes:
    return BYTES


@pytest.fixture
def package():
    """package(registry, name, version, pool_path): one whose archive holds `content`."""

    def make(registry: str, name: str = "twice", version: str = "1.0", pool_path: str = "") -> Package:
        return Package(registry, name, version, SHA256, len(BYTES), "MIT", ("Python",), pool_path=pool_path)

    return make


@pytest.fixture
def client(tmp_path, monkeypatch):
    """client(name, script): a program of that name, first on the PATH; nothing is remembered of other tests."""
    registries._ping.cache_clear()
    apt_sources._fetched.cache_clear()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("FUSION_DEBIAN_MIRROR", raising=False)

    def put(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    yield put
    registries._ping.cache_clear()
    apt_sources._fetched.cache_clear()
