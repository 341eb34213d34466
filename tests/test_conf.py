"""Every file of conf/ is composed, and says what the code can take."""

from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

from fusion.branches import TEXT
from fusion.branches.image import register
from fusion.config import CONF_DIR, to_dict

CHOICES = sorted(
    f"{path.parent.name}={path.stem}" for path in CONF_DIR.glob("*/*.yaml") if not path.stem.startswith("_")
)
REQUIRED = {
    "backbone=timm": ["backbone.model=test_resnet"],
    "text=hf": ["text.model=folder"],
}


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_composes_and_resolves(choice: str) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        composed = to_dict(compose("train", [choice, *REQUIRED.get(choice, [])]))
    group, name = choice.split("=")
    if group in ("backbone", "text", "optimizer", "schedule", "augment"):
        assert composed[group]["name"] == name, "the row of a run says what the user typed"


def test_every_text_branch_has_a_file_and_every_file_a_branch() -> None:
    assert {path.stem for path in (CONF_DIR / "text").glob("*.yaml")} == {*TEXT, "none"}


@pytest.mark.parametrize("path", sorted((CONF_DIR / "backbone").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_backbone_is_one_of_timm(path: Path) -> None:
    import timm

    backbone = yaml.safe_load(path.read_text())
    if path.stem not in ("_transfer", "none", "timm", "convnet"):
        register(backbone["model"])
        assert timm.is_model(backbone["model"])
    assert path.stem == "_transfer" or len([x for x in path.read_text().splitlines() if not x.startswith("#")]) <= 6


def test_no_package_marker_in_conf() -> None:
    assert not list(CONF_DIR.rglob("__init__.py")), "Hydra would take conf/ for a module"
