"""Every file of conf/ is composed, and has values that the code can take."""

from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from fusion.branches import TEXT
from fusion.branches.image import register
from fusion.config import options
from fusion.config.paths import CONF_DIR, to_dict

CHOICES = sorted(
    f"{path.parent.name}={path.stem}" for path in CONF_DIR.glob("*/*.yaml") if not path.stem.startswith("_")
)
SWEEPS = sorted(path.stem for path in (CONF_DIR / "sweep").glob("*.yaml"))
REQUIRED = {
    "backbone=timm": ["backbone.model=test_resnet"],
    "text=hf": ["text.model=folder"],
}


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_composes_and_resolves(choice: str) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        composed = to_dict(compose("train", [choice, *REQUIRED.get(choice, [])]))
    options.check(composed)
    group, name = choice.split("=")
    if group in ("backbone", "text", "optimizer", "schedule", "augment"):
        assert composed[group]["name"] == name, "the row of a run says what the user typed"


def jobs(sweep: str) -> list[list[str]]:
    """conf/sweep/NAME -> the overrides of each of its runs, as Hydra's own sweeper makes them."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("train", [f"sweep={sweep}"], return_hydra_config=True)
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        axes = parser.parse_overrides([f"{key}={value}" for key, value in config.hydra.sweeper.params.items()])
    (found,) = BasicSweeper.split_arguments(axes, None)
    return found


@pytest.mark.parametrize("sweep", SWEEPS)
def test_every_run_of_every_sweep_composes(sweep: str) -> None:
    for overrides in jobs(sweep):
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            composed = to_dict(compose("train", [f"sweep={sweep}", *overrides]))
        options.check(composed)
        for key, _, value in (override.partition("=") for override in overrides):
            if (CONF_DIR / key).is_dir():
                assert (CONF_DIR / key / f"{value}.yaml").is_file() and composed[key]["name"] == value


def test_the_sweeps_have_the_runs_they_are_for() -> None:
    runs = {"rakuten": 28, "shapes": 5 * 2 * 2, "unfreezing": 3 * 3, "notebook": 3, "heads": 24}
    assert {name: len(jobs(name)) for name in runs} == runs


@pytest.mark.parametrize("path", sorted((CONF_DIR / "row").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_row_stays_what_it_is_whatever_becomes_of_the_defaults(path: Path) -> None:
    row = yaml.safe_load(path.read_text())
    protocol = next(choice["override /protocol"] for choice in row["defaults"] if "override /protocol" in choice)
    said = yaml.safe_load((CONF_DIR / "protocol" / f"{protocol}.yaml").read_text()) | row
    assert {"input_shape", "source_size", "lr", "epochs", "batch_size", "patience"} <= said.keys()


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
