"""When training stops, and whether the epoch that is left is the best one."""

import pytest
import pytorch_lightning as pl
import torch
from tests.tiny import TEXT_ONLY, configured
from torch.utils.data import DataLoader

from fusion.training.callbacks import SaveBest
from fusion.training.fit import make_trainer

pytestmark = pytest.mark.filterwarnings("ignore")


class Scripted(pl.LightningModule):
    """Reaches a given macro-F1 and validation loss in each epoch, and learns nothing."""

    def __init__(self, f1: list[float], loss: list[float]):
        super().__init__()
        self.f1, self.loss = f1, loss
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch, index):
        return self.weight * 1.0

    def validation_step(self, batch, index):
        self.log("val_f1_macro", self.f1[self.current_epoch])
        self.log("val_loss", self.loss[self.current_epoch])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def epochs_and_saved(tmp_path, patience: int | None, f1: list[float], loss: list[float]) -> tuple[int, list[int]]:
    """Return how many epochs were trained, and the numbers of those that were saved."""
    task, saved = Scripted(f1, loss), []
    word = "null" if patience is None else str(patience)
    config = configured(*TEXT_ONLY, "data.path=x", f"epochs={len(f1)}", f"patience={word}", "device=cpu")
    save_best = SaveBest(lambda: saved.append(task.current_epoch))
    running = make_trainer(
        config, tmp_path, [save_best], max_epochs=config.epochs, devices=1, enable_checkpointing=False
    )
    running.fit(task, DataLoader([torch.zeros(1)]), DataLoader([torch.zeros(1)]))
    return running.current_epoch, saved


def test_a_run_goes_on_while_macro_f1_rises_whatever_the_loss_does(tmp_path):
    f1, loss = [0.1, 0.2, 0.3, 0.4, 0.4, 0.9], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert epochs_and_saved(tmp_path, 1, f1, loss) == (5, [0, 1, 2, 3])


def test_a_run_stops_when_macro_f1_has_not_risen_though_the_loss_falls(tmp_path):
    f1, loss = [0.5, 0.4, 0.5, 0.3, 0.9, 0.9], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert epochs_and_saved(tmp_path, 2, f1, loss) == (3, [0])


def test_without_patience_every_epoch_is_trained(tmp_path):
    assert epochs_and_saved(tmp_path, None, [0.5, 0.1, 0.1, 0.6], [1.0] * 4) == (4, [0, 3])
