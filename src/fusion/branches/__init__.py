"""How each modality is read: the one menu of branches.

A branch is an nn.Module with `.dim` and forward(batch[name]) -> (B, dim). It is started once, for
training, from a part of the configuration, and made again later from its spec: plain values that are
stored beside the weights. `.decides` says that its features are logits, to which nothing is fused and in which
nothing learns; `.linear_member` that a second opinion, log-probabilities (B, classes), is averaged with the answer.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fusion.config.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import torch
    from torch import nn


class Tokenizer(Protocol):
    """Texts -> what the text branch reads: at least input_ids (B, T) and attention_mask (B, T)."""

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]": ...

    def to_json(self) -> str: ...


@dataclass(frozen=True)
class LoadedBranch:
    """A branch ready to be trained."""

    module: "nn.Module"
    spec: dict[str, Any]  # what `restore` needs
    weights: str  # random, hub, file or fitted: what it really starts from
    tokenizer: Tokenizer | None = None  # of a text branch
    which: str | None = None  # of these weights: what published ones are called, the sha256 of a file


Rows = Mapping[str, Sequence[str]]  # training rows as columns: text, group, label


def create_text(text: dict[str, Any], rows: Rows, classes: Sequence[str] = (), seed: int = 0) -> LoadedBranch:
    """conf/text, the training rows and all classes -> the text branch and its tokenizer.

    Raises WeightsUnavailable when pretrained weights cannot be had.
    """
    if text["name"] not in TEXT:
        known = ", ".join(TEXT)
        raise UserError(f"text={text['name']} is not known{did_you_mean(text['name'], TEXT)}; it is one of {known}.")
    return TEXT[text["name"]](text, rows, classes, seed)


def text_spec(text: dict[str, Any], vocabulary: int | None = None, classes: int = 0) -> dict[str, Any]:
    """conf/text -> the spec of its branch, with the largest vocabulary where no tokenizer is trained yet."""
    match text["name"]:
        case "nano":
            from fusion.branches.linear_member import rows_for

            rows = rows_for(text["linear"], classes)
            linear_member = {"linear_member": {"rows": rows, "classes": classes}} if rows else {}
            return {
                "name": "nano",
                **{key: text[key] for key in ("buckets", "members", "dim", "thinning")},
            } | linear_member
        case "ngram":
            return {"name": "linear", "features": text["features"], "classes": classes}
        case "ladder" | "scratch":
            sizes = {key: text[key] for key in ("rung", "max_tokens", "dim", "blocks", "heads", "dropout")}
            return {"name": "ladder", "vocabulary": vocabulary or text["vocabulary"], **sizes}
        case _:
            return {"name": "hf", **{key: text[key] for key in ("architecture", "pooling", "max_tokens")}}


def _start_ladder(text: dict[str, Any], rows: Rows, _classes: Sequence[str], _seed: int) -> LoadedBranch:
    from fusion.branches.tokenizer import Bpe, Bytes, train_tokenizer

    tokenizer: Tokenizer
    if text["tokenizer"] == "bytes":
        tokenizer, vocabulary = Bytes(text["max_tokens"]), Bytes.vocabulary
    elif text["tokenizer"] == "bpe":
        trained = train_tokenizer(rows["text"], text["vocabulary"])
        tokenizer, vocabulary = Bpe(trained, text["max_tokens"]), trained.get_vocab_size()
    else:
        raise UserError(f"text.tokenizer={text['tokenizer']} is not known; it is bpe or bytes.")
    spec = text_spec(text, vocabulary)
    return LoadedBranch(restore(spec), spec, "random", tokenizer)


def _start_nano(text: dict[str, Any], rows: Rows, classes: Sequence[str], seed: int) -> LoadedBranch:
    from fusion.branches.linear_member import fit_linear_member
    from fusion.branches.ngrams import train_ngrams

    reader = train_ngrams(rows["text"], rows["group"], text["min_groups"])
    spec = text_spec(text, classes=len(classes) if len(set(rows["label"])) > 1 else 0)
    module: Any = restore(spec)
    if module.linear_member is not None:
        module.linear_member = fit_linear_member(rows, classes, reader, spec["linear_member"]["rows"], seed)
    return LoadedBranch(module, spec, "random", reader)


def _start_linear(text: dict[str, Any], rows: Rows, classes: Sequence[str], seed: int) -> LoadedBranch:
    from fusion.branches.linear import Characters, fit_linear

    tokenizer = Characters(text["features"], text["longest"])
    module = fit_linear(rows["text"], rows["label"], classes, tokenizer, seed)
    return LoadedBranch(module, text_spec(text, classes=module.dim), "fitted", tokenizer)


def _start_hugging_face(text: dict[str, Any], rows: Rows, _classes: Sequence[str], _seed: int) -> LoadedBranch:
    from fusion.branches.text import from_architecture, from_folder
    from fusion.branches.tokenizer import Bpe, train_tokenizer
    from fusion.branches.weights import find_text_weights

    origin = find_text_weights(text["model"], text["weights"])
    if origin.path is None:
        tokenizer = train_tokenizer(rows["text"], text["architecture"]["vocab_size"])
        module = from_architecture(text["architecture"], text["pooling"])
    else:
        module, tokenizer = from_folder(origin.path, text["pooling"])
    spec = text_spec(text | {"architecture": module.architecture})
    return LoadedBranch(module, spec, origin.kind, Bpe(tokenizer, text["max_tokens"]), origin.which)


TEXT: dict[str, Callable[[dict[str, Any], Rows, Sequence[str], int], LoadedBranch]] = {
    "nano": _start_nano,
    "ngram": _start_linear,
    "ladder": _start_ladder,
    "scratch": _start_ladder,
    "codeberta": _start_hugging_face,
    "hf": _start_hugging_face,
}


def create_image(backbone: dict[str, Any], input_shape: int) -> LoadedBranch:
    """conf/backbone and the pictures' side in pixels -> the image branch."""
    from fusion.branches.image import TimmBackbone, check
    from fusion.branches.weights import find_image_weights

    check(backbone["model"])
    origin = find_image_weights(backbone["model"], backbone["weights"])
    fields = {"model": backbone["model"], "input_shape": input_shape}
    fields |= {key: backbone[key] for key in ("channels", "pooling") if key in backbone}
    return LoadedBranch(
        TimmBackbone(**fields, origin=origin), {"name": "timm", **fields}, origin.kind, which=origin.which
    )


