"""A configuration -> what pretraining is made of: its corpus, its task, its stream of pictures."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from fusion import branches
from fusion.branches import LoadedBranch
from fusion.config.data import Data, load_data_options
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.config.render import Render, Size
from fusion.config.schema import Config
from fusion.config.training import Adam, Pretraining
from fusion.console import progress
from fusion.model import checkpoint
from fusion.pretraining.character_heads import Occurring, Standing
from fusion.pretraining.character_targets import character_targets, standing_characters
from fusion.pretraining.stream import EVAL_BATCH, PretrainingDataset, TwoStages, WeightedRows
from fusion.pretraining.task import PretrainingTask, warmup_stable_decay
from fusion.pretraining.text_crop import TextCrops
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import sample_key
from fusion.snippets import sources
from fusion.training.build import make_model
from fusion.training.setup import SEARCH_START

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Corpus:
    """The table and, of its training side, the rows that are learnt from."""

    table: pa.Table
    train: pa.Table
    classes: list[str]


def options_of(config: Config) -> Pretraining:
    """Return config.pretraining, which every configuration has that comes here."""
    assert config.pretraining is not None
    return config.pretraining


def training_rows(data: Data, exclude_eval_projects_of: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """Return the table, and its training rows of no project that an excluded corpus validates or tests on."""
    table = sources.load(data, cache_dir(), progress)
    excluded: set[str] = set()
    for name in exclude_eval_projects_of:
        other = sources.load(load_data_options(name), cache_dir(), progress)
        excluded |= set(other.filter(pc.not_equal(other["split"], "train"))["group"].to_pylist())
    train = table.filter(pc.equal(table["split"], "train"))
    train = train.filter(pc.invert(pc.is_in(train["group"], pa.array(sorted(excluded), pa.string()))))
    log.info("%d projects excluded, which other corpora validate or test on", len(excluded))
    return table, train


def load_corpus(config: Config) -> Corpus:
    """Return the data: training rows are dense, and of no project that an excluded corpus validates or tests on."""
    table, train = training_rows(config.data, options_of(config).exclude_eval_projects_of)
    crops, before = TextCrops.scaled(options_of(config).text_crop), train.num_rows
    train = crops.dense_rows(train)
    log.info(
        "%d snippets of %d projects to learn from; %d too empty",
        train.num_rows, pc.count_distinct(train["group"]).as_py(), before - train.num_rows,
    )  # fmt: skip
    if not train.num_rows:
        raise _too_empty("training", crops)
    classes = sorted(pc.unique(train["label"]).to_pylist())
    return Corpus(table.filter(pc.is_in(table["label"], pa.array(classes))), train, classes)


def _too_empty(side: str, crops: TextCrops) -> UserError:
    return UserError(
        f"No {side} snippet shows {crops.min_characters} characters in {crops.rows} lines of {crops.columns}; lower "
        "pretraining.text_crop.min_characters."
    )


def make_task(config: Config, classes: list[str]) -> tuple[PretrainingTask, checkpoint.Model, LoadedBranch]:
    """Return the task, the model of its network, and the branch that it begins with."""
    options = options_of(config)
    branch = branches.create_image(config.backbone, config.input_shape)
    model = make_model(config, classes, {"image": branch})
    character_head = make_character_head(config, model)
    schedule = partial(warmup_stable_decay, steps=options.steps, warmup=options.warmup, cooldown=options.cooldown)
    assert isinstance(config.optimizer, Adam)
    task = PretrainingTask(
        model.net, character_head, classes, schedule, lr=SEARCH_START if config.lr == "search" else config.lr,
        weight_decay=config.optimizer.weight_decay, label_smoothing=config.loss.label_smoothing, seed=config.seed,
        keep_lr=config.lr == "search",
    )  # fmt: skip
    return task, model, branch


def make_character_head(config: Config, model: checkpoint.Model) -> Occurring | Standing:
    """Return what asks for characters. Raises UserError where the network has no map to ask them of."""
    stride, branch = options_of(config).character_stride, cast(Any, model.net.branches["image"])
    channels, _ = feature_map(model, config.input_shape)
    return Occurring(channels) if stride is None else Standing(branch.net, stride)


@torch.no_grad()
def grid_of(head: Occurring | Standing, model: checkpoint.Model, shape: int) -> int:
    """Return the parts across and down that characters of pictures of `shape` pixels are asked in."""
    side = feature_map(model, shape)[1]
    if isinstance(head, Occurring):
        return side
    branch: Any = model.net.branches["image"].eval()
    with head.watching(branch.net):
        branch.net.forward_features(branch.normalised(torch.zeros(1, shape, shape, 3, dtype=torch.uint8)))
    branch.train()
    assert head.maps is not None
    return head.maps.shape[3]


@torch.no_grad()
def feature_map(model: checkpoint.Model, shape: int) -> tuple[int, int]:
    """Return the channels and the side of the last feature map of pictures of `shape` pixels.

    Raises UserError where there is none to read characters from, or the features are not as many as at input_shape.
    """
    branch: Any = model.net.branches["image"]
    name, blank = model.meta["branches"]["image"]["model"], torch.zeros(1, shape, shape, 3, dtype=torch.uint8)
    try:
        branch.eval()
        maps = branch.net.forward_features(branch.normalised(blank))  # (1, M, h, w)
        if maps.ndim != 4 or maps.shape[2] != maps.shape[3]:
            raise UserError(f"{name} has no square map of features to read from; choose another backbone.")
        fits = branch.pooled(maps).shape[1] == branch.dim
    except (RuntimeError, ValueError, AssertionError):
        fits = False
    finally:
        branch.train()
    if not fits:
        raise UserError(
            f"{name} with pooling={branch.pooling} takes no pictures of {shape} pixels besides those of input_shape="
            f"{model.meta['input_shape']}; pass pretraining.early.steps=0, or another early.input_shape."
        )
    return maps.shape[1], maps.shape[2]


def early_render(config: Config) -> Render:
    """Return how the small pictures of the beginning are drawn. Raises UserError for options that cannot be."""
    return config.render.replaced(**options_of(config).early.render)


def make_stream(
    config: Config, corpus: Corpus, model: checkpoint.Model, head: Occurring | Standing, rank: int = 0,
    world_size: int = 1,
) -> TwoStages:  # fmt: skip
    """Return the batches of a run, or one process's share of them."""
    early, rows = options_of(config).early, WeightedRows(corpus.train, corpus.classes)

    def stage(render: Render, shape: int) -> PretrainingDataset:
        share = shape / config.input_shape  # of the full picture; the text in it is as large
        source = Size(*(max(8, round(side * share)) for side in config.source_size))
        renders = [render.replaced(highlight=highlight) for highlight in options_of(config).highlights]
        renderers = [Renderer(each, source, shape, config.seed) for each in renders]
        crops, grid = TextCrops.scaled(options_of(config).text_crop, share), grid_of(head, model, shape)
        asked = partial(character_targets if isinstance(head, Occurring) else standing_characters, grid=grid)
        return PretrainingDataset(rows, crops, renderers, config.batch_size, config.seed, asked, rank, world_size)

    small = stage(early_render(config), early.input_shape) if early.steps else None
    return TwoStages(small, stage(config.render, config.input_shape), early.steps)


