"""dry_run=true: what would be run, whether it can be, how long it takes; nothing is left behind."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from tests.tiny import HEAD, IMAGE, TEXT_ONLY, TINY, Command

from fusion.config.paths import CONF_DIR, to_dict
from fusion.dry_run import plan as preview
from fusion.dry_run import timing as pace
from fusion.dry_run.plan import DryRun
from fusion.dry_run.timing import LARGEST, StepTimer, StepTimes, seconds
from fusion.results.record import read_run
from fusion.screenshots import fonts
from fusion.training import run as experiment

PACE = StepTimes(drawing=0.001, changing=0.0005, learning=0.01, reading=0.002, head=0.0001)
COUNTS = {"train": 1000, "val": 100, "test": 100}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def configured(corpus: Path, *overrides: str, base: list[str] = TINY) -> dict[str, Any]:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return to_dict(compose("train", [*base, f"data.path={corpus}", "dry_run=true", *overrides]))


@pytest.fixture
def timed_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every view and every network that is timed, in words; timing itself takes no time."""
    asked: list[str] = []

    def drawn(config: dict[str, Any], *_: Any) -> tuple[float, ...]:
        asked.append(f"view {config['source_size']} to {config['input_shape']}")
        return PACE.drawing, PACE.changing

    def computed(config: dict[str, Any], *_: Any) -> tuple[float, ...]:
        asked.append(f"{config['backbone']['name']} {config['input_shape']}")
        return PACE.learning, PACE.reading, PACE.head

    monkeypatch.setattr(pace, "drawn", drawn)
    monkeypatch.setattr(pace, "computed", computed)
    return asked


