"""conf/optimizer, schedule, augment, loss, logger and pretraining: how a network learns, and who is told."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from fusion.config.groups import name_in
from fusion.config.options import STRICT
from fusion.config.render import STYLE, Highlight, check_style

Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Adam:
    """optimizer=adam and adamw."""

    name: Literal["adam", "adamw"]
    weight_decay: float = Field(
        default=0.0, ge=0, description="L2 on every weight; adamw takes it apart from the gradient"
    )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RMSprop:
    """optimizer=rmsprop."""

    name: Literal["rmsprop"]
    alpha: float = Field(default=0.99, ge=0, lt=1, description="memory of the mean square; 0.9 in Keras")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="share of the last step that is kept")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 on every weight")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SGD:
    """optimizer=sgd."""

    name: Literal["sgd"]
    momentum: float = Field(default=0.0, ge=0, lt=1, description="share of the last step that is kept")
    nesterov: bool = Field(default=False, description="look ahead by the momentum")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 on every weight")

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError(
                "optimizer.nesterov=true looks ahead by the momentum, which is 0; pass optimizer.momentum=0.9."
            )


Optimizer = Annotated[Adam | RMSprop | SGD, Field(discriminator="name")]
OptimizerOptions = Adam | RMSprop | SGD


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Schedule:
    """conf/schedule: how learning rates change while training."""

    name: Literal["auto", "constant", "plateau", "cosine"] = Field(
        default="constant", description="auto is a cosine where the last step is known, and plateau in a stream"
    )
    warmup: int = Field(default=0, ge=0, description="steps over which rates rise from nearly nothing")
    factor: float = Field(default=0.5, gt=0, lt=1, description="what rates are multiplied with on a plateau")
    patience: int = Field(default=1, ge=0, description="epochs without a better validation loss before that")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class AugmentPolicy:
    """conf/augment: how far each change of a training picture goes, either way; 0 leaves it out."""

    name: Annotated[str, AfterValidator(name_in("augment"))] = Field(
        default="none", description="what is typed after augment="
    )
    rotation: float = Field(default=0.0, ge=0, le=180, description="degrees")
    shear: float = Field(default=0.0, ge=0, lt=90, description="degrees")
    shift: float = Field(default=0.0, ge=0, le=1, description="share of the side, along the width and along the height")
    zoom: float = Field(default=0.0, ge=0, lt=1, description="share, along the width and along the height, in and out")
    flip_horizontal: float = Field(default=0.0, ge=0, le=1, description="chance")
    flip_vertical: float = Field(default=0.0, ge=0, le=1, description="chance")
    contrast: float = Field(default=0.0, ge=0, le=1, description="share")
    brightness: float = Field(default=0.0, ge=0, le=1, description="share of white")
    blur: float = Field(default=0.0, ge=0, le=32, description="most, pixels, standard deviation")
    noise: float = Field(default=0.0, ge=0, le=1, description="most, share of white, standard deviation")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Penalty:
    """L1 or L2 of the head, as Keras' regularizers count them."""

    weights: float = Field(default=0.0, ge=0, description="of every weight")
    bias: float = Field(default=0.0, ge=0, description="of every bias")
    activity: float = Field(default=0.0, ge=0, description="of outputs after their activation, divided by the batch")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Loss:
    """`loss`: what is made small beside the cross-entropy."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="share of the target spread over all classes")
    class_weights: Literal["none", "root", "balanced"] = Field(
        default="none", description="rare classes count more, balanced as much as frequent ones"
    )
    l1: Penalty = Field(default=Penalty(), description="of the head")
    l2: Penalty = Field(default=Penalty(), description="of the head")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoLogger:
    """logger=none."""

    name: Literal["none"] = "none"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class TensorBoard:
    """logger=tensorboard."""

    name: Literal["tensorboard"]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class MLflow:
    """logger=mlflow."""

    name: Literal["mlflow"]
    tracking_uri: Annotated[str, Field(min_length=1)] = Field(
        description="where runs are kept: sqlite:///FILE, from the folder that training is started in, or a server",
        json_schema_extra={"words": "an address, such as sqlite:///runs/mlflow.db or http://localhost:5000"},
    )
    experiment: Annotated[str, Field(min_length=1)] = Field(description="what runs are listed under")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class WandB:
    """logger=wandb."""

    name: Literal["wandb"]
    project: Annotated[str, Field(min_length=1)] = Field(description="what runs are listed under")
    mode: Literal["offline", "online"] = Field(
        description="online sends everything to the server at once; offline keeps it in RUN/wandb"
    )


Logger = Annotated[NoLogger | TensorBoard | MLflow | WandB, Field(discriminator="name")]
LoggerOptions = NoLogger | TensorBoard | MLflow | WandB


def _style(given: Any) -> Any:
    if not isinstance(given, Mapping):
        raise ValueError(f"render={given} must be given by its parts, fields of conf/render.")
    for name, value in given.items():
        if name in STYLE:
            check_style(name, value)
    return given


Chance = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Vary:
    """vary: how often training texts are changed; those that have a picture only for what is fitted before training."""

    part: Chance = Field(default=0.0, description="texts cut to 1-2, 3-5 or 6-12 lines from anywhere")
    comments: Chance = Field(default=0.0, description="texts without lines of comment")
    strings: Chance = Field(default=0.0, description="texts with one letter in each string")
    names: Chance = Field(default=0.0, description="texts with other names for half of those made of several parts")
    indentation: Chance = Field(default=0.0, description="texts indented by another width, or by tabs")

    @property
    def changes(self) -> bool:
        """Whether any text is changed."""
        return any((self.part, self.comments, self.strings, self.names, self.indentation))


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Damage:
    """damage: how often training samples are damaged, so that a fusion learns which modality to trust."""

    text: Chance = Field(
        default=0.0, description="texts cut to a part, or misread, without indentation, their lines cut off; half each"
    )
    picture: Chance = Field(
        default=0.0, description="pictures that are drawn with a part covered or cut off, or blurred, scaled, as a JPEG"
    )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class EarlyStage:
    """pretraining.early: first learn to read, on smaller pictures of text as large."""

    steps: int = Field(ge=0, description="0 leaves the stage out")
    input_shape: int = Field(ge=8, description="pixels, side of the picture")
    render: Annotated[dict[str, Any], BeforeValidator(_style)] = Field(
        default_factory=dict, description="what differs from conf/render"
    )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class TextCrop:
    """pretraining.text_crop: how much of a snippet a picture shows."""

    rows: Count = Field(description="lines")
    columns: Count = Field(description="characters of a line")
    min_characters: int = Field(ge=0, description="visible characters that it must hold at least")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class EndlessTraining:
    """What every training on an endless stream of fresh pictures has."""

    steps: Count = Field(description="batches; may be changed when a run is resumed")
    warmup: int = Field(ge=0, description="steps over which the rate rises")
    cooldown: float = Field(ge=0, le=1, description="share of the steps over which the rate falls")
    highlights: Annotated[tuple[Highlight, ...], Field(strict=False)] = Field(
        min_length=1, description="drawn from evenly", json_schema_extra={"words": "a list of highlights"}
    )
    exclude_eval_projects_of: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="corpora: no project is learnt from that they validate or test on",
        json_schema_extra={"words": "a list of names of conf/data, such as [small]"},
    )  # fmt: skip
    eval_every: Count = Field(description="steps between two evaluations on the validation side")
    save_every: Count = Field(description="steps between two checkpoints to resume from")
    resume: str | None = Field(default=None, description="the folder of a run to go on with")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Pretraining(EndlessTraining):
    """conf/experiment/pretrain_image.yaml: a backbone taught on an endless stream of fresh pictures."""

    early: EarlyStage
    text_crop: TextCrop
    character_stride: int | None = Field(
        default=None, ge=2, le=32,
        description="pixels of the cells that are each asked for their character; null: of which characters occur "
        "each part of the last map is asked",
    )  # fmt: skip
    eval_samples: Count = Field(description="snippets, of all validation projects")
    final_eval_samples: Count | None = Field(
        default=None, description="snippets of each side judged at the end; null: all"
    )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ReaderTraining(EndlessTraining):
    """conf/experiment/reader.yaml: a recognizer taught where every character of a picture stands."""

    zooms: Annotated[tuple[Annotated[float, Field(ge=0.5, le=3)], ...], Field(strict=False)] = Field(
        min_length=1, description="pixels drawn for one pixel that is read, drawn from evenly",
        json_schema_extra={"words": "a list of numbers from 0.5 to 3"},
    )  # fmt: skip
    odd_text: float = Field(ge=0, le=1, description="share of texts that become random signs in part")
    clutter: float = Field(ge=0, le=1, description="share of pictures with things on them that are not text")
    interface: float = Field(ge=0, le=1, description="share of pictures with text of an interface beside the code")
    marks: float = Field(ge=0, le=1, description="share of pictures with guides, cursors and underlines in the code")
    ligatures: float = Field(ge=0, le=1, description="share of pictures in fonts with ligatures that show them")
    photographs: float = Field(ge=0, le=1, description="share of pictures that a camera sees at an angle")
    proportional: float = Field(ge=0, le=1, description="share of the others in fonts of proportional width")
    eval_batches: Count = Field(description="batches of the validation side in an evaluation")
