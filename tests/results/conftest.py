"""A configuration that records can be made of."""

import pytest
from tests.tiny import configured

from fusion.config.schema import Config


@pytest.fixture(scope="session")
def config() -> Config:
    return configured("text=nano", "seed=7")
