"""How each modality is read: the one menu of branches.

A branch is an nn.Module with `.dim` and forward(batch[name]) -> (B, dim). It is started once, for
training, from a part of the configuration, and made again later from its spec: plain values that are
stored beside the weights.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fusion.config import UserError, did_you_mean

if TYPE_CHECKING:
    import torch
    from torch import nn


class Tokenizer(Protocol):
    """Texts -> what the text branch reads: at least input_ids (B, T) and attention_mask (B, T)."""

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]": ...

    def to_json(self) -> str: ...


@dataclass(frozen=True)
class Started:
    """A branch ready to be trained."""

    module: "nn.Module"
    spec: dict[str, Any]  # what `restore` needs
    weights: str  # random, hub or file: what it really starts from
    tokenizer: Tokenizer | None = None  # of a text branch


def start_text(text: dict[str, Any], texts: Sequence[str], groups: Sequence[str]) -> Started:
    """conf/text, the training texts and their projects -> the text branch and its tokenizer.

    Raises WeightsUnavailable when pretrained weights cannot be had.
    """
    if text["name"] not in TEXT:
        known = ", ".join(TEXT)
        raise UserError(f"text={text['name']} is not known{did_you_mean(text['name'], TEXT)}; it is one of {known}.")
    return TEXT[text["name"]](text, texts, groups)


def _start_scratch(text: dict[str, Any], texts: Sequence[str], _groups: Sequence[str]) -> Started:
    from fusion.branches.tokenizer import Bpe, train_tokenizer

    tokenizer = train_tokenizer(texts, text["vocabulary"])
    sizes = {key: text[key] for key in ("max_tokens", "dim", "blocks", "heads", "dropout")}
    spec = {"name": "scratch", "vocabulary": tokenizer.get_vocab_size(), **sizes}
    return Started(restore(spec), spec, "random", Bpe(tokenizer, text["max_tokens"]))


def _start_nano(text: dict[str, Any], texts: Sequence[str], groups: Sequence[str]) -> Started:
    from fusion.branches.ngrams import train_ngrams

    tokenizer = train_ngrams(texts, groups, text["buckets"], text["min_groups"])
    spec = {"name": "nano", "buckets": text["buckets"], "dim": text["dim"]}
    return Started(restore(spec), spec, "random", tokenizer)


def _start_hugging_face(text: dict[str, Any], texts: Sequence[str], _groups: Sequence[str]) -> Started:
    from fusion.branches.text import from_architecture, from_folder
    from fusion.branches.tokenizer import Bpe, train_tokenizer
    from fusion.branches.weights import find_text_weights

    origin = find_text_weights(text["model"], text["weights"])
    if origin.path is None:
        tokenizer = train_tokenizer(texts, text["architecture"]["vocab_size"])
        module = from_architecture(text["architecture"], text["pooling"])
    else:
        module, tokenizer = from_folder(origin.path, text["pooling"])
    spec = {
        "name": "hf",
        "architecture": module.architecture,
        "pooling": text["pooling"],
        "max_tokens": text["max_tokens"],
    }
    return Started(module, spec, origin.kind, Bpe(tokenizer, text["max_tokens"]))


TEXT: dict[str, Callable[[dict[str, Any], Sequence[str], Sequence[str]], Started]] = {
    "scratch": _start_scratch,
    "nano": _start_nano,
    "codeberta": _start_hugging_face,
    "hf": _start_hugging_face,
}


def start_image(backbone: dict[str, Any], input_shape: int) -> Started:
    """conf/backbone and the pictures' side in pixels -> the image branch."""
    from fusion.branches.image import TimmBackbone
    from fusion.branches.weights import find_image_weights

    origin = find_image_weights(backbone["model"], backbone["weights"])
    fields = {"model": backbone["model"], "input_shape": input_shape}
    fields |= {key: backbone[key] for key in ("channels", "pooling") if key in backbone}
    return Started(TimmBackbone(**fields, origin=origin), {"name": "timm", **fields}, origin.kind)


def restore(spec: dict[str, Any]) -> "nn.Module":
    """A spec -> the branch it describes, with random weights; nothing is downloaded or imported by name."""
    fields = dict(spec)
    match fields.pop("name"):
        case "scratch":
            from fusion.branches.ladder import Encoder

            return Encoder(**fields)
        case "nano":
            from fusion.branches.nano import Nano

            return Nano(**fields)
        case "hf":
            from fusion.branches.text import from_architecture

            return from_architecture(fields["architecture"], fields["pooling"])
        case "timm":
            from fusion.branches.image import TimmBackbone
            from fusion.branches.weights import Origin

            return TimmBackbone(**fields, origin=Origin("random"))
        case unknown:
            raise UserError(f"This model has a branch of kind {unknown!r}, which this version of fusion does not know.")


def restore_tokenizer(content: str, spec: dict[str, Any]) -> Tokenizer:
    """What Tokenizer.to_json gave, and the spec of its branch -> the same tokenizer."""
    if spec["name"] == "nano":
        from fusion.branches.ngrams import Ngrams

        fields = json.loads(content)
        return Ngrams(fields["buckets"], fields["known"])
    import tokenizers

    from fusion.branches.tokenizer import Bpe

    return Bpe(tokenizers.Tokenizer.from_str(content), spec["max_tokens"])
