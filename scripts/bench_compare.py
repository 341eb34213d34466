"""How long `fusion compare` takes, and how much memory, on made-up run folders: 1,000 of 10,000 answers each.

  python scripts/bench_compare.py                          # a table: seconds and MB of each format
  python scripts/bench_compare.py --runs 200 --json        # for programs

Each run answers 10,000 test snippets of 120 projects in 30 classes; five seeds make a row. The command is run in a
process of its own, whose time and peak memory are what is told. The folders lie in a temporary folder, 2 GB of the
default size, and are removed at the end; --keep DIR makes them there and leaves them.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fusion import console
from fusion.config.groups import compose_choices
from fusion.config.schema import load_config

CLASSES = tuple(f"label {n:02}" for n in range(30))
PROJECTS, SEEDS = 120, 5
ASKED = {  # what is timed -> arguments
    "table": ["--format", "table"],
    "json": ["--format", "json"],
    "by, reference": ["--by", "lr", "--reference"],  # and the folder of the first run
    "modalities": ["--table", "modalities"],
    "html": ["--format", "html"],
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--answers", type=int, default=10_000, help="test snippets (default: 10,000)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the folders here, and leave them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    with ExitStack() as cleanup:
        folder = args.keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="fusion-compare-")))
        if not (folder / "runs").is_dir():
            make_runs(folder / "runs", args.runs, args.answers)
        rows = [measure(name, words, folder / "runs") for name, words in ASKED.items()]
    if args.json:
        print(json.dumps({"runs": args.runs, "answers": args.answers, "measured": rows}, indent=1))
        return 0
    print(f"{args.runs:,} runs of {args.answers:,} answers, {os.cpu_count()} cores\n")
    print("| asked | seconds | peak MB |\n|---|---|---|")
    for row in rows:
        print(f"| {row['asked']} | {row['seconds']:.1f} | {row['megabytes']:.0f} |")
    return 0


def make_runs(folder: Path, count: int, answers: int) -> None:
    """Write run folders whose accuracy rises with the learning rate; text alone, picture alone and both in turn."""
    rng = np.random.default_rng(0)
    rows: dict[str, Any] = {
        "id": sorted(hashlib.sha256(str(n).encode()).hexdigest() for n in range(answers)),
        "split": ["test"] * answers,
        "group": [f"project {n}" for n in rng.integers(PROJECTS, size=answers)],
        "label": np.array(CLASSES)[rng.integers(len(CLASSES), size=answers)],
        "source": ["made up"] * answers,
        "lines": rng.integers(1, 41, size=answers).astype(np.int32),
    }
    config = load_config(compose_choices(["text=nano"])[1]).to_dict()
    for number in console.progress(range(count), "making run folders", count):
        write_run(folder / f"20260101-{number:06}", rows, config, number)


def write_run(folder: Path, rows: dict[str, Any], config: dict[str, Any], number: int) -> None:
    """Write run.json, metrics.csv and predictions.parquet of one made-up run."""
    folder.mkdir(parents=True)
    rng, kind, seed = np.random.default_rng(number), number // SEEDS % 3, number % SEEDS
    lr = 0.001 * (1 + number // (3 * SEEDS))
    answers, accuracy = len(rows["id"]), (0.75, 0.6, 0.8)[kind] + 0.1 * rng.random()
    wrong = np.array(CLASSES)[rng.integers(len(CLASSES), size=answers)]
    predicted = np.where(rng.random(answers) < accuracy, rows["label"], wrong)
    logits = rng.normal(size=(answers, len(CLASSES))).astype(np.float32)
    logits[np.arange(answers), np.searchsorted(CLASSES, predicted)] += 6
    columns = rows | {"predicted": predicted, "logits": list(logits)}
    pq.write_table(pa.table(columns), folder / "predictions.parquet", compression="zstd")
    branches = ({"backbone": {"name": "none"}}, {"text": {"name": "none"}}, {})[kind]
    reached = float((predicted == rows["label"]).mean())
    scores = {"accuracy": reached, "f1_macro": reached, "f1_weighted": reached, "accuracy_95": [reached, reached],
              "n": answers, "nll": 0.5, "ece": 0.02}  # fmt: skip
    run = {
        "schema": 2, "status": "completed", "seed": seed, "split_hash": "made up", "classes": CLASSES,
        "temperature": 1.0, "config": config | branches | {"seed": seed, "lr": lr}, "resolved": {"lr": lr},
        "error": None, "metrics": {"val": scores, "test": scores},
        "timings": {"total_seconds": 60.0, "ms_per_sample": 1.0 + kind},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    epochs = [f"{epoch},{1 / epoch},{reached},{1 / epoch},{reached}" for epoch in range(1, 6)]
    header = "epoch,train_loss,train_accuracy,val_loss,val_accuracy"
    (folder / "metrics.csv").write_text("\n".join([header, *epochs]) + "\n")


def measure(name: str, words: Sequence[str], runs: Path) -> dict[str, Any]:
    """Run the command once and return its wall time and its peak memory, both with the start of Python."""
    command = [sys.executable, "-m", "fusion.compare", str(runs), *words]
    if words[-1] == "--reference":
        command.append(str(sorted(runs.iterdir())[0]))
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    per_megabyte = 1 << 20 if sys.platform == "darwin" else 1 << 10  # ru_maxrss: KiB on Linux, bytes on macOS
    return {"asked": name, "seconds": round(time.monotonic() - started, 2), "megabytes": used.ru_maxrss / per_megabyte}


if __name__ == "__main__":
    sys.exit(console.run(main))
