"""The commit, the versions and the memory that a run notes."""

from pathlib import Path

import numpy as np
import pytest

from fusion.results import environment
from fusion.results.record import Record, read_run


def test_what_is_not_installed_has_no_version():
    assert environment.installed_version("no-such-package") is None
    assert environment.versions().keys() >= {"torch", "fusion", "python"}


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "CHECKOUT", tmp_path)
    assert environment.git_state() is None
    (tmp_path / ".git").mkdir()  # nor in a broken one, nor without git
    assert environment.git_state() is None
    monkeypatch.setenv("PATH", "")
    assert environment.git_state() is None


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets a peak")
def test_the_peak_of_a_run_is_not_that_of_the_one_before_it(tmp_path, config):
    large = np.ones(300 << 17)  # 300 MB
    before = environment.peak_memory_mb()
    del large
    Record(tmp_path, config, []).finish("completed")
    assert read_run(tmp_path)["peak_memory_mb"] < before - 200
