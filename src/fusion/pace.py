"""How long a run will take: seconds a sample, from a few real steps of a small batch on this machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
import torch.nn.functional as F

from fusion import branches, frozen
from fusion.branches import Started
from fusion.learning import device_of, moved
from fusion.model.late_fusion import LateFusion
from fusion.pairs import Pairing
from fusion.screenshots.views import Screen

STEPS = 3  # of each kind; the first is not counted
SAMPLES = (2, 8)  # least and most of a step, fewer for large pictures
LARGE = 128  # pixels, from which on there are fewer


@dataclass(frozen=True)
class Pace:
    """Seconds a sample."""

    drawing: float  # and tokenizing
    learning: float  # forward, backward and the optimiser
    reading: float  # forward alone
    head: float  # of learning, where the features are known


def measured(config: dict[str, Any], few: pa.Table, classes: list[str], text: Started | None) -> Pace:
    """Random weights, which take as long as any; a few rows of the data."""
    parts: dict[str, torch.nn.Module] = {"text": text.module} if text else {}
    screen = None
    if config["backbone"]["name"] != "none":
        screen = Screen(config["render"], config["source_size"], config["input_shape"], config["seed"])
        parts["image"] = branches.start_image(config["backbone"] | {"weights": "random"}, config["input_shape"]).module
    fusion = {key: value for key, value in config["fusion"].items() if key != "name"}
    device = device_of(config)
    net = LateFusion(parts, len(classes), **fusion).to(device)
    frozen.settle(config, net)
    optimizer = torch.optim.Adam(net.parameters())
    least, most = SAMPLES
    size = min(most, max(least, most * LARGE**2 // config["input_shape"] ** 2)) if screen else most
    rows = few.slice(0, size).select([name for name in ("id", "text", "label") if name in few.column_names]).to_pydict()
    pairing, made = Pairing(classes, text.tokenizer if text else None, screen, 0), {}

    def draw() -> None:
        made.update(moved(pairing(rows), device))

    def learn() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(made), made["label"]).backward()
        optimizer.step()

    def read() -> None:
        with torch.inference_mode():
            net(made)

    drawing = _timed(draw, device)
    if text is None and screen is not None:
        known = torch.zeros(len(rows["id"]), int(net.branches["image"].dim), device=device)  # type: ignore[arg-type]
    learning, reading = _timed(learn, device), _timed(read, device)
    head = learning
    if text is None and screen is not None:
        made["features"] = {"image": known}
        head = _timed(learn, device)
    return Pace(*(value / len(rows["id"]) for value in (drawing, learning, reading, head)))


def _timed(step: Callable[[], None], device: torch.device) -> float:
    took = []
    for _ in range(STEPS):
        clock = time.monotonic()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        took.append(time.monotonic() - clock)
    return min(took[1:])


def seconds(config: dict[str, Any], pace: Pace, counts: dict[str, int], variants: int | None, kept: bool) -> float:
    """Of a whole run: its epochs, a look at validation after each, validation and test at the end.

    variants: of a frozen branch whose features are kept; kept: they are in the cache already.
    """
    render, epochs = config["render"], config["epochs"]
    tiles = render["tile_count"] if config["backbone"]["name"] != "none" and render["view"] == "tiles" else 1
    judged = (counts["val"] + counts["test"]) * tiles
    if variants is not None:
        pictures = 0 if kept else variants * counts["train"] + judged
        return pictures * (pace.drawing + pace.reading) + epochs * counts["train"] * pace.head
    epoch = counts["train"] * (pace.drawing + pace.learning) + counts["val"] * tiles * (pace.drawing + pace.reading)
    return epochs * epoch + judged * (pace.drawing + pace.reading)
