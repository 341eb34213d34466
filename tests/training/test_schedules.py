"""How learning rates change: warm-up, constant, a cosine, less on each plateau."""

import math

import pytest
import pytorch_lightning as pl
import torch
from tests.training.tasks import batches, make_task, trainer

from fusion.config.errors import UserError
from fusion.config.training import Schedule
from fusion.training import schedules

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


def rates_over(steps: int, schedule: Schedule) -> list[float]:
    """Return the learning rate at each step of one epoch of training."""
    seen = []

    class Seen(pl.Callback):
        def on_train_batch_start(self, trainer, *_):
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    task = make_task(lr=0.1, schedule=schedule)
    running = trainer()
    running.callbacks.append(Seen())
    running.fit(task, batches(steps), batches(2))
    return seen


def test_on_a_plateau_of_the_validation_loss_every_learning_rate_falls():
    plateau = Schedule(name="plateau", warmup=0, factor=0.5, patience=1)
    task = make_task(lr=0.1, branch_lr={"text": 0.002}, schedule=plateau)
    [optimizer], [configured] = task.configure_optimizers()
    assert configured["monitor"] == "val_loss"
    for loss in (1.0, 1.0, 1.0):
        configured["scheduler"].step(loss)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.001, 0.05])


def test_without_a_schedule_learning_rates_stay():
    assert make_task().configure_optimizers()[1] == []
    assert rates_over(4, Schedule(name="constant", warmup=0)) == pytest.approx([0.1] * 4)


def test_warming_up_begins_low_and_ends_at_the_rate():
    assert rates_over(6, Schedule(name="constant", warmup=4)) == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    plateau = Schedule(name="plateau", warmup=4, factor=0.5, patience=1)
    assert rates_over(6, plateau) == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])


def test_a_cosine_ends_near_nothing():
    seen = rates_over(10, Schedule(name="cosine", warmup=0))
    expected = [0.05 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    assert seen == pytest.approx(expected)


def test_auto_is_a_cosine_where_the_end_is_known_and_falls_on_plateaus_where_it_is_not():
    auto = Schedule(name="auto", warmup=0, factor=0.5, patience=1)
    assert rates_over(10, auto) == rates_over(10, Schedule(name="cosine", warmup=0))
    [configured] = schedules.schedulers(auto, torch.optim.SGD([torch.zeros(1)], 0.1), math.inf)
    assert isinstance(configured["scheduler"], torch.optim.lr_scheduler.ReduceLROnPlateau)


def test_a_cosine_over_a_stream_is_an_error():
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.1)
    with pytest.raises(UserError, match=r"schedule=cosine must know how long an epoch is.*use plateau"):
        schedules.schedulers(Schedule(name="cosine"), optimizer, math.inf)
