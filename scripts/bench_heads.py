"""What a sweep of heads on one frozen backbone costs: features are computed in the first run and read in the others.

Every run is a whole one, as `python -m fusion.train -m sweep=heads` makes it: data, features, training, evaluation,
plots, model. The features' cache starts empty. All runs are made in this one process, one after the other, and timed
in CPU seconds of one thread, which other work on the machine changes less than the clock on the wall.
"""

import argparse
import itertools
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from fusion import console
from fusion.config.paths import CONF_DIR, cache_dir, to_dict
from fusion.config.schema import Config, load_config

HIDDEN, DROPOUT, RATES = (
    ("[]", "[128]", "[512]", "[1024,512]"),
    (0.0, 0.2, 0.5),
    (0.001, 0.0003),
)  # conf/sweep/heads.yaml
GATE = 1.5  # of the first run


def heads() -> list[list[str]]:
    """Return the overrides of each head."""
    axes = itertools.product(HIDDEN, DROPOUT, RATES)
    return [[f"fusion.hidden={hidden}", f"fusion.dropout={dropout}", f"lr={lr}"] for hidden, dropout, lr in axes]


def compose_config(shared: list[str], head: list[str]) -> Config:
    """Return the configuration of one head."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        words = ["text=none", "backbone.freeze=all", "augment=none", *shared, *head]
        return load_config(to_dict(compose("train", words)))


def cache_without_features(place: Path) -> Path:
    """Return a cache like the user's own, but with no features in it."""
    known = cache_dir()
    place.mkdir()
    for path in known.iterdir() if known.is_dir() else ():
        if path.name != "features":
            (place / path.name).symlink_to(path)
    return place


def train_heads(shared: list[str], place: Path) -> list[dict[str, Any]]:
    """Train each head and return its CPU seconds, how many features it computed, and its validation accuracy."""
    from fusion.results.record import read_run
    from fusion.training.run import run

    figures = []
    for number, head in enumerate(heads(), 1):
        config, clock = compose_config(shared, head), time.process_time()
        record = read_run(run(config, head, place))
        seconds = time.process_time() - clock
        reached = {"computed": record["features"]["computed"], "val_accuracy": record["metrics"]["val"]["accuracy"]}
        figures.append({"head": " ".join(head), "seconds": round(seconds, 2)} | reached)
        print(f"{number} of {len(heads())}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return figures


def main() -> int:
    """Print what all heads cost beside the first; 1 when that is more than GATE times the first run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("overrides", nargs="*", help="of the configuration, such as backbone=vgg16 data.limit=4000")
    args = parser.parse_args()
    console.set_up_logging()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["FUSION_CACHE"] = str(cache_without_features(Path(place) / "cache"))
        logging.getLogger("fusion").setLevel(logging.WARNING)
        runs = train_heads(["data=small", *args.overrides], Path(place) / "runs")
    first, total = runs[0]["seconds"], sum(run["seconds"] for run in runs)
    rest = sorted(run["seconds"] for run in runs[1:])
    figures = {
        "heads": len(runs), "first_seconds": first, "median_of_others_seconds": rest[len(rest) // 2],
        "total_seconds": round(total, 1), "ratio": round(total / first, 3), "gate": GATE, "runs": runs,
    }  # fmt: skip
    if args.json:
        print(json.dumps(figures, indent=1))
    else:
        print("| head | CPU seconds | features computed | validation accuracy |\n|---|---:|---:|---:|")
        for run in runs:
            print(f"| {run['head']} | {run['seconds']:.1f} | {run['computed']} | {run['val_accuracy']:.3f} |")
        print(f"\nAll {len(runs)} heads: {total:.0f} CPU s, {total / first:.2f} times the first run ({first:.0f} s).")
    return 0 if total < GATE * first else 1


if __name__ == "__main__":
    sys.exit(console.run(main))
