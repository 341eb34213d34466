"""Each branch learns a tiny corpus of synthetic code to a floor that it misses once it is broken.

Labels are languages, or languages and dialects of them that differ in one word. Training texts are of about one length;
every fourth validation text is several times as long, so that the others are padded, and a branch that reads padding
makes mistakes. Everything is seeded; the floors lie a few hundredths below what is reached with seed 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from tests.branches.tiny_branches import ARCHITECTURE, CONVNET, HF, LADDER, MICRO, NGRAM
from tests.tiny import CODE, sample

from fusion.branches import LoadedBranch, create_image, create_text
from fusion.config.branches import Backbone, Text, TextOptions
from fusion.config.groups import read_group
from fusion.config.options import parse
from fusion.config.render import load_render_options, parse_size
from fusion.config.training import Adam
from fusion.datamodule import FeatureStore, SnippetDataModule
from fusion.model.late_fusion import LateFusion
from fusion.screenshots.renderer import Renderer
from fusion.snippets.snippet import Snippet, to_table
from fusion.training.task import ClassificationTask

LANGUAGES = tuple(CODE)
DIALECTS = {"throw": ("python", "raise ", "throw "), "extern": ("c", "static ", "extern "),
            "focus": ("css", ":hover", ":focus")}  # fmt: skip
ALL = (*LANGUAGES, *DIALECTS)
LR = 0.001  # of the head, and of a branch that has none of its own


def code(label: str, number: int, blocks: int) -> str:
    language, word, other = DIALECTS.get(label, (label, "", ""))
    return sample(language, number, blocks).replace(word, other)


def make_table(labels: Sequence[str], train: int, val: int, blocks: int = 1, long: int | None = None) -> pa.Table:
    """Return so many training snippets of each label, of eight projects, and so many of validation."""
    sizes = [long if long and i % 4 == 0 else blocks for i in range(val)]
    rows = [Snippet(code(label, i, blocks), label, f"project {i % 8}") for label in labels for i in range(train)]
    rows += [Snippet(code(label, 1000 + i, size), label, "val") for label in labels for i, size in enumerate(sizes)]
    return to_table(rows, {row.group: "val" if row.group == "val" else "train" for row in rows})


def learn(
    branches: dict[str, LoadedBranch], datamodule: SnippetDataModule, epochs: int, branch_lr: dict[str, float]
) -> float:
    """Train a linear head on the branches, and them with it -> the accuracy on the validation split."""
    net = LateFusion({name: branch.module for name, branch in branches.items()}, len(datamodule.classes), (), 0.0)
    task = ClassificationTask(net, len(datamodule.classes), LR, branch_lr, Adam(name="adam"))
    if list(net.parameters()):
        optimizer = task.make_optimizer()
        for epoch in range(epochs):
            for batch in datamodule.loader("train", epoch):
                optimizer.zero_grad()
                task.training_loss(net.answers(batch), batch).backward()
                optimizer.step()
    net.eval()
    with torch.no_grad():
        right = torch.cat([net(batch).argmax(1) == batch["label"] for batch in datamodule.val_dataloader()])
    return float(right.float().mean())


@dataclass(frozen=True)
class Case:
    """A text branch, its training, and the accuracy it must reach."""

    options: TextOptions
    epochs: int
    floor: float
    labels: Sequence[str] = ALL
    long: int = 4  # blocks of every fourth validation text; the others have one


NANO = replace(parse(Text, read_group("text", "nano"), "text"), buckets=1024)
V5M = replace(LADDER, variant="v5m", vocabulary=400, max_tokens=512, dim=32, blocks=1, lr=0.003)
WIDE: dict[str, Any] = ARCHITECTURE | {
    "vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 1026,
}  # fmt: skip
ENCODER = replace(HF, max_tokens=1024, architecture=WIDE)
BAG = replace(ENCODER, architecture=WIDE | {"num_hidden_layers": 0, "hidden_dropout_prob": 0.0})
TEXTS = {
    "nano, its network": Case(replace(NANO, ensemble_weights=0), 3, 0.95),
    "nano, its linear member": Case(replace(NANO, ensemble_weights=9000), 0, 0.95),  # the network has learnt nothing
    "micro": Case(replace(MICRO, weights=9000), 0, 0.95),
    "ngram": Case(replace(NGRAM, features=4096), 0, 0.95),
    "scratch": Case(V5M, 6, 0.93),  # fails where attention sees padding
    "ladder, a mean of embeddings": Case(replace(V5M, variant="v2m", lr=0.03), 8, 0.9),  # where the mean counts padding
    "encoder, its first token": Case(replace(ENCODER, pooling="cls", lr=0.005), 3, 0.95, LANGUAGES, long=8),
    "encoder, a mean of embeddings": Case(replace(BAG, lr=0.01), 4, 0.95, LANGUAGES),
}


def text_accuracy(case: Case) -> float:
    torch.manual_seed(0)
    table = make_table(case.labels, train=40, val=30, long=case.long)
    rows = table.filter(pc.equal(table["split"], "train")).select(["text", "group", "label"]).to_pydict()
    text = create_text(case.options, rows, case.labels)
    datamodule = SnippetDataModule(table, case.labels, text.tokenizer, None, batch_size=16, seed=0, num_workers=0)
    return learn({"text": text}, datamodule, case.epochs, {"text": case.options.lr or LR})


@pytest.mark.parametrize("case", TEXTS.values(), ids=TEXTS)
def test_a_text_branch_learns(case):
    assert text_accuracy(case) >= case.floor


def pictures(table: pa.Table, side: int, source: int) -> SnippetDataModule:
    render = load_render_options("plain", font="dejavu-sans-mono")
    renderer = Renderer(render, parse_size(source), side, 0)
    return SnippetDataModule(table, LANGUAGES, None, renderer, batch_size=16, seed=0, num_workers=0, num_styles=1)


def test_an_image_branch_learns_from_random_weights():
    torch.manual_seed(0)
    datamodule = pictures(make_table(LANGUAGES, train=40, val=30, blocks=3), 64, 64)
    assert learn({"image": create_image(CONVNET, 64)}, datamodule, 6, {"image": 0.003}) >= 0.95


def test_a_linear_head_learns_from_features_of_the_shipped_weights():
    torch.manual_seed(0)
    image = create_image(Backbone(name="mobilenetv2", model="mobilenetv2_100", weights="code"), 96)
    datamodule = pictures(make_table(LANGUAGES, train=8, val=40, blocks=3), 96, 192)
    features, styles = FeatureStore(), {"train": 0, "val": None}
    module = image.module.eval().requires_grad_(False)
    for split, style in styles.items():
        rows, batches = datamodule.draw(split, style)
        features.add(style, rows, torch.cat([module(batch) for batch in batches]))
    datamodule.use(features=features)
    assert learn({"image": image}, datamodule, 3, {}) >= 0.95  # random weights, or pictures not normalised: 0.33
