"""How long a run will take: seconds a sample, from a few real steps of a small batch on this machine.

Drawing and learning are timed apart, so that runs that share a view or a network are timed once (`StepTimer`). A network
that sees large pictures is timed on smaller ones: its work grows with their area.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
import torch.nn.functional as F

from fusion import branches
from fusion.branches import LoadedBranch
from fusion.datamodule import Collate, to_device
from fusion.model.late_fusion import LateFusion
from fusion.screenshots import fonts
from fusion.screenshots.renderer import Renderer
from fusion.training import frozen
from fusion.training.augment import Augment
from fusion.training.setup import resolve_device

STEPS = 3  # of each kind; the first is not counted
ENOUGH = 0.5  # seconds that a step takes, after which one more is enough
SAMPLES = (2, 8)  # least and most of a step, fewer for large pictures
LARGE = 128  # pixels, from which on there are fewer
LARGEST = 224  # pixels, the most that a network is timed on


@dataclass(frozen=True)
class StepTimes:
    """Seconds a sample."""

    drawing: float  # and tokenizing
    changing: float  # of a training picture, as `augment` says
    learning: float  # forward, backward and the optimiser
    reading: float  # forward alone
    head: float  # of learning, where the features are known


class StepTimer:
    """The pace of each configuration; each view and each network of them is timed once."""

    def __init__(self) -> None:
        self._views: dict[str, tuple[float, float]] = {}
        self._networks: dict[str, tuple[float, float, float]] = {}

    def __call__(
        self, config: dict[str, Any], few: pa.Table, classes: list[str], text: LoadedBranch | None
    ) -> StepTimes:
        """few: rows of the data; classes: its labels; text: the text branch, made from a few rows."""
        shared = [config["text"], config["device"]]
        view = json.dumps([config[name] for name in ("render", "input_shape", "source_size", "augment")] + shared)
        kept = {name: value for name, value in config["backbone"].items() if name not in ("lr", "lr_decay", "variants")}
        network = json.dumps([kept, _timed_side(config), *shared])
        if view not in self._views:
            self._views[view] = drawn(config, few, classes, text)
        if network not in self._networks:
            self._networks[network] = computed(config, few, classes, text)
        learning, reading, head = self._networks[network]
        grown = (config["input_shape"] / _timed_side(config)) ** 2 if config["backbone"]["name"] != "none" else 1.0
        return StepTimes(*self._views[view], head + grown * (learning - head), grown * reading, head)


def drawn(config: dict[str, Any], few: pa.Table, classes: list[str], text: LoadedBranch | None) -> tuple[float, float]:
    """-> seconds of drawing and tokenizing a sample, and of changing its picture."""
    rows, renderer, augment = _columns(few, SAMPLES[1]), None, config["augment"]
    if config["backbone"]["name"] != "none":
        renderer = Renderer(_with_the_font_at_hand(config["render"]), config["source_size"], config["input_shape"], 0)
    pairing = Collate(classes, text.tokenizer if text else None, renderer, 0)
    drawing, changing = _timed(lambda: pairing(rows), torch.device("cpu")), 0.0
    if renderer is not None and augment["name"] != "none":
        device = resolve_device(config)
        change, image = Augment(augment, 0), pairing(rows)["image"].to(device)
        changing = _timed(lambda: change(image, rows["id"], 0), device)
    return drawing / len(rows["id"]), changing / len(rows["id"])


def _with_the_font_at_hand(render: dict[str, Any]) -> dict[str, Any]:
    """The same look in the font that comes with fusion: the others would be fetched, and are drawn as fast."""
    given = render.get("font", fonts.ALWAYS)
    names = given if isinstance(given, list) else [given]
    return render | {"font": [fonts.ALWAYS if name in ("any", *fonts.catalogue()) else name for name in names]}


def computed(
    config: dict[str, Any], few: pa.Table, classes: list[str], text: LoadedBranch | None
) -> tuple[float, float, float]:
    """-> seconds of learning from a sample, of reading it, and of the head's share; random weights and pictures."""
    parts: dict[str, torch.nn.Module] = {"text": text.module} if text else {}
    device, side, (least, most) = resolve_device(config), _timed_side(config), SAMPLES
    size = min(most, max(least, most * LARGE**2 // side**2)) if config["backbone"]["name"] != "none" else most
    batch = Collate(classes, text.tokenizer if text else None, None, 0)(_columns(few, size))
    if config["backbone"]["name"] != "none":
        parts["image"] = branches.create_image(config["backbone"] | {"weights": "random"}, side).module
        batch["image"] = torch.randint(0, 256, (len(batch["id"]), side, side, 3), dtype=torch.uint8)
        batch["present"]["image"] = torch.ones(len(batch["id"]), dtype=torch.bool)
    fusion = {key: value for key, value in config["fusion"].items() if key != "name"}
    net = LateFusion(parts, len(classes), **fusion).to(device)
    frozen.apply_first_freeze(config, net)
    found = _steps(net, to_device(batch, device), device)
    learning, reading, head = (value / len(batch["id"]) for value in found)
    return learning, reading, head


def _steps(net: LateFusion, batch: dict[str, Any], device: torch.device) -> tuple[float, float, float]:
    """-> seconds of a step of learning, of reading and of learning where the image branch's features are known."""

    def read() -> None:
        with torch.inference_mode():
            net(batch)

    reading = _timed(read, device)
    if not any(p.requires_grad for p in net.parameters()):  # fitted: nothing in it learns
        return 0.0, reading, 0.0
    optimizer = torch.optim.Adam(net.parameters())

    def learn() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(batch), batch["label"]).backward()
        optimizer.step()

    if [*net.branches] != ["image"]:
        learning = _timed(learn, device)
        return learning, reading, learning
    still = not any(p.requires_grad for p in net.branches.parameters())
    learning = 0.0 if still else _timed(learn, device)
    width = int(net.branches["image"].dim)  # type: ignore[arg-type]
    batch["features"] = {"image": torch.zeros(len(batch["id"]), width, device=device)}
    head = _timed(learn, device)
    return learning or reading + head, reading, head  # what is frozen is only read


def _timed_side(config: dict[str, Any]) -> int:
    """Pixels of the pictures that the network is timed on."""
    return min(int(config["input_shape"]), LARGEST)


def _columns(few: pa.Table, size: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = few.slice(0, size).select(["id", "text", "label"]).to_pydict()
    return columns


def _timed(step: Callable[[], object], device: torch.device) -> float:
    """The shorter of two steps after a first one, or the second if that takes long."""
    took: list[float] = []
    while len(took) < STEPS and not (len(took) > 1 and took[-1] > ENOUGH):
        clock = time.monotonic()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        took.append(time.monotonic() - clock)
    return min(took[1:])


def pretraining_seconds(config: dict[str, Any], pace: StepTimes, counts: dict[str, int]) -> float:
    """Of experiment=pretrain_image: its steps, early pictures by their area, the looks at validation and the end."""
    wanted, steps = config["pretraining"], config["pretraining"]["steps"]
    early = min(wanted["early"]["steps"], steps)
    area = (wanted["early"]["input_shape"] / config["input_shape"]) ** 2
    learnt = config["batch_size"] * (steps - early + early * area)
    looked = min(wanted["check_on"], counts["val"])
    looks = -(-steps // wanted["check_every"])
    judged = sum(min(wanted["judge_on"] or counts[side], counts[side]) for side in ("val", "test"))
    once = looked * (pace.drawing + looks * pace.reading)  # drawn once, read at each look
    return learnt * (pace.drawing + pace.learning) + once + judged * (pace.drawing + pace.reading)


def seconds(config: dict[str, Any], pace: StepTimes, counts: dict[str, int], variants: int | None, kept: bool) -> float:
    """Of a whole run: its epochs, a look at validation after each, validation and test at the end.

    variants: of a frozen branch whose features are kept; kept: they are in the cache already.
    """
    render, epochs = config["render"], config["epochs"]
    tiles = render["tile_count"] if config["backbone"]["name"] != "none" and render["view"] == "tiles" else 1
    judged = (counts["val"] + counts["test"]) * tiles
    if variants is not None:
        pictures = 0 if kept else variants * counts["train"] + judged
        return pictures * (pace.drawing + pace.reading) + epochs * counts["train"] * pace.head
    learnt = counts["train"] * (pace.drawing + pace.changing + pace.learning)
    epoch = learnt + counts["val"] * tiles * (pace.drawing + pace.reading)
    return epochs * epoch + judged * (pace.drawing + pace.reading)
