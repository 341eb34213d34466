"""The configuration of a run: Hydra's dict becomes a Config once, in main, and is never changed afterwards."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from fusion.config.branches import Backbone, Fusion, Text
from fusion.config.data import Data
from fusion.config.errors import UserError
from fusion.config.modalities import keep_one
from fusion.config.options import STRICT, parse, to_dict
from fusion.config.render import RenderOptions, Size, check_view, parse_side, parse_size
from fusion.config.training import (
    AugmentPolicy,
    Damage,
    EndlessTraining,
    Logger,
    Loss,
    NoLogger,
    Optimizer,
    Pretraining,
    ReaderTraining,
    Schedule,
    Vary,
)  # fmt: skip

TableName = Literal[
    "results", "modalities", "ladder", "texts", "sources", "labels", "calibration", "fusions", "rakuten", "heig",
    "notebook",
]  # fmt: skip
# Lightning's words
Precision = Literal[
    "auto", "32-true", "16-mixed", "bf16-mixed", "64-true", "16-true", "bf16-true", "bf16", "32", "16", "64", 32, 16, 64
]
SituationName = Literal["picture", "partial", "corrupted"]
LrSearch = Literal["search"]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Row:
    """A row of a source's table: its name, and the figures the source reports."""

    name: str
    source: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Config:
    """Every option of fusion.train; the values come from conf/."""

    name: Annotated[str, Field(min_length=1)] = Field(
        description="folder below runs", json_schema_extra={"words": "a word, such as train"}
    )
    table: TableName = Field(description="the table that a sweep ends with")
    runs: Annotated[str, Field(min_length=1)] = Field(
        description="where run folders go", json_schema_extra={"words": "a folder, such as runs"}
    )
    backbone: Backbone
    text: Text
    fusion: Fusion
    render: RenderOptions
    data: Data
    input_shape: Annotated[int, BeforeValidator(parse_side), Field(ge=8)] = Field(
        description="pixels, side of the square picture that the backbone sees"
    )
    source_size: Annotated[Size, BeforeValidator(parse_size)] = Field(
        description="pixels of the screenshot before it is resized: 256, or WIDTHxHEIGHT",
        json_schema_extra={"words": "one number or WIDTHxHEIGHT"},
    )
    lr: Annotated[float, Field(gt=0)] | LrSearch = Field(
        description="learning rate; search runs a range test before training", json_schema_extra={"example": 0.001}
    )
    epochs: int = Field(ge=1, description="passes over the training side")
    batch_size: int = Field(ge=1, description="snippets in a training step")
    seed: int = Field(ge=0, le=2**32 - 1, description="of everything random")
    patience: Annotated[int, Field(ge=0)] | None = Field(
        description="epochs (evaluations in pretraining) without a better validation macro-F1 before a stop"
    )
    gradient_clip_val: Annotated[float, Field(gt=0)] | None = Field(
        description="norm that gradients are cut to; null leaves them as they are", json_schema_extra={"example": 1.0}
    )
    augment: AugmentPolicy
    # those with a default are younger than runs that are still read
    modalities: Literal["all", "text", "image"] = Field(
        default="all", description="train on the text alone or the picture alone, everything else the same"
    )
    picture_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="of the snippets that have a picture; the others are a text alone"
    )
    vary: Vary = Field(default=Vary())
    damage: Damage = Field(default=Damage())
    situations: Annotated[tuple[SituationName, ...], Field(strict=False)] = Field(
        default=(),
        description="evaluate too: the picture alone, a part of the text beside a damaged picture, a corrupted text",
        json_schema_extra={"words": "a list of picture, partial and corrupted"},
    )
    optimizer: Optimizer
    schedule: Schedule
    loss: Loss
    logger: Logger = Field(default=NoLogger())
    folds: Annotated[int, Field(ge=2)] | None = Field(
        description="5 trains five times, each time validated on other projects; the test side stays"
    )
    fold: Annotated[int, Field(ge=0)] | None = Field(description="one of the folds alone, counted from 0")
    rerun: bool | Literal["auto"] = Field(
        description="repeat a run that is complete; false takes it as it is, auto does so in a sweep"
    )
    dry_run: bool = Field(description="list what would run, check every shape, say how long it would take")
    num_workers: int = Field(ge=0, description="processes that draw and encode; 0 does it in the training process")
    device: Literal["auto", "cpu", "cuda"] = Field(description="where to compute")
    precision: Precision = Field(description="auto is bf16 or fp16 where a GPU has it, else 32 bits")
    pretraining: Pretraining | None = Field(default=None, description="see conf/experiment/pretrain_image.yaml")
    reader: ReaderTraining | None = Field(default=None, description="see conf/experiment/reader.yaml")
    row: Row | None = None

    @property
    def has_image(self) -> bool:
        """Whether there is an image branch."""
        return self.backbone.name != "none"

    @property
    def has_text(self) -> bool:
        """Whether there is a text branch."""
        return self.text.name != "none"

    @property
    def endless(self) -> EndlessTraining | None:
        """The options of a training on an endless stream, None for one over a table."""
        return self.pretraining or self.reader

    @property
    def is_streamed(self) -> bool:
        """Whether the training rows are a stream rather than a table."""
        return bool(getattr(self.data, "streaming", False))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as run.json keeps them and `load_config` takes them."""
        content: dict[str, Any] = to_dict(self)
        return content


def load_config(given: Mapping[str, Any]) -> Config:
    """Return the checked configuration of a run. Raises UserError for the first value that no run can work with."""
    config = keep_one(parse(Config, given))
    if config.fold is not None and (config.folds is None or config.fold >= config.folds):
        raise UserError(f"fold={config.fold} must be a whole number from 0 to below folds={config.folds}.")
    if config.folds is not None and config.is_streamed:
        raise UserError("folds deal out the projects of a table, which a stream is not; pass data.streaming=false.")
    if not config.has_image and not config.has_text:
        raise UserError("backbone=none and text=none leave nothing to learn from; give at least one of them.")
    if config.text.name in ("ngram", "micro") and config.has_image:
        raise UserError(
            f"text={config.text.name} is a whole model, which nothing can be fused with; pass backbone=none."
        )
    if config.fusion.read and not (config.has_image and config.has_text):
        raise UserError("fusion.read=true reads pictures for the text branch; give both: a backbone and a text.")
    if config.fusion.colours and not (config.fusion.read and config.text.name == "nano"):
        raise UserError(
            f"fusion.colours={config.fusion.colours} marks what text=nano reads in a picture; "
            "pass fusion.read=true text=nano."
        )
    if config.picture_share < 1 and not (config.has_image and config.has_text):
        raise UserError(f"picture_share={config.picture_share:g} leaves snippets without anything; give a text too.")
    if config.fusion.read and config.is_streamed:
        raise UserError(
            "fusion.read=true reads every picture beforehand, which a stream lacks; pass data.streaming=false."
        )
    if config.situations and not (config.has_image and config.has_text):
        raise UserError(f"situations={[*config.situations]} need a text and its picture; give a backbone and a text.")
    if config.has_image:
        if config.backbone.model is None:
            raise UserError("backbone.model=null must be a word: any model that timm knows, or convnet.")
        check_view(config.render, config.source_size)
    return config
