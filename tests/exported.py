"""Trained and exported models: of both modalities, text=nano with its linear member, and one that reads pictures."""

from pathlib import Path

import pytest
from tests.tiny import HEAD, IMAGE, configured

from fusion.training import run

NANO = [
    "backbone=none", "text=nano", "text.buckets=512", "text.dim=4", "text.ensemble_weights=3000", "text.min_groups=2",
    *HEAD,
]  # fmt: skip


@pytest.fixture(scope="session")
def nano_run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = [*NANO, f"data.path={corpus}"]
    return run.run(configured(*options), options, tmp_path_factory.mktemp("nano"))


READS = [
    *IMAGE, *NANO[1:], "source_size=360x240", "render=editor", "render.font=dejavu-sans-mono", "render.highlight=true",
    "backbone.freeze=all", "fusion=stacking", "fusion.read=true", "fusion.colours=3000", "picture_share=0.7",
    "damage.text=0.5", "damage.picture=0.5", "vary.part=0.5", "situations=[picture,partial,corrupted]",
]  # fmt: skip


@pytest.fixture(scope="session")
def read_run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all that fusion can fuse: given texts, what is read in pictures, their colours, how they look."""
    options = [*READS, f"data.path={corpus}"]
    return run.run(configured(*options), options, tmp_path_factory.mktemp("reads"))


@pytest.fixture(scope="session")
def reads(read_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(read_run, tmp_path_factory.mktemp("exported") / "reads")


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