def restore(spec: dict[str, Any]) -> "nn.Module":
    """A spec -> the branch it describes, with random weights; nothing is downloaded or imported by name."""
    fields = dict(spec)
    match fields.pop("name"):
        case "ladder":
            from fusion.branches.ladder import Ladder

            return Ladder(**fields)
        case "nano":
            from fusion.branches.nano import HashEmbedding

            return HashEmbedding(**fields)
        case "linear":
            from fusion.branches.linear import Linear

            return Linear(**fields)
        case "hf":
            from fusion.branches.text import from_architecture

            return from_architecture(fields["architecture"], fields["pooling"])
        case "timm":
            from fusion.branches.image import TimmBackbone
            from fusion.branches.weights import WeightSource

            return TimmBackbone(**fields, origin=WeightSource("random"))
        case unknown:
            raise UserError(f"This model has a branch of kind {unknown!r}, which this version of fusion does not know.")


def restore_tokenizer(content: str, spec: dict[str, Any]) -> Tokenizer:
    """What Tokenizer.to_json gave, and the spec of its branch -> the same tokenizer."""
    fields = json.loads(content)
    match fields.get("kind"):
        case "ngrams":
            from fusion.branches.ngrams import Ngrams

            return Ngrams(fields["known"])
        case "characters":
            from fusion.branches.linear import Characters

            return Characters(fields["features"], fields["longest"])
        case "bytes":
            from fusion.branches.tokenizer import Bytes

            return Bytes(spec["max_tokens"])
    import tokenizers

    from fusion.branches.tokenizer import Bpe

    return Bpe(tokenizers.Tokenizer.from_str(content), spec["max_tokens"])
