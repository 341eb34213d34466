"""Every file of conf/ is composed, and has values that the code can take; all findings in one message."""

import timm
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from tests.tiny import composed

from fusion.branches import TEXT
from fusion.branches.image import register
from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR
from fusion.config.schema import load_config

CHOICES = sorted(
    f"{path.parent.name}={path.stem}" for path in CONF_DIR.glob("*/*.yaml") if not path.stem.startswith("_")
)
SWEEPS = sorted(path.stem for path in (CONF_DIR / "sweep").glob("*.yaml"))
ROWS = sorted((CONF_DIR / "row").glob("*.yaml"))
REQUIRED = {
    "backbone=timm": ["backbone.model=test_resnet"],
    "text=hf": ["text.model=folder"],
    "text=ngram": ["backbone=none"],
    "text=micro": ["backbone=none"],
    "sweep=texts": ["experiment=nano"],
    "sweep=sources": ["experiment=nano"],
}


def wrong_with(overrides: list[str]) -> list[str]:
    try:
        load_config(composed(*overrides))
    except UserError as error:
        return [f"{' '.join(overrides)}: {error}"]
    return []


def test_each_choice_composes_and_is_named_as_it_is_typed() -> None:
    wrong = []
    for choice in CHOICES:
        overrides = [choice, *REQUIRED.get(choice, [])]
        wrong += wrong_with(overrides)
        group, name = choice.split("=")
        if group in ("backbone", "text", "optimizer", "schedule", "augment", "logger"):
            wrong += [choice] if composed(*overrides)[group]["name"] != name else []
    assert not wrong, "\n".join(wrong)


def jobs(sweep: str) -> list[list[str]]:
    """conf/sweep/NAME -> the overrides of each of its runs, as Hydra's own sweeper makes them."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("train", [f"sweep={sweep}"], return_hydra_config=True)
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        axes = parser.parse_overrides([f"{key}={value}" for key, value in config.hydra.sweeper.params.items()])
    (found,) = BasicSweeper.split_arguments(axes, None)
    return found


def test_every_run_of_every_sweep_composes() -> None:
    wrong = []
    for sweep in SWEEPS:
        for overrides in jobs(sweep):
            wrong += wrong_with([f"sweep={sweep}", *REQUIRED.get(f"sweep={sweep}", []), *overrides])
            for key, _, value in (override.partition("=") for override in overrides):
                if (CONF_DIR / key).is_dir() and not (CONF_DIR / key / f"{value}.yaml").is_file():
                    wrong.append(f"sweep={sweep} has {key}={value}, which is no file")
    assert not wrong, "\n".join(wrong)


def test_the_sweeps_have_the_runs_they_are_for() -> None:
    runs = {"rakuten": 28, "shapes": 5 * 2 * 2, "unfreezing": 3 * 3, "notebook": 3, "heads": 24, "modalities": 3}
    assert {name: len(jobs(name)) for name in runs} == runs


def test_a_row_names_every_value_that_decides_its_result() -> None:
    needed, wrong = {"input_shape", "source_size", "lr", "epochs", "batch_size", "patience"}, []
    for path in ROWS:
        row = yaml.safe_load(path.read_text())
        protocol = next(choice["override /protocol"] for choice in row["defaults"] if "override /protocol" in choice)
        named = yaml.safe_load((CONF_DIR / "protocol" / f"{protocol}.yaml").read_text()) | row
        wrong += [f"{path.stem} lacks {name}" for name in needed - named.keys()]
    assert ROWS and not wrong, "\n".join(wrong)


def test_every_text_branch_has_a_file_and_every_file_a_branch() -> None:
    assert {path.stem for path in (CONF_DIR / "text").glob("[!_]*.yaml")} == {*TEXT, "none"}


def test_every_backbone_is_a_short_file_that_names_a_model_of_timm() -> None:
    wrong = []
    for path in sorted((CONF_DIR / "backbone").glob("[!_]*.yaml")):
        model = yaml.safe_load(path.read_text()).get("model")
        if path.stem not in ("none", "timm", "convnet", "reader", "reader_ngrams"):
            register(model)
            wrong += [] if timm.is_model(model) else [f"{path.stem}: timm has no {model}"]
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        wrong += [f"{path.stem} has {len(lines)} lines"] if len(lines) > 6 else []
    assert not wrong, "\n".join(wrong)


def test_no_package_marker_in_conf() -> None:
    assert not list(CONF_DIR.rglob("__init__.py")), "Hydra would take conf/ for a module"
