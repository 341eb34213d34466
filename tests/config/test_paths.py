"""Where things lie, configurations as plain dicts, and the words of errors."""

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from fusion.config import paths as config
from fusion.config.errors import UserError, did_you_mean, first_line


def test_conf_and_data_are_found_as_absolute_folders():
    assert config.CONF_DIR.is_absolute() and (config.CONF_DIR / "train.yaml").is_file()
    assert config.DATA_DIR.is_absolute() and config.DATA_DIR.is_dir()


def test_a_folder_inside_the_package_wins_over_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(config, "CHECKOUT", tmp_path)
    assert config._shipped("conf") == tmp_path / "conf"
    (tmp_path / "package" / "conf").mkdir(parents=True)
    assert config._shipped("conf") == tmp_path / "package" / "conf"


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_CACHE", "mine")
    assert config.cache_dir() == tmp_path / "mine"
    monkeypatch.setenv("FUSION_CACHE", "~/mine")
    assert config.cache_dir() == Path.home() / "mine"


def test_a_checkout_caches_beside_its_data_and_a_wheel_in_the_home(monkeypatch, tmp_path):
    monkeypatch.delenv("FUSION_CACHE")
    monkeypatch.setattr(config, "CHECKOUT", tmp_path)
    monkeypatch.setattr(config, "DATA_DIR", tmp_path / "data")
    assert config.cache_dir() == tmp_path / "data" / "cache"
    monkeypatch.setattr(config, "DATA_DIR", tmp_path / "site-packages" / "fusion" / "data")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert config.cache_dir() == tmp_path / "xdg" / "fusion"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert config.cache_dir() == Path.home() / ".cache" / "fusion"


def test_to_dict_resolves_everything_to_plain_values():
    cfg = OmegaConf.create({"size": 3, "text": {"sizes": [1, "${size}"], "lr": None}, 7: "seven"})
    plain = config.to_dict(cfg)
    assert plain == {"size": 3, "text": {"sizes": [1, 3], "lr": None}, "7": "seven"}
    assert type(plain["text"]) is dict and type(plain["text"]["sizes"]) is list


def test_to_dict_refuses_a_value_that_must_still_be_given():
    with pytest.raises(MissingMandatoryValue, match="model"):
        config.to_dict(OmegaConf.create({"text": {"model": "???"}}))


@pytest.mark.parametrize(
    ("word", "hint"),
    [("densnet121", " (did you mean densenet121?)"), ("xyz", ""), ("", ""), (121, "")],
)
def test_did_you_mean_names_one_close_choice_or_nothing(word, hint):
    assert did_you_mean(word, ["densenet121", "mobilenetv2"]) == hint


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("one\ntwo"), "one"), (ValueError("\n  one \n"), "one"), (MemoryError(), "MemoryError"),
     (AssertionError(" "), "AssertionError")],
)  # fmt: skip
def test_the_first_line_of_an_error_without_words_is_its_kind(error, line):
    assert first_line(error) == line


def test_a_cache_is_made_where_it_can_be_and_refused_with_the_fix_where_it_cannot(tmp_path):
    assert config.usable(tmp_path / "a" / "b") == tmp_path / "a" / "b" and list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="set FUSION_CACHE"):
        config.usable(tmp_path / "file" / "cache")


def test_importing_fusion_imports_nothing_heavy():
    heavy = "torch", "timm", "transformers", "pytorch_lightning", "numpy", "hydra", "omegaconf"
    code = f"import sys, fusion.config, fusion.console, fusion.cli; print([n for n in {heavy} if n in sys.modules])"
    env = {"PYTHONPATH": str(config.PACKAGE.parent), "PATH": ""}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True).stdout
    assert out.strip() == "[]"
