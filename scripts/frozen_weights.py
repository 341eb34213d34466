"""Compare frozen features: random, ImageNet's and fusion's own weights under one linear layer.

Pictures of the small corpus, split by project; the linear layer (logistic regression on standardised features) is
fitted on training projects, its penalty chosen on validation, and evaluated once on test projects. Every seed draws
other training snippets, styles and random weights; the test pictures are the same for all. Intervals are of the mean
over the seeds, seeds and test snippets drawn again 2,000 times; a difference is that of two rows on the same snippets.

  python scripts/frozen_weights.py --quick
  python scripts/frozen_weights.py --seeds 3 --json frozen.json
  python scripts/frozen_weights.py --seeds 3 --json frozen.json --rows "mobilenetv2 code"    # adds a row to that file
  python scripts/frozen_weights.py --lite0 FILE      # ImageNet weights: a state dict in timm's order
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from fusion import console
from fusion.branches.image import TimmBackbone
from fusion.branches.weights import WeightSource, find_image_weights
from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.config.render import Size, load_render_options
from fusion.files import write_text
from fusion.results.statistics import scores
from fusion.screenshots.renderer import Renderer
from fusion.snippets import sources

BATCH = 64
RESAMPLES = 2000
PENALTIES = (0.0001, 0.001, 0.01, 0.1)  # inverse strengths that validation chooses from


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=4000, help="snippets to fit on, a seed (default: 4000)")
    parser.add_argument("--judge", type=int, default=None, help="most test snippets (default: all)")
    parser.add_argument("--shape", type=int, default=128, help="input shape, pixels (default: 128)")
    parser.add_argument("--source", type=int, default=200, help="source size, pixels (default: 200)")
    parser.add_argument("--look", default="carbon", help="conf/render/NAME.yaml (default: carbon)")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--lite0", type=Path, help="ImageNet weights of tf_efficientnet_lite0")
    parser.add_argument(
        "--file", type=Path, help="weights of mobilenetv2, such as RUN/weights/mobilenetv2_code.safetensors"
    )
    parser.add_argument("--quick", action="store_true", help="one seed, 400 snippets to fit on, 400 to judge")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too, beside those it holds")
    args = parser.parse_args()
    console.set_up_logging()
    if args.quick:
        args.seeds, args.train, args.judge = 1, 400, 400
    previous = json.loads(args.json.read_text(encoding="utf-8")) if args.json and args.json.is_file() else None
    results = measure(args, previous)
    if args.json:
        write_text(args.json, json.dumps(results, indent=1) + "\n")
    print(report(results))
    return 0


ROWS = {
    "mobilenetv2 random": ("mobilenetv2_100", "random"),
    "mobilenetv2 code": ("mobilenetv2_100", "code"),
    "mobilenetv2 file": ("mobilenetv2_100", "file"),
    "lite0 random": ("tf_efficientnet_lite0", "random"),
    "lite0 imagenet": ("tf_efficientnet_lite0", "imagenet"),
}


def measure(args: argparse.Namespace, previous: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the figures of every row for each seed, beside the previous ones of other rows."""
    table = sources.load(load_data_options("small"), cache_dir(), console.progress)
    splits = {split: table.filter(pc.equal(table["split"], split)) for split in ("train", "val", "test")}
    rng = np.random.default_rng(0)
    val, test = sample(splits["val"], 1000, rng), sample(splits["test"], args.judge or table.num_rows, rng)
    renderer = Renderer(load_render_options(args.look), Size(args.source, args.source), args.shape, 0)
    facts = {key: getattr(args, key) for key in ("train", "shape", "source", "look", "seeds")}
    facts |= {"test": test.num_rows, "labels": len(set(test["label"].to_pylist()))}
    if previous and (other := {key: previous[key] for key in facts if previous[key] != facts[key]}):
        raise UserError(f"{args.json} was measured otherwise ({other}); give the same options, or another file.")
    pictures = {"val": (val, draw(renderer, val, None)), "test": (test, draw(renderer, test, None))}
    results: dict[str, Any] = {}
    for seed in range(args.seeds):
        train = sample(splits["train"], args.train, np.random.default_rng(seed + 1))
        renderer.seed = seed
        pictures["train"] = (train, draw(renderer, train, 0))
        for name in args.rows:
            if {"imagenet": args.lite0, "file": args.file}.get(ROWS[name][1], "given") is None:
                continue
            net = backbone(name, seed, args)
            data = {
                split: (features(net, images), rows["label"].to_pylist()) for split, (rows, images) in pictures.items()
            }
            predicted = predict_linear(data)
            figures = scores(data["test"][1], predicted)
            figures["right"] = "".join(str(int(a == b)) for a, b in zip(predicted, data["test"][1], strict=True))
            print(f"{name}, seed {seed}: {figures['accuracy']:.3f}", file=sys.stderr, flush=True)
            results.setdefault(name, []).append(figures)
    return facts | {"rows": (previous["rows"] if previous else {}) | results}


