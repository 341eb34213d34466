"""Milliseconds a snippet, text to label, by trained models: alone and in batches, tokenising included, one thread.

python scripts/bench_text.py runs/nano/RUN [RUN ...] [--json]
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fusion import console
from fusion.collate import Collate
from fusion.model import checkpoint

ROOT = Path(__file__).resolve().parents[1]
BATCH = 64


def snippets(count: int, seed: int) -> list[str]:
    """Return windows of 5 to 40 lines of fusion's own files."""
    rng, files = random.Random(seed), sorted((ROOT / "src" / "fusion").rglob("*.py"))
    windows: list[str] = []
    while len(windows) < count:
        lines = rng.choice(files).read_text(encoding="utf-8").splitlines()
        size = rng.randint(5, 40)
        start = rng.randint(0, max(0, len(lines) - size))
        if text := "\n".join(lines[start : start + size]).strip():
            windows.append(text)
    return windows


def milliseconds(job: Callable[[], object], rounds: int) -> float:
    """Return the median over so many rounds, in CPU time of this thread."""
    seconds = []
    for _ in range(rounds):
        clock = time.thread_time()
        job()
        seconds.append(time.thread_time() - clock)
    return sorted(seconds)[len(seconds) // 2] * 1000


def measure(folder: Path, rounds: int) -> dict[str, float | str]:
    model = checkpoint.load(folder / "model" if (folder / "model").is_dir() else folder)
    collate = Collate(model.meta["classes"], model.tokenizer, None, None)
    texts = snippets(BATCH * 4, seed=0)

    @torch.inference_mode()
    def answer(batch: list[str]) -> torch.Tensor:
        return model.net(collate({"text": batch, "id": batch})).argmax(1)

    answer(texts[:BATCH])  # compiles what is compiled
    alone = milliseconds(lambda: [answer([text]) for text in texts[:BATCH]], rounds) / BATCH
    together = milliseconds(lambda: [answer(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)], rounds)
    return {
        "run": folder.name,
        "text": model.meta["branches"]["text"]["name"],
        "alone_ms": round(alone, 3),
        "batch_ms": round(together / len(texts), 3),
        "parameters": model.net.size,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders of text models")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--json", action="store_true", help="for programs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(folder, asked.rounds) for folder in asked.runs]
    if asked.json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'text':10} {'alone':>9} {'in 64s':>9} {'parameters':>12}  run   (ms a snippet, one thread)")
    for row in rows:
        print(f"{row['text']:10} {row['alone_ms']:9} {row['batch_ms']:9} {row['parameters']:12,}  {row['run']}")
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
