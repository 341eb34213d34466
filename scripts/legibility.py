"""Compare the views a CNN reads code in: accuracy and cost, the same small CNN and number of pictures for each.

Small corpus, split by project, neutral colours, every training picture newly drawn. `em` is the height of the text in
pixels as the network sees it. Whole pictures are resized; crops and tiles are cut out of the source picture first, and
of tiles four answers a snippet are averaged.

  python scripts/legibility.py --quick
  python scripts/legibility.py --weights code --pictures 1200 --judge 1200   # trains a linear layer alone
  python scripts/legibility.py --views 500-224 1360-224 500-tiles128-128
  python scripts/legibility.py --pictures 50000 --seeds 3 --json legibility.json
"""

import argparse
import json
import logging
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from frozen_weights import draw, features, predict_linear, sample
from fusion import console
from fusion.branches.image import TimmBackbone
from fusion.branches.weights import find_image_weights
from fusion.config.data import load_data_options
from fusion.config.paths import cache_dir
from fusion.config.render import Render, Size, load_render_options
from fusion.files import write_text
from fusion.results.statistics import wilson
from fusion.screenshots.renderer import Renderer
from fusion.snippets import sources
from leak_pictures import prepared, small_cnn

log = logging.getLogger("legibility")
BATCH = 64
FONT = 14  # pixels per em in the source picture at scale 1


@dataclass(frozen=True)
class View:
    """The way from a source picture to the network's."""

    name: str
    source: int  # pixels
    shape: int  # pixels
    scale: float = 1.0
    view: str = "whole"
    side: int = 0  # of a crop or tile, source pixels

    @property
    def key(self) -> str:
        """Return the word for --views: source, the part that is cut out of it, shape."""
        return (
            f"{self.source}-{self.view.removeprefix('random_') + str(self.side) + '-' if self.side else ''}{self.shape}"
        )

    @property
    def em(self) -> float:
        """Return the height of the text in the network's picture, in pixels an em."""
        return FONT * self.scale * self.shape / (self.side or self.source)

    def render(self) -> Render:
        sides = {"crop_size": self.side} if "crop" in self.view else {"tile_size": self.side} if self.side else {}
        mode = "source" if self.view == "tiles" else "direct"
        fixed = {"font_size": FONT, "scale": self.scale, "view": self.view, "tile_margin": 8, "mode": mode}
        return load_render_options("carbon", **(fixed | sides))


VIEWS = (
    View("whole", 500, 224), View("whole", 1360, 224, 2.0), View("crop 672 of", 1360, 224, 2.0, "random_crop", 672),
    View("tiles 448 of", 1360, 224, 2.0, "tiles", 448), View("native crop of", 500, 128, 1.0, "random_crop", 128),
    View("native tiles of", 500, 128, 1.0, "tiles", 128), View("whole", 500, 128), View("whole", 256, 128),
    View("whole", 200, 128), View("whole", 256, 96), View("whole", 150, 96), View("whole", 500, 299),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=50_000, help="trained on, a view and seed (default: 50000)")
    parser.add_argument("--judge", type=int, default=2000, help="most test snippets (default: 2000)")
    parser.add_argument("--seeds", type=int, default=1)
    keys = [view.key for view in VIEWS]
    parser.add_argument("--views", nargs="+", choices=keys, default=keys, metavar="VIEW", help=", ".join(keys))
    parser.add_argument(
        "--weights", choices=["random", "code"], default="random", help="code: the shipped ones, frozen"
    )
    parser.add_argument("--quick", action="store_true", help="3,200 pictures, 600 test snippets")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    console.set_up_logging()
    if args.quick:
        args.pictures, args.judge = (3200, 600) if args.weights == "random" else (200, 200)
    table = sources.load(load_data_options("small"), cache_dir(), console.progress)
    results: dict[str, Any] = {"pictures": args.pictures, "seeds": args.seeds, "views": []}
    for view in [view for view in VIEWS if view.key in args.views]:
        study = train_cnn if args.weights == "random" else train_linear
        runs = [study(view, table, args, seed) for seed in range(args.seeds)]
        accuracy = float(np.mean([run["accuracy"] for run in runs]))
        results["views"].append(
            asdict(view) | {"em": round(view.em, 1), "mean_accuracy": round(accuracy, 3), "runs": runs}
        )
        log.info("%s", line(results["views"][-1]))
        if args.json:
            write_text(args.json, json.dumps(results, indent=1) + "\n")
    print(report(results))
    return 0


