"""A tiny pretraining in this process, and what its run folder holds."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from tests import tiny

from fusion.config.schema import Config
from fusion.results.record import read_metrics

TINY = [
    "experiment=pretrain_image", "backbone=timm", "backbone.model=test_resnet", "backbone.weights=random", "data=folder",
    "input_shape=32", "source_size=48", "batch_size=8", "render.font=dejavu-sans-mono", "render.font_size=12",
    "pretraining.steps=12", "pretraining.warmup=2", "pretraining.early.steps=6", "pretraining.early.input_shape=24",
    "pretraining.early.render.font_size=12", "pretraining.exclude_eval_projects_of=[]",
    "pretraining.text_crop={rows:3,columns:7,min_characters:6}", "pretraining.eval_every=4", "pretraining.save_every=2",
    "pretraining.eval_samples=20",
]  # fmt: skip
LR = "lr=0.003"
# what is random in a network, gradients that are cut, and a last step that is none of evaluation
UNSTEADY = [LR, "fusion.hidden=[8]", "fusion.dropout=0.5", "gradient_clip_val=0.1", "pretraining.eval_every=5",
            "pretraining.save_every=1", "patience=9"]  # fmt: skip


def configured(corpus: Path, *overrides: str) -> Config:
    return tiny.configured(*TINY, f"data.path={corpus}", *overrides)


def same_weights(first: Path, second: Path) -> bool:
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (first, second))
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def evaluations(folder: Path) -> list[dict[str, float]]:
    return [{**evaluation, "seconds": 0} for evaluation in read_metrics(folder)]
