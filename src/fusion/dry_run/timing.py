"""How long a run will take: seconds a sample, from a few real steps of a small batch on this machine.

Drawing and computing are timed apart, so that runs that share a view or a network are timed once (`StepTimer`). A
network that sees large pictures is timed on smaller ones: its work grows with their area.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import torch
import torch.nn.functional as F

from fusion.branches import LoadedBranch, create_image
from fusion.collate import Collate, Sources
from fusion.config.options import to_dict
from fusion.config.render import DEFAULT_FONT, Render
from fusion.config.schema import Config
from fusion.datamodule import to_device
from fusion.model.late_fusion import LateFusion
from fusion.reading.transcript import QUALITY
from fusion.screenshots import fonts
from fusion.screenshots.renderer import Renderer
from fusion.training.augment import Augment
from fusion.training.setup import make_freeze_schedule, resolve_device

STEPS = 3  # of each kind; the first is not counted
ENOUGH = 0.5  # seconds that a step takes, after which one more is enough
SAMPLES = (2, 8)  # least and most of a step, fewer for large pictures
LARGE = 128  # pixels, from which on there are fewer
LARGEST = 224  # pixels, the most that a network is timed on
CPU = torch.device("cpu")


@dataclass(frozen=True)
class StepTimes:
    """Seconds a sample."""

    drawing: float  # and tokenizing
    augmenting: float  # a training picture
    training: float  # forward, backward and the optimiser
    inference: float  # forward alone
    head: float  # of training, where the features are known


class StepTimer:
    """Times the steps of one configuration after the other; each view and each network of them once."""

    def __init__(self) -> None:
        self._views: dict[str, tuple[float, float]] = {}
        self._networks: dict[str, tuple[float, float, float]] = {}

    def __call__(self, config: Config, few: pa.Table, classes: list[str], text: LoadedBranch | None) -> StepTimes:
        """few: rows of the data; classes: its labels; text: the text branch, made from a few rows."""
        common = [to_dict(config.text), config.device]
        view = json.dumps(
            [to_dict(config.render), config.input_shape, config.source_size, to_dict(config.augment), common]
        )
        backbone = {k: v for k, v in to_dict(config.backbone).items() if k not in ("lr", "lr_decay", "num_styles")}
        network = json.dumps([backbone, _timed_side(config), common])
        if view not in self._views:
            self._views[view] = time_drawing(config, few, classes, text)
        if network not in self._networks:
            self._networks[network] = time_network(config, few, classes, text)
        training, inference, head = self._networks[network]
        area = (config.input_shape / _timed_side(config)) ** 2 if config.has_image else 1.0
        return StepTimes(*self._views[view], head + area * (training - head), area * inference, head)


def time_drawing(config: Config, few: pa.Table, classes: list[str], text: LoadedBranch | None) -> tuple[float, float]:
    """Return the seconds of drawing and tokenizing a sample, and of augmenting its picture."""
    rows, renderer = _columns(few, SAMPLES[1]), None
    if config.has_image:
        renderer = Renderer(_with_font_at_hand(config.render), config.source_size, config.input_shape, 0)
    collate = Collate(classes, Sources(text.tokenizer if text else None, renderer), 0)
    drawing, augmenting = _timed(lambda: collate(rows), CPU), 0.0
    if renderer is not None and config.augment.name != "none":
        device = resolve_device(config)
        augment, image = Augment(config.augment, 0), collate(rows)["image"].to(device)
        augmenting = _timed(lambda: augment(image, rows["id"], 0), device)
    return drawing / len(rows["id"]), augmenting / len(rows["id"])


def _with_font_at_hand(render: Render) -> Render:
    """Return the same in the font that comes with fusion: the others would be fetched, and are drawn as fast."""
    given = render.style.get("font", DEFAULT_FONT)
    names = given if isinstance(given, (list, tuple)) else [given]
    return render.replaced(font=[DEFAULT_FONT if name in ("any", *fonts.catalogue()) else name for name in names])


def time_network(
    config: Config, few: pa.Table, classes: list[str], text: LoadedBranch | None
) -> tuple[float, float, float]:
    """Return the seconds of training on a sample, of inference, and of the head's share; random weights, pictures."""
    parts: dict[str, torch.nn.Module] = {"text": text.module} if text else {}
    device, side, (least, most) = resolve_device(config), _timed_side(config), SAMPLES
    size = min(most, max(least, most * LARGE**2 // side**2)) if config.has_image else most
    batch = Collate(classes, Sources(text.tokenizer if text else None), 0)(_columns(few, size))
    if config.has_image:
        parts["image"] = create_image(replace(config.backbone, weights="random"), side).module
        batch["image"] = torch.randint(0, 256, (len(batch["id"]), side, side, 3), dtype=torch.uint8)
        batch["present"]["image"] = torch.ones(len(batch["id"]), dtype=torch.bool)
    if config.fusion.read and text is not None:
        batch["read"] = batch["colours"] = batch["text"] | {"quality": torch.zeros(len(batch["id"]), QUALITY)}
        batch["present"]["read"] = batch["present"]["text"]
    net = LateFusion(parts, len(classes), **to_dict(config.fusion)).to(device)
    make_freeze_schedule(config, net).apply(1)
    training, inference, head = (s / len(batch["id"]) for s in _step_seconds(net, to_device(batch, device), device))
    return training, inference, head


def reading_seconds(config: Config, few: pa.Table, counts: dict[str, int], num_styles: int | None) -> float:
    """Return the seconds of reading all pictures of a run beforehand, on all cores; 0 where nothing is read."""
    if not config.fusion.read:
        return 0.0
    from fusion.reading.reader import read_picture

    rows = _columns(few, SAMPLES[0])
    renderer = Renderer(_with_font_at_hand(config.render), config.source_size, config.input_shape, 0)
    pictures = [*renderer.source(rows["text"], rows["id"], None, rows["label"])]
    one = _timed(lambda: [read_picture(picture) for picture in pictures], CPU) / len(pictures)
    sides = 2 if "partial" in config.situations else 1  # of evaluation: damaged pictures are read too
    number = (num_styles or 1) * counts["train"] + sides * (counts["val"] + counts["test"])
    return config.picture_share * number * one / (os.cpu_count() or 1)


def _step_seconds(net: LateFusion, batch: dict[str, Any], device: torch.device) -> tuple[float, float, float]:
    """Return the seconds of a training step, of inference, and of a training step where features are known."""

    def infer() -> None:
        with torch.inference_mode():
            net(batch)

    inference = _timed(infer, device)
    if not any(p.requires_grad for p in net.parameters()):  # fitted: nothing in it learns
        return 0.0, inference, 0.0
    optimizer = torch.optim.Adam(net.parameters())

    def train() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(batch), batch["label"]).backward()  # those of each branch take no longer
        optimizer.step()

    if [*net.branches] != ["image"]:
        training = _timed(train, device)
        return training, inference, training
    frozen = not any(p.requires_grad for p in net.branches.parameters())
    training = 0.0 if frozen else _timed(train, device)
    width = int(net.branches["image"].dim)  # type: ignore[arg-type]
    batch["features"] = {"image": torch.zeros(len(batch["id"]), width, device=device)}
    head = _timed(train, device)
    return training or inference + head, inference, head  # a frozen branch is only read


def _timed_side(config: Config) -> int:
    """Return the pixels of the pictures that the network is timed on."""
    return min(config.input_shape, LARGEST)


def _columns(few: pa.Table, size: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = few.slice(0, size).select(["id", "text", "label"]).to_pydict()
    return columns


def _timed(step: Callable[[], object], device: torch.device) -> float:
    """Return the shorter of two steps after a first one, or the second if that takes long."""
    took: list[float] = []
    while len(took) < STEPS and not (len(took) > 1 and took[-1] > ENOUGH):
        clock = time.monotonic()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        took.append(time.monotonic() - clock)
    return min(took[1:])


def pretraining_seconds(config: Config, times: StepTimes, counts: dict[str, int]) -> float:
    """Return the seconds of experiment=pretrain_image: its steps, early pictures by their area, every evaluation."""
    options = config.pretraining
    assert options is not None
    early = min(options.early.steps, options.steps)
    area = (options.early.input_shape / config.input_shape) ** 2
    trained = config.batch_size * (options.steps - early + early * area)
    validated = min(options.eval_samples, counts["val"])
    evaluations = -(-options.steps // options.eval_every)
    final = sum(min(options.final_eval_samples or counts[split], counts[split]) for split in ("val", "test"))
    validation = validated * (times.drawing + evaluations * times.inference)  # drawn once, read each time
    return trained * (times.drawing + times.training) + validation + final * (times.drawing + times.inference)


def training_seconds(
    config: Config, times: StepTimes, counts: dict[str, int], num_styles: int | None, cached: bool
) -> float:
    """Return the seconds of a run: its epochs, validation after each, validation and test at the end.

    num_styles: of a frozen branch whose features are kept; cached: they are in the cache already.
    """
    tiles = config.render.tile_count if config.has_image and config.render.view == "tiles" else 1
    evaluated = (counts["val"] + counts["test"]) * tiles
    if num_styles is not None:
        pictures = 0 if cached else num_styles * counts["train"] + evaluated
        return pictures * (times.drawing + times.inference) + config.epochs * counts["train"] * times.head
    train = counts["train"] * (times.drawing + times.augmenting + times.training)
    epoch = train + counts["val"] * tiles * (times.drawing + times.inference)
    return config.epochs * epoch + evaluated * (times.drawing + times.inference)
