"""A configuration that records can be made of."""

import pytest
from hydra import compose, initialize_config_dir

from fusion.config.paths import CONF_DIR, to_dict
from fusion.config.schema import Config, load_config


@pytest.fixture(scope="session")
def config() -> Config:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return load_config(to_dict(compose("train", ["text=nano", "seed=7"])))
