"""conf/backbone, conf/text and conf/fusion: what each modality is read by, and how both are fused."""

import re
from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from fusion.config.groups import name_in
from fusion.config.options import STRICT, show


@plain_dataclass(frozen=True)
class Freeze:
    """Which layers of a branch learn from which epoch on: none, all, `all but 12`, or {1: all, 3: all but 12}."""

    stages: tuple[tuple[int, int | None], ...] = ((1, None),)  # epoch, how many of the last layers learn (None: all)

    @property
    def never_learns(self) -> bool:
        """Whether no layer learns in any epoch."""
        return self.stages[0][0] == 1 and all(layers == 0 for _, layers in self.stages)

    def to_option(self) -> Any:
        """Return the value as a configuration has it."""
        said = {epoch: {None: "none", 0: "all"}.get(layers, f"all but {layers}") for epoch, layers in self.stages}
        return said[1] if list(said) == [1] else said


def parse_freeze(value: Any) -> Freeze:
    """Return what `freeze` says. Raises ValueError with a sentence that says what it may be."""
    if isinstance(value, Freeze):
        return value
    stages = value if isinstance(value, dict) else {1: value}
    for epoch in stages:
        if not re.fullmatch(r"[1-9]\d*", str(epoch)):
            raise ValueError(f"freeze has the epoch {epoch!r}; epochs are 1, 2, ...: {{1: all, 3: none}}.")
    return Freeze(tuple(sorted((int(epoch), _learning(layers)) for epoch, layers in stages.items())) or ((1, None),))


def _learning(layers: Any) -> int | None:
    """Return how many of the last layers learn: None for all of them."""
    if layers in ("none", None):
        return None
    if layers == "all":
        return 0
    if not (found := re.fullmatch(r"all but (\d+)", str(layers))):
        raise ValueError(f"freeze={show(layers)} is not known; it is none, all, or 'all but 12' for the last 12.")
    return int(found[1])


FREEZE = Annotated[Freeze, BeforeValidator(parse_freeze)]
FREEZE_WORDS: dict[str, Any] = {
    "words": "none, all, 'all but 12' (the last 12 layers learn), or by epoch {1: all, 3: none}"
}
Rate = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Branch:
    """What every branch has."""

    lr: Rate | None = Field(default=None, description="learning rate of the branch; null takes that of the run")
    lr_decay: float = Field(
        default=1.0, gt=0, le=1, description="times this for each layer further from the output",
        json_schema_extra={"example": 0.9},
    )  # fmt: skip
    freeze: FREEZE = Field(default=Freeze(), description="which layers learn", json_schema_extra=FREEZE_WORDS)


