"""conf/backbone -> a table: parameters beside the published count, input shape, normalisation, smallest input.

    python scripts/backbones.py
    python scripts/backbones.py --json mobilenetv2 vgg16
    python scripts/backbones.py --train data.limit=32       # does each of them train and predict?

Nothing is downloaded and no weights are made: shapes alone are computed (torch's meta device), in about a minute.
With --train each backbone is trained from random weights for an epoch on a few snippets of the small corpus, at its
own input shape and at 128, by `python -m fusion.train`, and its model reads this file by `python -m fusion.predict`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from fusion import console
from fusion.branches.image import TimmBackbone, register
from fusion.branches.weights import WeightSource
from fusion.config.errors import UserError
from fusion.config.groups import names_in, read_group
from fusion.results.record import read_run

# The counts of the Rakuten study, which are those of Keras; bit_resnet50 is that of its authors' published weights.
PUBLISHED = {
    "mobilenetv2": 3_538_984, "nasnetmobile": 5_326_716, "densenet121": 8_062_504, "xception": 22_910_480,
    "inception_v3": 23_851_784, "resnet50": 25_636_712, "inception_resnet_v2": 55_873_736,
    "efficientnet_b5": 30_562_527, "efficientnet_b7": 66_658_687, "vgg16": 138_357_544, "vgg19": 143_667_240,
    "bit_resnet50": 25_549_352,
}  # fmt: skip
# Published minus ours, and why. Nothing else differs.
DIFFERENCES = {
    "inception_v3": (-17_216, "Keras leaves the scale of batch normalisation out"),
    "resnet50": (26_560, "Keras gives each convolution a bias that the normalisation after it takes away"),
    "inception_resnet_v2": (-30_272, "Keras leaves the scale of batch normalisation out"),
    "efficientnet_b5": (7, "Keras counts the mean and deviation of the pictures"),
    "efficientnet_b7": (7, "Keras counts the mean and deviation of the pictures"),
}
SMALLEST = 8  # pixels, the least input_shape of fusion.train
COMMON = 128  # pixels, the other shape of --train
LARGE = 400  # pixels, from which on a batch of --train is of 2 pictures instead of 4: EfficientNetB7 takes 5 GB each
OTHER = ("timm", ["backbone.model=resnet18"])  # of --train: any network of timm, by its name


@dataclass(frozen=True)
class Row:
    """A backbone; counts are of numbers, sides are in pixels."""

    name: str
    features: int  # width of its output
    parameters: int  # without the classifier, as fusion uses it
    with_classifier: int | None  # 1000 classes, with the moving statistics of batch normalisation, as Keras counts
    published: int | None
    difference: str  # why published differs from with_classifier
    input_shape: int
    smallest: int
    mean: list[float]
    std: list[float]
    interpolation: str | None


def measure(name: str) -> Row:
    """Name of a file of conf/backbone -> its row."""
    model = model_of(name)
    own = build_on_meta(model, 64 if model == "convnet" else 224)
    if own.original_input_shape != 224:
        own = build_on_meta(model, own.original_input_shape)
    facts = own.facts()
    return Row(
        name, own.dim, count(own, statistics=False), with_classifier(model), PUBLISHED.get(name),
        DIFFERENCES.get(name, (0, ""))[1], own.original_input_shape, smallest(model, own.original_input_shape),
        facts["normalisation"]["mean"], facts["normalisation"]["std"], facts["interpolation"],
    )  # fmt: skip


def build_on_meta(model: str, side: int) -> TimmBackbone:
    """Return the branch with shapes and no numbers. Raises UserError where it cannot take pictures of this side."""
    with torch.device("meta"):
        return TimmBackbone(model, side, WeightSource("random"))


def count(module: nn.Module, statistics: bool) -> int:
    """Return the number of parameters, and with `statistics` of moving means and deviations too."""
    tensors = [*module.parameters(), *(buffer for buffer in module.buffers() if statistics and buffer.ndim)]
    return sum(tensor.numel() for tensor in tensors)


def with_classifier(model: str) -> int | None:
    """Return the count of the whole published network, 1000 classes; None for one without a classifier of its own."""
    import timm

    register(model)
    if not timm.is_model(model):
        return None
    with torch.device("meta"):
        return count(timm.create_model(model), statistics=True)


def smallest(model: str, known: int) -> int:
    """Return the least side, from SMALLEST on, that the network can take; `known` is one that it can."""
    low, high = SMALLEST - 1, known
    while high - low > 1:
        middle = (low + high) // 2
        try:
            build_on_meta(model, middle)
            high = middle
        except UserError:
            low = middle
    return high


@dataclass(frozen=True)
class Trained:
    """A backbone at one shape, through the command line."""

    name: str
    shape: int  # pixels
    answer: str  # of predict to this file, or the last line of the error
    done: bool
    seconds: float = 0.0  # of the training run, without starting Python
    memory: float = 0.0  # GB, its peak


def shapes(name: str) -> list[int]:
    """Return the backbone's own input shape, and COMMON where it can take that."""
    model = "resnet18" if name == OTHER[0] else model_of(name)
    own = build_on_meta(model, 64 if model == "convnet" else 224).original_input_shape
    return [own, *([COMMON] if smallest(model, own) <= COMMON != own else [])]


