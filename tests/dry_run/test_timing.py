"""How long a run takes: steps timed once for each view and network, and summed up over epochs and evaluations."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.tiny import IMAGE_ONLY, TEXT_ONLY, TINY, configured

from fusion.config.schema import Config
from fusion.dry_run import timing
from fusion.dry_run.timing import LARGEST, StepTimer, StepTimes, pretraining_seconds, training_seconds
from fusion.screenshots import fonts
from fusion.training.data import load_table

TIMES = StepTimes(drawing=0.001, augmenting=0.0005, training=0.01, inference=0.002, head=0.0001)
COUNTS = {"train": 1000, "val": 100, "test": 100}
CLASSES = ["c", "css", "python"]


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is timed, in words; timing itself takes no time."""
    asked: list[str] = []

    def drawing(config: Config, *_: object) -> tuple[float, float]:
        asked.append(f"view {config.source_size.width} to {config.input_shape}")
        return TIMES.drawing, TIMES.augmenting

    def network(config: Config, *_: object) -> tuple[float, float, float]:
        asked.append(f"{config.backbone.name} {config.input_shape}")
        return TIMES.training, TIMES.inference, TIMES.head

    monkeypatch.setattr(timing, "time_drawing", drawing)
    monkeypatch.setattr(timing, "time_network", network)
    return asked


def test_each_view_and_each_network_is_timed_once(corpus: Path, timed: list[str]) -> None:
    timer, base = StepTimer(), configured(*IMAGE_ONLY, f"data.path={corpus}")
    few = load_table(base)
    for overrides in (["lr=0.1"], ["epochs=9"], ["backbone.lr=0.1"], ["seed=3"], ["input_shape=40"], ["source_size=80"],
                      ["augment=rakuten"], ["input_shape=320"], ["input_shape=448"], ["backbone.freeze=all"]):  # fmt: skip
        timer(configured(*IMAGE_ONLY, f"data.path={corpus}", *overrides), few, CLASSES, None)
    assert timed == [
        "view 64 to 32", "timm 32", "view 64 to 40", "timm 40", "view 80 to 32", "view 64 to 32",
        "view 64 to 320", "timm 320", "view 64 to 448", "timm 32",
    ], "large ones are timed on smaller ones, and a branch that learns and a frozen one apart"  # fmt: skip


def test_large_pictures_take_time_by_their_area(corpus: Path, timed: list[str]) -> None:
    config = configured(*IMAGE_ONLY, f"data.path={corpus}", f"input_shape={2 * LARGEST}")
    times = StepTimer()(config, load_table(config), CLASSES, None)
    assert times.inference == 4 * TIMES.inference and times.head == TIMES.head
    assert times.training == pytest.approx(TIMES.head + 4 * (TIMES.training - TIMES.head))
    assert (times.drawing, times.augmenting) == (TIMES.drawing, TIMES.augmenting)


@pytest.mark.parametrize(("overrides", "num_styles", "cached", "expected"), [
    ([], None, False, 2 * (1000 * 0.0115 + 100 * 0.003) + 200 * 0.003),
    (["render.view=tiles", "render.tile_size=40"], None, False, 2 * (1000 * 0.0115 + 400 * 0.003) + 800 * 0.003),
    (["backbone.freeze=all"], 2, False, (2 * 1000 + 200) * 0.003 + 2 * 1000 * 0.0001),
    (["backbone.freeze=all"], 2, True, 2 * 1000 * 0.0001),
    (TEXT_ONLY, None, False, 2 * (1000 * 0.0115 + 100 * 0.003) + 200 * 0.003),
])  # fmt: skip
def test_the_time_of_a_run_is_that_of_its_parts(overrides, num_styles, cached, expected) -> None:
    config = configured(*(IMAGE_ONLY if overrides is not TEXT_ONLY else []), *overrides, "data.path=x")
    assert training_seconds(config, TIMES, COUNTS, num_styles, cached) == pytest.approx(expected)


def test_pretraining_takes_its_steps_and_early_ones_by_their_area() -> None:
    config = configured("experiment=pretrain_image", *IMAGE_ONLY[:5], "batch_size=8", "pretraining.steps=1000",
                        "pretraining.early.steps=400", "pretraining.early.input_shape=16", "pretraining.eval_every=300",
                        "pretraining.eval_samples=50", "pretraining.final_eval_samples=80")  # fmt: skip
    trained = 8 * (600 + 400 / 4) * 0.011
    evaluated = 50 * (0.001 + 4 * 0.002) + (80 + 80) * 0.003
    assert pretraining_seconds(config, TIMES, COUNTS) == pytest.approx(trained + evaluated)
    of_all = replace(config, pretraining=replace(config.pretraining, final_eval_samples=None, eval_samples=5000))
    assert pretraining_seconds(of_all, TIMES, COUNTS) == pytest.approx(trained + 100 * 0.009 + 200 * 0.003)


@pytest.mark.parametrize("freeze", ["all", "none"])
def test_real_steps_are_timed_and_no_font_is_fetched(
    corpus: Path, freeze: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_from_package", lambda row: pytest.fail(f"{row['font']} was fetched"))
    looks = ["render.font=any", "augment=rakuten", f"backbone.freeze={freeze}"]
    config = configured(*IMAGE_ONLY, f"data.path={corpus}", *looks)
    times = StepTimer()(config, load_table(config).slice(0, 8), CLASSES, None)
    assert min(times.drawing, times.augmenting, times.training, times.inference, times.head) > 0
    assert times.training > times.inference and times.training > times.head


def test_reading_takes_as_long_as_there_are_pictures_to_read(table) -> None:
    from tests.exported import READS

    counts = {"train": 100, "val": 10, "test": 10}
    assert timing.reading_seconds(configured(*TINY), table, counts, 1) == 0
    monkey = pytest.MonkeyPatch()
    monkey.setattr(timing, "_timed", lambda *_: 4.0)  # of two pictures
    monkey.setattr(timing.os, "cpu_count", lambda: 2)
    try:
        seconds = timing.reading_seconds(
            configured(*READS, "data.path=x", "render.highlight=neutral"), table, counts, 2
        )
    finally:
        monkey.undo()
    assert seconds == pytest.approx(0.7 * (2 * 100 + 2 * 20) * 2.0 / 2)