def train_cnn(view: View, table: pa.Table, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train once, and return the accuracy on test projects with its interval, and thread milliseconds a picture."""
    torch.manual_seed(seed)
    names = sorted(pc.unique(table["label"]).to_pylist())
    train, test = (table.filter(pc.equal(table["split"], split)) for split in ("train", "test"))
    test = test.take(np.sort(np.random.default_rng(0).permutation(test.num_rows)[: args.judge]))
    renderer, net = Renderer(view.render(), Size(view.source, view.source), view.shape, seed), small_cnn(len(names))
    steps = args.pictures // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    right, clock = [], time.thread_time()
    for step in range(steps):
        rows = train.take(np.random.default_rng([seed, step]).integers(train.num_rows, size=BATCH))
        label = torch.tensor([names.index(name) for name in rows["label"].to_pylist()])
        logits = net(
            prepared(torch.from_numpy(renderer(rows["text"].to_pylist(), rows["id"].to_pylist(), step)), "cpu")
        )
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, label).backward()
        optimizer.step()
        schedule.step()
        right.append(float((logits.argmax(1) == label).float().mean()))
    learning = 1000 * (time.thread_time() - clock) / (steps * BATCH)
    predicted, judging = evaluate(net.eval(), renderer, test)
    hits = int((predicted == np.array([names.index(name) for name in test["label"].to_pylist()])).sum())
    fit = float(np.mean(right[-max(1, steps // 10) :]))  # on the training projects, the last tenth of the steps
    return {"accuracy": hits / test.num_rows, "accuracy_95": wilson(hits, test.num_rows), "fit": fit,
            "train_ms": learning, "judge_ms": judging, "n": test.num_rows}  # fmt: skip


def train_linear(view: View, table: pa.Table, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train a linear layer on features of the shipped mobilenetv2, the mean of tiles; return figures as train_cnn."""
    net = TimmBackbone("mobilenetv2_100", view.shape, find_image_weights("mobilenetv2_100", "code")).eval()
    renderer, data, cost = Renderer(view.render(), Size(view.source, view.source), view.shape, seed), {}, {}
    for split, most, style in (("train", args.pictures, 0), ("val", args.judge // 2, None), ("test", args.judge, None)):
        rows = sample(table.filter(pc.equal(table["split"], split)), most, np.random.default_rng([seed, len(data)]))
        clock = time.thread_time()
        images = draw(renderer, rows, style)  # (N, [K,] H, W, 3)
        read = time.thread_time()
        tiles = images if images.ndim == 5 else images[:, None]
        data[split] = (np.mean([features(net, tile) for tile in tiles.unbind(1)], 0), rows["label"].to_pylist())
        ended = time.thread_time()
        cost[split] = (1000 * (ended - clock) / rows.num_rows, 1000 * (ended - read) / rows.num_rows)
    hits = sum(a == b for a, b in zip(predict_linear(data), data["test"][1], strict=True))
    n = len(data["test"][1])
    return {"accuracy": hits / n, "accuracy_95": wilson(hits, n), "fit": None, "train_ms": cost["train"][0],
            "judge_ms": cost["test"][1], "n": n}  # fmt: skip


@torch.no_grad()
def evaluate(net: torch.nn.Module, renderer: Renderer, test: pa.Table) -> tuple[np.ndarray, float]:
    """Return class numbers (N,), and thread milliseconds a snippet without the drawing."""
    predicted, spent = [], 0.0
    for start in range(0, test.num_rows, BATCH):
        rows = test.slice(start, BATCH)
        images = torch.from_numpy(renderer(rows["text"].to_pylist(), rows["id"].to_pylist(), None))  # (B, [K,] H, W, 3)
        clock = time.thread_time()
        tiles = images if images.ndim == 5 else images[:, None]
        probabilities = torch.stack([net(prepared(tile, "cpu")).softmax(1) for tile in tiles.unbind(1)]).mean(
            0
        )  # (B, C)
        predicted.append(probabilities.argmax(1))
        spent += time.thread_time() - clock
    return torch.cat(predicted).numpy(), 1000 * spent / test.num_rows


def line(row: dict[str, Any]) -> str:
    first = row["runs"][0]
    low, high = first["accuracy_95"]
    cost = [float(np.mean([run[key] for run in row["runs"]])) for key in ("train_ms", "judge_ms")]
    fit = "-" if first["fit"] is None else f"{np.mean([run['fit'] for run in row['runs']]):.3f}"
    return (
        f"{row['name'] + ' ' + str(row['source']):<22}{row['shape']:>6}{row['em']:>7.1f}{row['mean_accuracy']:>10.3f}"
        f"{f'{low:.3f}-{high:.3f}':>14}{fit:>7}{cost[0]:>10.1f}{cost[1]:>10.1f}"
    )


def report(results: dict[str, Any]) -> str:
    columns = (("source", -22), ("shape", 6), ("em px", 7), ("accuracy", 10), ("95 % (seed 0)", 14), ("fit", 7))
    head = "".join(f"{word:<{-width}}" if width < 0 else f"{word:>{width}}" for word, width in columns)
    head += f"{'train ms':>10}{'judge ms':>10}"
    first = f"{results['pictures']} pictures a view, {results['seeds']} seed(s); ms of one thread a picture, a snippet"
    return "\n".join([first, head, *map(line, results["views"])])


if __name__ == "__main__":
    sys.exit(console.run(main))