def train(name: str, shape: int, overrides: Sequence[str], place: Path) -> Trained:
    """Run fusion.train, then fusion.predict on this file with its model."""
    options = {"backbone": name, "backbone.weights": "random", "text": "none", "input_shape": shape, "epochs": 1}
    options |= {"source_size": max(256, shape), "batch_size": 2 if shape > LARGE else 4, "runs": place}
    words = [f"{key}={value}" for key, value in options.items()] + (OTHER[1] if name == OTHER[0] else [])
    run = command("train", *words, *overrides)
    if run.returncode:
        return Trained(name, shape, run.stderr.strip().splitlines()[-1], done=False)
    folder = Path(run.stdout.strip())
    record = read_run(folder)
    prediction = command("predict", "--json", "--run", str(folder), __file__)
    done = not prediction.returncode
    answer = json.loads(prediction.stdout)["raw"]["label"] if done else prediction.stderr.strip().splitlines()[-1]
    return Trained(name, shape, answer, done, record["timings"]["total_seconds"], record["peak_memory_mb"] / 1024)


def command(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", f"fusion.{name}", *words], capture_output=True, text=True)


def train_all(asked: Sequence[str], overrides: Sequence[str]) -> int:
    """Print a line for each backbone and shape as it is done, and return how many failed."""
    failed = 0
    print("| Backbone | Input | Trains and predicts | Seconds | Peak GB |\n|---|---:|---|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        for name in asked:
            for shape in shapes(name):
                run = train(name, shape, overrides, Path(place))
                verdict = "yes" if run.done else f"no: {run.answer}"
                print(f"| {name} | {shape} | {verdict} | {run.seconds:.0f} | {run.memory:.1f} |", flush=True)
                failed += not run.done
    return failed


def model_of(name: str) -> str:
    """Name of a file of conf/backbone -> timm's name."""
    return str(read_group("backbone", name)["model"])


def names() -> list[str]:
    """Return every backbone with a name of its own, in the order of its parameters' published count."""
    return sorted({*names_in("backbone")} - {"none", "timm"}, key=lambda name: (PUBLISHED.get(name, 0), name))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="files of conf/backbone; all of them if none is given")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--train", action="store_true", help="train each for an epoch; key=value go to fusion.train")
    asked = parser.parse_args(argv)
    overrides = [word for word in asked.names if "=" in word]
    asked.names = [word for word in asked.names if "=" not in word]
    known = [*names(), *([OTHER[0]] if asked.train else [])]
    for name in asked.names:
        if name not in known:
            parser.error(f"{name} is not one of {', '.join(known)}")
    if asked.train:
        return 1 if train_all(asked.names or known, overrides) else 0
    rows = [measure(name) for name in asked.names or names()]
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return 0
    print_table(rows)
    return 0


def print_table(rows: Sequence[Row]) -> None:
    print("| Backbone | Features | Parameters | With classifier | Published | Input | Smallest | Mean | Std |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        whole, published = (f"{n:,}" if n else "–" for n in (row.with_classifier, row.published))
        mean, std = (" ".join(f"{x:g}" for x in values) for values in (row.mean, row.std))
        print(
            f"| {row.name} | {row.features} | {row.parameters:,} | {whole} | {published} | {row.input_shape} "
            f"| {row.smallest} | {mean} | {std} |"
        )
    for row in rows:
        if row.difference:
            assert row.published and row.with_classifier
            print(f"\n{row.name}: {row.published - row.with_classifier:+,}: {row.difference}.", end="")
    print()


if __name__ == "__main__":
    sys.exit(console.run(main))
