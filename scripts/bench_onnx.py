"""A text model by torch, by onnxruntime, and that in 8 bits: to the first answer, a snippet, megabytes; one thread.

python scripts/bench_onnx.py RUN [--json]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from bench_text import BATCH, milliseconds, snippets
from fusion import console
from fusion.exports.samples import samples_of
from fusion.exports.write import export
from fusion.model import checkpoint
from fusion.serving.classifier import Sample, make_classifier

SAMPLES = 500  # texts that an export is checked with


def first_answer(folder: Path, file: Path, rounds: int) -> dict[str, float]:
    """Return the seconds from the start of `fusion predict` to its end, by the clock and of CPU: medians."""
    command = [sys.executable, "-m", "fusion.predict", "--run", str(folder), "--mode", "best_guess", str(file)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    clock, used = [], []
    for _ in range(rounds + 1):
        before, start = _children(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        clock.append(time.perf_counter() - start)
        used.append(_children() - before)
    # the first call compiles what was never compiled here
    return {"clock": round(statistics.median(clock[1:]), 2), "cpu": round(statistics.median(used[1:]), 2)}


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def speed(folder: Path, rounds: int) -> tuple[float, float]:
    """Return the milliseconds of CPU a snippet, alone and in batches of BATCH."""
    classifier, asked = make_classifier(folder), [Sample(text) for text in snippets(BATCH * 4, seed=0)]
    classifier(asked)  # compiles what is compiled
    alone = milliseconds(lambda: [classifier([sample]) for sample in asked[:BATCH]], rounds) / BATCH
    batches = [asked[i : i + BATCH] for i in range(0, len(asked), BATCH)]
    together = milliseconds(lambda: [classifier(batch) for batch in batches], rounds) / len(asked)
    return round(alone, 3), round(together, 3)


def megabytes(folder: Path) -> float:
    """Return the size of what answers about a text: without the reader, which every export has."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith("reader")]
    return round(sum(path.stat().st_size for path in files) / 1e6, 1)


def rows(run: Path, place: Path, rounds: int) -> list[dict[str, Any]]:
    model, samples = checkpoint.load(run / "model"), samples_of(run, SAMPLES)
    whole = export(model, place / "onnx", samples)["check"]
    eight = export(model, place / "int8", samples, int8=True)["check"]["int8"]
    text, picture = place / "text.py", place / "picture.png"
    text.write_text(snippets(1, seed=1)[0], encoding="utf-8")
    draw(text, picture)
    found = []
    for name, folder, check in (
        ("torch", run, {}), ("onnx", place / "onnx", whole), ("onnx int8", place / "int8", eight)
    ):  # fmt: skip
        alone, together = speed(folder, rounds)
        found.append({
            "by": name,
            "text_seconds": first_answer(folder, text, rounds),
            "picture_seconds": first_answer(folder, picture, rounds),
            "alone_ms": alone, "batch_ms": together,
            "megabytes": megabytes(folder / "model" if name == "torch" else folder),
            "accuracy": check.get("accuracy_onnx", whole.get("accuracy_torch")),
            "agree": check.get("agree", 1.0), "max_difference": check.get("max_difference", 0.0),
        })  # fmt: skip
    return found


def draw(text: Path, picture: Path) -> None:
    """Write a screenshot of a text, 700 × 500 pixels."""
    command = [sys.executable, "-m", "fusion.render", str(text), "-o", str(picture), "--size", "700x500"]
    subprocess.run([*command, "--font", "dejavu-sans-mono"], check=True, capture_output=True)
    with Image.open(picture) as drawn:
        assert drawn.size == (700, 500)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of a model of texts")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--json", action="store_true", help="for programs")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        found = rows(asked.run, Path(place), asked.rounds)
    if asked.json:
        print(json.dumps(found, indent=1))
        return 0
    print("seconds to the first answer by the clock (CPU); ms of CPU a snippet; one thread")
    print(f"{'':10} {'text':>12} {'picture':>12} {'alone':>7} {'in 64s':>7} {'MB':>6} {'accuracy':>9} {'alike':>7}")
    for row in found:
        seconds = [f"{row[name]['clock']:.2f} ({row[name]['cpu']:.2f})" for name in ("text_seconds", "picture_seconds")]
        accuracy = "–" if row["accuracy"] is None else f"{row['accuracy']:.3f}"
        print(
            f"{row['by']:10} {seconds[0]:>12} {seconds[1]:>12} {row['alone_ms']:7} {row['batch_ms']:7} "
            f"{row['megabytes']:6} {accuracy:>9} {row['agree']:7.1%}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