def sample(table: pa.Table, most: int, rng: np.random.Generator) -> pa.Table:
    return table.take(np.sort(rng.permutation(table.num_rows)[:most]))


def draw(renderer: Renderer, table: pa.Table, epoch: int | None) -> torch.Tensor:
    """Rows -> pictures (N, H, W, 3) uint8."""
    texts, ids = table["text"].to_pylist(), table["id"].to_pylist()
    parts = [renderer(texts[i : i + BATCH], ids[i : i + BATCH], epoch) for i in range(0, len(ids), BATCH)]
    return torch.from_numpy(np.concatenate(parts))


def backbone(name: str, seed: int, args: argparse.Namespace) -> TimmBackbone:
    model, weights = ROWS[name]
    torch.manual_seed(seed)
    if weights != "imagenet":
        source = find_image_weights(model, str(args.file) if weights == "file" else weights)
        return TimmBackbone(model, args.shape, source).eval()
    branch = TimmBackbone(model, args.shape, WeightSource("random"))
    given = list(torch.load(args.lite0, weights_only=True).values())
    state = branch.net.state_dict()
    for value, other in zip(state.values(), given, strict=False):  # the classifier comes last
        assert value.shape == other.shape
    branch.net.load_state_dict(dict(zip(state, given, strict=False)))
    return branch.eval()


@torch.no_grad()
def features(net: TimmBackbone, images: torch.Tensor) -> np.ndarray:
    """(N, H, W, 3) uint8 -> (N, D)."""
    return torch.cat([net(part) for part in images.split(BATCH)]).numpy()


def predict_linear(data: dict[str, tuple[np.ndarray, list[str]]]) -> list[str]:
    """Features and labels of train, val, test -> labels predicted on test."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(data["train"][0])
    x = {split: scale.transform(values).clip(-10, 10) for split, (values, _) in data.items()}
    models = [LogisticRegression(C=c, max_iter=500).fit(x["train"], data["train"][1]) for c in PENALTIES]
    best = max(models, key=lambda model: model.score(x["val"], data["val"][1]))
    return best.predict(x["test"]).tolist()


def report(results: dict[str, Any]) -> str:
    lines = [
        f"{results['train']} training snippets a seed, {results['test']} of test projects, "
        f"{results['labels']} languages; {results['look']}, {results['source']} -> {results['shape']} px",
        f"{'frozen backbone':<22}{'accuracy':>10}{'95 %':>14}{'macro-F1':>10}  {'than random':<36}seeds",
    ]
    right = {name: np.array([[int(c) for c in run["right"]] for run in runs]) for name, runs in results["rows"].items()}
    for name, runs in results["rows"].items():
        low, high = interval(right[name])
        plain = f"{name.split()[0]} random"
        better = "" if name == plain or plain not in right else compare(right[name] - right[plain])
        each = " ".join(f"{run['accuracy']:.3f}" for run in runs)
        f1 = np.mean([run["f1_macro"] for run in runs])
        lines.append(
            f"{name:<22}{right[name].mean():>10.3f}{f'{low:.3f}-{high:.3f}':>14}{f1:>10.3f}  {better:<28}{each}"
        )
    return "\n".join(lines)


def compare(difference: np.ndarray) -> str:
    """(S, N) of -1, 0, 1 -> the mean, its interval, and the verdict."""
    low, high = interval(difference)
    word = "better" if low > 0 else "worse" if high < 0 else "tie"
    return f"{difference.mean():+.3f} ({low:+.3f} to {high:+.3f}) {word}"


def interval(values: np.ndarray) -> tuple[float, float]:
    """(S, N) of S seeds and N test snippets -> 95 % interval of the mean, seeds and snippets drawn again."""
    rng, (seeds, snippets) = np.random.default_rng(0), values.shape
    means = [
        values[rng.integers(seeds, size=seeds)].mean(0)[rng.integers(snippets, size=snippets)].mean()
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(console.run(main))
