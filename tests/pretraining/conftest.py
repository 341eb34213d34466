"""Runs of pretraining, in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pretraining.tiny_runs import TINY, UNSTEADY, configured

from fusion.pretraining import run as pretraining

Pretrain = Callable[..., Path]


@pytest.fixture(scope="session")
def pretrain(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Pretrain:
    """pretrain("lr=0.01", data=...) -> the folder of the run."""
    cache = tmp_path_factory.mktemp("cache")

    def call(*overrides: str, data: Path = corpus) -> Path:
        words = [*TINY, f"data.path={data}", *overrides]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FUSION_CACHE", str(cache))
            folder = pretraining.run(configured(data, *overrides), words, tmp_path_factory.mktemp("runs"))
        assert folder is not None
        return folder

    return call


@pytest.fixture(scope="session")
def pretrained(pretrain: Pretrain) -> Path:
    """The folder of a run whose rate was searched for."""
    return pretrain()


@pytest.fixture(scope="session")
def whole(pretrain: Pretrain) -> Path:
    """The folder of a run that was never stopped: see UNSTEADY."""
    return pretrain(*UNSTEADY)