class Evaluation:
    """Rows of validation and test -> their pictures, drawn exactly: one crop and one style a snippet."""

    def __init__(self, config: Config):
        self.options, self.seed = options_of(config), config.seed
        render = config.render.replaced(mode="source")
        self.renderer = Renderer(render, config.source_size, config.input_shape, config.seed)
        self.text_crops = TextCrops.scaled(self.options.text_crop)

    def while_training(self, table: pa.Table, classes: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pictures (N, H, W, 3) uint8 and labels (N,) that training is evaluated on."""
        rows = self.text_crops.dense_rows(table.filter(pc.equal(table["split"], "val")))
        if not rows.num_rows:
            raise _too_empty("validation", self.text_crops)
        rows = self._sample(rows, self.options.eval_samples)
        label = torch.tensor([classes.index(label) for label in rows["label"].to_pylist()])
        return torch.from_numpy(np.concatenate([*self.pictures(rows)])), label

    def rows(self, table: pa.Table, split: str) -> pa.Table:
        """Return the rows of one side that a trained network is evaluated on."""
        rows = table.filter(pc.equal(table["split"], split))
        return self._sample(rows, self.options.final_eval_samples or rows.num_rows)

    def pictures(self, rows: pa.Table) -> Iterator[np.ndarray]:
        """Yield the pictures of rows in batches (B, H, W, 3)."""
        for start in range(0, rows.num_rows, EVAL_BATCH):
            ids, texts, labels = (rows[name].slice(start, EVAL_BATCH).to_pylist() for name in ("id", "text", "label"))
            crops = [self.text_crops.crop(text, sample_key(0, None, id)) for text, id in zip(texts, ids, strict=True)]
            yield self.renderer(crops, ids, None, labels)

    def _sample(self, rows: pa.Table, most: int) -> pa.Table:
        chosen = np.random.default_rng(self.seed).permutation(rows.num_rows)[:most]
        return rows.take(np.sort(chosen))