def test_a_row_says_what_would_be_trained(trained: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = DryRun()
    made.add(configured(corpus), ["epochs=2", "dry_run=true"])
    (row,) = made.rows
    assert row["Verdict"] == "runs" and row["Run"] == "epochs=2" and float(row["Minutes"]) >= 0 and made.total > 0
    real = read_run(trained)["parameters"]
    assert 0.9 < int(row["Parameters"].replace(",", "")) / real < 1.1, "but for a vocabulary that training fills"
    assert (row["Text"], row["Training Input Shape"], row["Source Image Size"]) == ("scratch", "32×32", "64×64")


def test_what_cannot_be_is_told_and_the_others_are_looked_at(corpus: Path, timed_once: list[str]) -> None:
    made = DryRun()
    made.add(configured(corpus, "backbone.model=inception_v3", "input_shape=40"), [])
    made.add(configured(corpus, "lr=-1"), [])
    made.add(configured(corpus), [])
    assert [row["Verdict"].split(":")[0] for row in made.rows] == ["cannot run", "cannot run", "runs"]
    assert "cannot take input_shape=40" in made.rows[0]["Verdict"] and made.failures == 2
    assert "3 runs" in made.table().notes[0] and "2 cannot run" in made.table().notes[0]


def test_each_network_and_view_is_timed_once(corpus: Path, timed_once: list[str]) -> None:
    made = DryRun()
    for overrides in (["lr=0.1"], ["epochs=9"], ["batch_size=4"], ["seed=3"], ["input_shape=40"]):
        made.add(configured(corpus, *overrides, base=[*IMAGE, "text=none", *HEAD]), overrides)
    assert timed_once == ["view 64 to 32", "timm 32", "view 64 to 40", "timm 40"]


def test_runs_of_one_network_on_other_views_share_its_time(corpus: Path, timed_once: list[str]) -> None:
    made = DryRun()
    for overrides in (["source_size=80"], ["augment=rakuten"], ["input_shape=320"], ["input_shape=448"]):
        made.add(configured(corpus, *overrides, base=[*IMAGE, "text=none", *HEAD]), overrides)
    assert [said for said in timed_once if "view" not in said] == ["timm 32", "timm 320"]
    assert timed_once[3:] == ["view 64 to 320", "timm 320", "view 64 to 448"], "large ones are timed on smaller ones"


def test_large_pictures_take_time_by_their_area(corpus: Path, timed_once: list[str]) -> None:
    config = configured(corpus, f"input_shape={2 * LARGEST}", base=[*IMAGE, "text=none", *HEAD])
    found = StepTimer()(config, experiment.load(config), ["c", "css", "python"], None)
    assert found.reading == 4 * PACE.reading and found.head == PACE.head
    assert found.learning == pytest.approx(PACE.head + 4 * (PACE.learning - PACE.head))


def test_a_run_that_is_complete_would_not_be_repeated(corpus: Path, tmp_path: Path, timed_once: list[str]) -> None:
    config = configured(corpus, "epochs=1", base=TEXT_ONLY) | {"runs": str(tmp_path / "runs"), "again": False}
    done = experiment.run(config, [], tmp_path / "runs" / "train")
    made = DryRun()
    made.add(config, [])
    assert made.rows[0]["Verdict"] == f"complete: {done}" and made.total == 0 and not timed_once


def test_too_little_memory_is_told_with_the_batch_that_fits(
    corpus: Path, timed_once: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "room", lambda _: 20_000_000)
    made = DryRun()
    made.add(configured(corpus, "batch_size=4096", "input_shape=64"), [])
    assert "hardly fits into 0.0 GB: batch_size=" in made.rows[0]["Verdict"]


@pytest.mark.parametrize(("overrides", "variants", "kept", "expected"), [
    ([], None, False, 2 * (1000 * 0.0115 + 100 * 0.003) + 200 * 0.003),
    (["render.view=tiles"], None, False, 2 * (1000 * 0.0115 + 400 * 0.003) + 800 * 0.003),
    (["backbone.freeze=all"], 2, False, (2 * 1000 + 200) * 0.003 + 2 * 1000 * 0.0001),
    (["backbone.freeze=all"], 2, True, 2 * 1000 * 0.0001),
])  # fmt: skip
def test_the_time_of_a_run_is_that_of_its_parts(corpus, overrides, variants, kept, expected) -> None:
    config = configured(corpus, *overrides)
    assert seconds(config, PACE, COUNTS, variants, kept) == pytest.approx(expected)


def test_a_sweep_of_heads_pays_for_its_features_once(corpus: Path, timed_once: list[str]) -> None:
    made, took = DryRun(), []
    for head in ("fusion.dropout=0.1", "lr=0.1", "lr=0.2"):
        before = made.total
        made.add(configured(corpus, "backbone.freeze=all", head, base=[*IMAGE, "text=none", *HEAD]), [head])
        took.append(made.total - before)
    assert took[0] > 5 * took[1] and took[1] == took[2]


@pytest.mark.parametrize("frozen", ["all", "none"])
def test_real_steps_are_timed_and_no_font_is_fetched(
    corpus: Path, frozen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_from_package", lambda row: pytest.fail(f"{row['font']} was fetched"))
    looks = ["render.font=any", "augment=rakuten", f"backbone.freeze={frozen}"]
    config = configured(corpus, *looks, base=[*IMAGE, "text=none", *HEAD])
    found = StepTimer()(config, experiment.load(config).slice(0, 8), ["c", "css", "python"], None)
    assert min(found.drawing, found.changing, found.learning, found.reading, found.head) > 0
    assert found.learning > found.reading and found.learning > found.head


def test_of_what_is_fitted_only_reading_takes_time(corpus: Path) -> None:
    made = DryRun()
    made.add(
        configured(corpus, base=["text=ngram", "text.features=1024", "backbone=none", "data=folder"]), ["text=ngram"]
    )
    (row,) = made.rows
    assert row["Verdict"] == "runs" and int(row["Parameters"].replace(",", "")) == 1024 * 3


def test_a_dry_sweep_leaves_nothing_behind(tmp_path: Path, corpus: Path, fusion: Command) -> None:
    (place := tmp_path / "place").mkdir()
    axes = ["text.max_tokens=16,32", "epochs=0,1"]
    done = fusion("train", "-m", *TEXT_ONLY, f"data.path={corpus}", *axes, "dry_run=1", cwd=place)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("| runs |") == 2 and done.stdout.count("cannot run: epochs=0") == 2
    assert "4 runs" in done.stdout and "Nothing was run." in done.stdout
    assert not list(place.iterdir())


def test_pretraining_takes_its_steps_and_no_epochs(corpus: Path, timed_once: list[str]) -> None:
    words = ["experiment=pretrain_image", *IMAGE, "batch_size=8", "data=folder", "pretraining.steps=1000",
             "pretraining.early.steps=400", "pretraining.early.input_shape=16", "pretraining.judge_on=1"]  # fmt: skip
    made = DryRun()
    made.add(configured(corpus, base=words), [])
    made.add(configured(corpus, "pretraining.resume=nowhere", base=words), [])
    made.add(configured(corpus, base=words), ["epochs=9"])
    (row, *others) = made.rows
    assert (row["Epochs"], row["Verdict"]) == ("–", "runs, 8,000 pictures")
    assert made.total == pytest.approx(8 * (600 + 400 / 4) * 0.011, rel=0.05), "and two looks and two to judge"
    assert [row["Verdict"].split(":")[0] for row in others] == ["cannot run"] * 2


def test_folds_that_are_complete_are_not_run_again(corpus: Path, tmp_path: Path, timed_once: list[str]) -> None:
    config = configured(corpus, "epochs=1", "folds=2", base=TEXT_ONLY) | {"runs": str(tmp_path), "again": False}
    took, done = [], []
    for fold in (0, 1):
        made = DryRun()
        made.add(config, [])
        took.append(made.total)
        done.append(experiment.run(config | {"fold": fold}, [], tmp_path / "folds"))
    assert took[0] == pytest.approx(2 * took[1])
    made = DryRun()
    made.add(config, [])
    assert made.rows[0]["Verdict"] == f"complete: {done[0]}, {done[1]}" and made.total == 0