def _not_a_truth(value: Any) -> Any:
    """Refuse true, which Python takes for 1."""
    return str(value) if isinstance(value, bool) else value


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Backbone(_Branch):
    """conf/backbone: how a picture is read; `none` reads no pictures."""

    name: Annotated[str, AfterValidator(name_in("backbone"))] = Field(description="what is typed after backbone=")
    model: str | None = Field(default=None, description="any model that timm knows, or convnet")
    weights: str = Field(
        default="auto", description="where the weights come from",
        json_schema_extra={"words": "auto, pretrained, random, code (fusion's own), or an existing file or folder"},
    )  # fmt: skip
    batchnorm: Literal["adapt", "frozen", "recalibrate"] = Field(
        default="adapt", description="normalise by the batch, keep the statistics, or estimate them anew after training"
    )
    channels: Annotated[Literal[3, 1], BeforeValidator(_not_a_truth)] = Field(
        default=3, description="colours, or the luminance alone"
    )
    pooling: Literal["gap", "flatten", "patches"] = Field(
        default="gap",
        description="average the last map over its area, or keep all; patches are what fusion=attention looks at",
    )
    num_styles: Annotated[int, Field(ge=1)] | None = Field(
        default=1, description="with freeze=all: styles whose features are kept; null draws new ones in each epoch"
    )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoText(_Branch):
    """text=none: the image branch alone."""

    name: Literal["none"]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class HuggingFace(_Branch):
    """text=codeberta, and text=hf for any other encoder of the hub or of a folder."""

    name: Literal["codeberta", "hf"]
    model: str = Field(description="a name on the hub, or a local folder")
    weights: str = Field(
        default="auto", description="where the weights come from",
        json_schema_extra={"words": "auto, pretrained, random, or an existing file or folder"},
    )  # fmt: skip
    fallback: Literal["nano", "scratch", "ladder"] | None = Field(
        default=None, description="what is trained where the weights cannot be had; null makes that an error"
    )
    pooling: Literal["mean", "cls"] = Field(default="mean", description="the mean over the text, or its first token")
    max_tokens: int = Field(default=256, ge=1, description="tokens of a text that are read")
    architecture: dict[str, Any] = Field(description="of weights=random, in the words of transformers")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Nano(_Branch):
    """text=nano: hashed n-grams of bytes, rare names read as their shape."""

    name: Literal["nano"]
    num_hashes: int = Field(ge=1, le=7, description="bags of embeddings, each with a hash of its own")
    buckets: int = Field(ge=1, description="rows of each bag")
    dim: int = Field(ge=1, description="features of each bag")
    ngram_dropout: float = Field(ge=0, lt=1, description="share of the n-grams a bag does not see in a training step")
    ensemble_weights: int = Field(
        ge=0, description="weights, n-grams times labels, of the linear model averaged with the network; 0: none"
    )
    min_groups: int = Field(ge=1, description="training projects that must use a name for it to be read as it is")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Micro(_Branch):
    """text=micro: the linear model of nano by itself, small enough to be part of other programs; alone only."""

    name: Literal["micro"]
    weights: int = Field(ge=1, description="n-grams times labels, a byte each")
    min_groups: int = Field(ge=1, description="training projects that must use a name for it to be read as it is")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Transformer(_Branch):
    """text=ladder, and text=scratch, its last step over longer texts."""

    name: Literal["ladder", "scratch"]
    variant: Literal["v1", "v2", "v1m", "v2m", "v3", "v4", "v5", "v5m"] = Field(
        description="each one idea more; see src/fusion/branches/ladder.py"
    )
    tokenizer: Literal["bpe", "bytes"] = Field(description="BPE trained on the training split, or bytes")
    vocabulary: int = Field(ge=1, description="BPE tokens")
    max_tokens: int = Field(ge=1, description="tokens of a text that are read")
    dim: int = Field(ge=1, description="features, a multiple of heads")
    blocks: int = Field(ge=1, description="of v5 and v5m")
    heads: int = Field(ge=1, description="of v4, v5 and v5m")
    dropout: float = Field(ge=0, lt=1, description="share of the features dropped while training")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NgramBaseline(_Branch):
    """text=ngram: TF-IDF of character n-grams and a linear model, alone only."""

    name: Literal["ngram"]
    features: int = Field(ge=1, description="columns that n-grams are hashed into")
    max_ngram: int = Field(ge=1, description="characters of the longest n-gram")


Text = Annotated[NoText | HuggingFace | Nano | Micro | Transformer | NgramBaseline, Field(discriminator="name")]
TextOptions = NoText | HuggingFace | Nano | Micro | Transformer | NgramBaseline


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Fusion:
    """conf/fusion: how what the branches say becomes one answer."""

    name: Literal["concat", "average", "gated", "bilinear", "attention", "stacking"] = Field(
        default="concat", description="what is typed after fusion=; see src/fusion/model/heads.py and members.py"
    )
    hidden: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = Field(
        description="units of each hidden layer",
        json_schema_extra={"words": "a list of whole numbers of at least 1, such as [1024,512], or [] for none"},
    )
    dropout: float = Field(ge=0, lt=1, description="after each hidden layer")
    width: int = Field(
        default=128, ge=4, multiple_of=4,
        description="gated, bilinear and attention: units that each modality is projected to, a multiple of 4",
    )  # fmt: skip
    modality_dropout: float = Field(
        default=0.0, ge=0, le=1, description="chance of a training sample to lose a modality"
    )
    missing: Literal["zeros", "learned"] = Field(
        default="zeros", description="what stands for a missing modality: zeros or, with modality_dropout, an embedding"
    )
    auxiliary: float = Field(
        default=0.0, ge=0, description="weight of the loss of each branch with a head of its own; 0: no such heads"
    )
    read: bool = Field(
        default=False, description="what fusion ocr reads in the picture is a modality too, seen by the text branch"
    )
    colours: int = Field(
        default=0, ge=0,
        description="with read: weights, n-grams times labels, of a linear model that sees which words are coloured; "
        "0: none",
    )  # fmt: skip
