"""Two exported models: one of both modalities, and text=nano with its linear member."""

from pathlib import Path

import pytest
from tests.tiny import HEAD, configured

from fusion.training import run

NANO = [
    "backbone=none", "text=nano", "text.buckets=512", "text.dim=4", "text.ensemble_weights=3000", "text.min_groups=2",
    *HEAD,
]  # fmt: skip


@pytest.fixture(scope="session")
def nano_run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = [*NANO, f"data.path={corpus}"]
    return run.run(configured(*options), options, tmp_path_factory.mktemp("nano"))


@pytest.fixture(scope="session")
def nano(nano_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(nano_run, tmp_path_factory.mktemp("exported") / "nano")


@pytest.fixture(scope="session")
def fused(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(trained, tmp_path_factory.mktemp("exported") / "fused")


def exported(run_folder: Path, folder: Path, int8: bool = False) -> Path:
    from fusion.exports.samples import samples_of
    from fusion.exports.write import export
    from fusion.model import checkpoint

    export(checkpoint.load(run_folder / "model"), folder, samples_of(run_folder, 20), int8)
    return folder
