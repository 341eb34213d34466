"""How each modality is read: the one menu of branches.

A branch is an nn.Module with `.dim` and forward(batch[name]) -> (B, dim). It is started once, for
training, from a part of the configuration, and made again later from its spec: plain values that are
stored beside the weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fusion.config import UserError, did_you_mean

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

TEXT = ("none", "scratch", "codeberta", "hf")


@dataclass(frozen=True)
class Started:
    """A branch ready to be trained."""

    module: "nn.Module"
    spec: dict[str, Any]  # what `restore` needs
    weights: str  # random, hub or file: what it really starts from
    tokenizer: "Tokenizer | None" = None  # of a text branch


def start_text(text: dict[str, Any], texts: Iterable[str]) -> Started:
    """conf/text and the training texts -> the text branch and its tokenizer.

    Raises WeightsUnavailable when pretrained weights cannot be had.
    """
    name = text["name"]
    if name not in TEXT:
        raise UserError(f"text={name} is not known{did_you_mean(name, TEXT)}; it is one of {', '.join(TEXT)}.")
    return _start_scratch(text, texts) if name == "scratch" else _start_hugging_face(text, texts)


def _start_scratch(text: dict[str, Any], texts: Iterable[str]) -> Started:
    from fusion.branches.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(texts, text["vocabulary"])
    sizes = {key: text[key] for key in ("max_tokens", "dim", "blocks", "heads", "dropout")}
    spec = {"name": "scratch", "vocabulary": tokenizer.get_vocab_size(), **sizes}
    return Started(restore(spec), spec, "random", tokenizer)


def _start_hugging_face(text: dict[str, Any], texts: Iterable[str]) -> Started:
    from fusion.branches.text import from_architecture, from_folder
    from fusion.branches.tokenizer import train_tokenizer
    from fusion.branches.weights import find_text_weights

    origin = find_text_weights(text["model"], text["weights"])
    if origin.path is None:
        tokenizer = train_tokenizer(texts, text["architecture"]["vocab_size"])
        module = from_architecture(text["architecture"], text["pooling"])
    else:
        module, tokenizer = from_folder(origin.path, text["pooling"])
    architecture = module.encoder.config.to_dict()
    spec = {"name": "hf", "architecture": architecture, "pooling": text["pooling"], "max_tokens": text["max_tokens"]}
    return Started(module, spec, origin.kind, tokenizer)


def start_image(backbone: dict[str, Any], input_shape: int) -> Started:
    """conf/backbone and the pictures' side in pixels -> the image branch."""
    from fusion.branches.image import TimmBackbone
    from fusion.branches.weights import find_image_weights

    origin = find_image_weights(backbone["model"], backbone["weights"])
    spec = {"name": "timm", "model": backbone["model"], "input_shape": input_shape}
    return Started(TimmBackbone(backbone["model"], input_shape, origin), spec, origin.kind)


def restore(spec: dict[str, Any]) -> "nn.Module":
    """A spec -> the branch it describes, with random weights; nothing is downloaded or imported by name."""
    fields = dict(spec)
    match fields.pop("name"):
        case "scratch":
            from fusion.branches.ladder import Encoder

            return Encoder(**fields)
        case "hf":
            from fusion.branches.text import from_architecture

            return from_architecture(fields["architecture"], fields["pooling"])
        case "timm":
            from fusion.branches.image import TimmBackbone
            from fusion.branches.weights import Origin

            return TimmBackbone(fields["model"], fields["input_shape"], Origin("random"))
        case unknown:
            raise UserError(f"This model has a branch of kind {unknown!r}, which this version of fusion does not know.")
