"""Compare nano with and without masked pre-training: predicting n-grams of a text from the others first.

Before the labels are learnt, half of the n-grams of each text are hidden, and from the features of the other half the
network tells the hidden n-grams from as many of other texts. Then both ways are trained alike: a linear head, a cosine,
label smoothing, no linear member. Evaluated on the validation split of the corpus, split by project.

  python scripts/masked_pretraining.py --data core --seeds 3
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from torch import nn

from fusion import console
from fusion.branches import create_text, restore
from fusion.config.branches import Text
from fusion.config.data import load_data_options
from fusion.config.groups import read_group
from fusion.config.options import parse
from fusion.config.paths import cache_dir
from fusion.model.late_fusion import LateFusion
from fusion.results.statistics import wilson
from fusion.snippets import sources

BATCH, RATE, HEAD_RATE, HIDDEN = 128, 0.01, 0.001, 0.5
GUESSED = 64  # n-grams of a text, and as many of another one


class Corpus:
    """The texts and labels of the training and validation splits of a table."""

    def __init__(self, table: pa.Table):
        self.classes = sorted(pc.unique(table["label"]).to_pylist())
        self.texts, self.labels = {}, {}
        for split in ("train", "val"):
            rows = table.filter(pc.equal(table["split"], split))
            self.texts[split] = rows["text"].to_pylist()
            self.labels[split] = torch.tensor([self.classes.index(label) for label in rows["label"].to_pylist()])
            if split == "train":
                columns = {name: rows[name].to_pylist() for name in ("text", "group", "label")}
        nano = parse(Text, read_group("text", "nano") | {"ensemble_weights": 0}, "text")
        self.branch = create_text(nano, columns, self.classes)

    def batches(self, split: str, order: np.ndarray) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
        tokenizer: Any = self.branch.tokenizer
        for numbers in np.split(order, range(BATCH, len(order), BATCH)):
            yield tokenizer([self.texts[split][i] for i in numbers]), self.labels[split][numbers]


def make_step(nano: nn.Module, other: nn.Module, steps: int) -> Callable[[torch.Tensor], None]:
    """Return a function that takes a loss one step down; rates of the bags and of the other part fall in a cosine."""
    groups = [{"params": nano.parameters(), "lr": RATE}, {"params": other.parameters()}]
    optimizer = torch.optim.AdamW(groups, HEAD_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def step(loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    return step


def pretrain(nano: nn.Module, corpus: Corpus, epochs: int, seed: int) -> None:
    """Train the bags, in place, to tell which n-grams occur together."""
    rng, width = np.random.default_rng(seed), nano.dim
    query = nn.Linear(width, width)  # of the visible half
    steps = epochs * math.ceil(len(corpus.texts["train"]) / BATCH)
    step = make_step(nano, query, steps)
    for _ in range(epochs):
        total = 0.0
        for text, _labels in corpus.batches("train", rng.permutation(len(corpus.texts["train"]))):
            mask = text["attention_mask"]
            hidden = (torch.rand(mask.shape) < HIDDEN) & mask  # (B, T)
            features = nano({**text, "attention_mask": mask & ~hidden})  # (B, D)
            chance = hidden.float() + 1e-9
            targets = text["input_ids"].gather(1, torch.multinomial(chance, min(GUESSED, mask.shape[1])))  # (B, G)
            both = torch.stack([targets, targets.roll(1, 0)])  # (2, B, G), the hidden ones and those of another text
            rows = torch.stack([nano.bag[nano.rows(both.flatten(), k)] for k in range(len(nano.norm))], 1)
            guess = (rows.view(2, *targets.shape, width) * query(features)[None, :, None]).sum(-1)  # (2, B, G)
            truth = torch.stack([torch.ones_like(targets), torch.zeros_like(targets)]).float()
            loss = F.binary_cross_entropy_with_logits(guess, truth)
            step(loss)
            total += loss.item()
        print(f"  pre-training: loss {total * epochs / steps:.3f}", flush=True)


def train(nano: nn.Module, corpus: Corpus, epochs: int, seed: int) -> int:
    """Train on the labels, and return how many of the validation split are right afterwards."""
    rng = np.random.default_rng(seed)
    net = LateFusion({"text": nano}, len(corpus.classes), [], 0.0)
    step = make_step(nano, net.head, epochs * math.ceil(len(corpus.texts["train"]) / BATCH))
    for _ in range(epochs):
        for text, label in corpus.batches("train", rng.permutation(len(corpus.texts["train"]))):
            present = {"text": torch.ones(len(label), dtype=torch.bool)}
            step(F.cross_entropy(net({"text": text, "present": present}), label, label_smoothing=0.1))
    net.eval()
    right = 0
    with torch.inference_mode():
        for text, label in corpus.batches("val", np.arange(len(corpus.texts["val"]))):
            present = {"text": torch.ones(len(label), dtype=torch.bool)}
            right += int((net({"text": text, "present": present}).argmax(1) == label).sum())
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="core", help="a corpus of conf/data (default: core)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--pretraining", type=int, default=2, help="epochs without labels (default: 2)")
    parser.add_argument("--epochs", type=int, default=3, help="epochs with labels (default: 3)")
    args = parser.parse_args()
    console.set_up_logging()
    corpus = Corpus(sources.load(load_data_options(args.data), cache_dir(), console.progress))
    n = len(corpus.texts["val"])
    for seed in range(args.seeds):
        for name, before in (("without", 0), ("with", args.pretraining)):
            torch.manual_seed(seed)
            nano = restore(corpus.branch.spec).train()
            if before:
                pretrain(nano, corpus, before, seed)
            right = train(nano, corpus, args.epochs, seed)
            low, high = wilson(right, n)
            print(f"seed {seed}, {name:7s} pre-training: {right / n:.4f} [{low:.3f}, {high:.3f}], n = {n}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
