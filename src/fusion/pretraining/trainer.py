"""A network and numbered batches -> the network trained for so many steps, resumable at any of them.

The rate rises over the first steps, stays, and falls to 0 over the last share of them (Hägele et al. 2024): as
good as a cosine, and a run can be made longer or shorter while it runs. What is judged and kept is the running
average of the weights.
"""

import copy
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import torch.nn.functional as F
from torch import nn

from fusion.config.errors import UserError, first_line
from fusion.files import replacing
from fusion.training.lr_finder import WINDOW, Found, lr_range_test

SMOOTHING = 0.1  # of labels: a passage of ten lines is often of several languages
MEMORY = 0.999  # of the running average
HEADS = 0.1  # of the rate: a thousand features, all positive, make a layer on them take steps far too large
READING = 20.0  # weight of the loss on signs, a mean over hundreds of them, beside that on the label
STATES = ("net", "reader", "average", "optimizer")


class Course:
    """A network on its way: where it is, and one step further.

    Beside the label it learns to say which characters stand in each part of the picture: hundreds of answers instead
    of one, and what a network needs to read. `reader` answers from the last feature map and is thrown away afterwards.
    """

    def __init__(
        self, net: Any, reader: nn.Module, lr: float, weight_decay: float, device: torch.device, half: bool = False
    ):
        self.net, self.reader, self.device, self.half = net.to(device), reader.to(device), device, half
        self.average = copy.deepcopy(self.net).eval()
        self.lr, self.step = lr, 0
        heads = [*net.head.parameters(), *reader.parameters()]
        parts = [(list(net.branches.parameters()), 1.0), (heads, HEADS)]
        groups = [
            {"params": [p for p in part if (p.ndim > 1) is matrix], "weight_decay": decay, "share": share}
            for part, share in parts
            for matrix, decay in ((True, weight_decay), (False, 0.0))  # biases and normalisations do not decay
        ]
        self.optimizer = torch.optim.AdamW(groups, lr, fused=True)

    def learn(self, batch: dict[str, Any], rate: float) -> tuple[float, float, float]:
        """One step -> loss, loss of the reader and accuracy on the batch, its shares of all processes together."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.net.train()
        image, label, signs = (batch[name].to(self.device) for name in ("image", "label", "signs"))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            branch = self.net.branches["image"]
            maps = branch.net.forward_features(branch.normalised(image))  # (B, M, h, w)
            logits = self.net.head(branch.pooled(maps)).float()  # (B, C)
            read = self.reader(maps.permute(0, 2, 3, 1)).float()  # (B, h, w, S)
        loss = F.cross_entropy(logits, label, label_smoothing=SMOOTHING)
        reading = F.binary_cross_entropy_with_logits(read, signs)
        (loss + READING * reading).backward()
        figures = torch.stack([loss.detach(), reading.detach(), (logits.argmax(1) == label).float().mean()])
        shared([*self.net.parameters(), *self.reader.parameters()], figures)
        found, reading_loss, right = figures.tolist()
        if not math.isfinite(found):
            raise UserError(f"The training loss is {found} at step {self.step} with lr={rate:g}; lower lr.")
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self._remember()
        return found, reading_loss, right

    @torch.no_grad()
    def _remember(self) -> None:
        """The average weights, less slow at first; counters are copied."""
        share = 1 - min(MEMORY, (1 + self.step) / (10 + self.step))
        means, values = ([*net.state_dict().values()] for net in (self.average, self.net))
        real = [i for i, mean in enumerate(means) if mean.is_floating_point()]
        torch._foreach_lerp_([means[i] for i in real], [values[i] for i in real], share)
        for mean, value in zip(means, values, strict=True):
            if not mean.is_floating_point():
                mean.copy_(value)

    @torch.no_grad()
    def answers(self, image: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> logits (B, C) of the average."""
        present = {"image": torch.ones(len(image), dtype=torch.bool, device=self.device)}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return self.average({"image": image.to(self.device), "present": present}).float().cpu()

    def save(self, path: Path, facts: dict[str, Any]) -> None:
        """Everything needed to go on from this very step; whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in STATES}
        with replacing(path) as part:
            torch.save(state | {"step": self.step, "lr": self.lr, "facts": facts}, part)

    def load(self, path: Path) -> dict[str, Any]:
        """-> the facts given to save."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            for name in STATES:
                getattr(self, name).load_state_dict(state[name])
            self.step, self.lr = state["step"], state["lr"]
        except Exception as error:  # of whatever kind torch's reader raises for a file that does not fit
            reason = first_line(error)
            raise UserError(f"{path} is no state that this run can go on from ({reason}); start it anew.") from error
        return state["facts"]


def rate_at(step: int, lr: float, steps: int, warmup: int, cooldown: float) -> float:
    """The learning rate of a step: up over `warmup` steps, level, then down to 0 over the last share of `steps`."""
    rising = (step + 1) / max(1, warmup)
    falling = (steps - step) / max(1.0, cooldown * steps)
    return lr * max(0.0, min(1.0, rising, falling))


def search(course: Course, batches: Iterable[dict[str, Any]]) -> Found:
    """A copy of the course, trained at rates that rise -> the rate to begin with."""
    tried = Course(copy.deepcopy(course.net), copy.deepcopy(course.reader), 0.0, 0.0, course.device, course.half)
    used = list(itertools.islice(batches, WINDOW))

    def step(number: int, rate: float) -> float:
        try:
            label_loss, reading, _ = tried.learn(used[number % len(used)], rate)
        except UserError:  # it left the numbers
            return math.inf
        return label_loss + READING * reading

    return lr_range_test(step)


@contextmanager
def processes() -> Iterator[None]:
    """The group of processes of one run under torchrun; closed at its end, for a next run needs it anew."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def ranks() -> tuple[int, int]:
    """This process's number, and how many take part."""
    spread = torch.distributed
    return (spread.get_rank(), spread.get_world_size()) if spread.is_initialized() else (0, 1)


def shared(parameters: Iterable[nn.Parameter], figures: torch.Tensor) -> None:
    """Gradients and figures, (F,), of this process -> their means over all processes, in place, in one message."""
    _, world = ranks()
    if world == 1:
        return
    found = [*(p.grad for p in parameters if p.grad is not None), figures]
    flat = torch.cat([tensor.flatten() for tensor in found])
    torch.distributed.all_reduce(flat)
    flat /= world
    for tensor, mean in zip(found, flat.split([tensor.numel() for tensor in found]), strict=True):
        tensor.copy_(mean.view_as(tensor))
