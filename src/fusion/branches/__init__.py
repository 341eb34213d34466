"""How each modality is read: the one registry of branches.

A branch is an nn.Module with `.dim` and forward(batch[name]) -> (B, dim). It is created once, for training, from a part
of the configuration, and restored later from its spec: plain values that are stored beside the weights. Where
`.outputs_logits` is true its features are logits: nothing is fused with them and nothing in it learns. A branch with a
`.linear_member` gives log-probabilities (B, classes) too, which are averaged with the answer of the network. One with a
`.token_shape` gives that many tokens of so many features, one after the other, for a fusion that looks at each of them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fusion.config.branches import Backbone, HuggingFace, Micro, Nano, NgramBaseline, TextOptions, Transformer
from fusion.config.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn


class Tokenizer(Protocol):
    """Texts -> what the text branch reads: at least input_ids (B, T) and attention_mask (B, T), also in numpy."""

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]": ...

    def arrays(self, texts: Sequence[str]) -> "dict[str, np.ndarray]": ...

    def to_json(self) -> str: ...


@dataclass(frozen=True)
class LoadedBranch:
    """A branch ready to be trained."""

    module: "nn.Module"
    spec: dict[str, Any]  # what `restore` needs
    weights: str  # random, hub, file, code or fitted: what it really starts from
    tokenizer: Tokenizer | None = None  # of a text branch
    weights_id: str | None = None  # the name of published weights, the sha256 of a file


Rows = Mapping[str, Sequence[str]]  # training rows as columns: text, group, label


def create_text(text: TextOptions, rows: Rows, classes: Sequence[str] = (), seed: int = 0) -> LoadedBranch:
    """conf/text, the training rows and all classes -> the text branch and its tokenizer.

    Raises WeightsUnavailable when pretrained weights cannot be had.
    """
    return TEXT[text.name](text, rows, classes, seed)


def text_spec(text: TextOptions, vocabulary: int | None = None, classes: int = 0) -> dict[str, Any]:
    """conf/text -> the spec of its branch, with the largest vocabulary where no tokenizer is trained yet."""
    match text:
        case Nano():
            from fusion.branches.linear_member import rows_for

            rows = rows_for(text.ensemble_weights, classes)
            linear_member = {"linear_member": {"rows": rows, "classes": classes}} if rows else {}
            return {"name": "nano", **_options(text, "buckets", "num_hashes", "dim", "ngram_dropout")} | linear_member
        case Micro():
            from fusion.branches.linear_member import rows_for

            return {"name": "micro", "rows": rows_for(text.weights, max(classes, 2)), "classes": classes}
        case NgramBaseline():
            return {"name": "linear", "features": text.features, "classes": classes}
        case Transformer():
            sizes = _options(text, "variant", "max_tokens", "dim", "blocks", "heads", "dropout")
            return {"name": "ladder", "vocabulary": vocabulary or text.vocabulary, **sizes}
        case HuggingFace():
            return {"name": "hf", **_options(text, "architecture", "pooling", "max_tokens")}
    raise ValueError("text=none has no branch")


def _options(options: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names}


def _create_ladder(text: Transformer, rows: Rows, _classes: Sequence[str], _seed: int) -> LoadedBranch:
    from fusion.branches.tokenizer import Bpe, Bytes, train_tokenizer

    tokenizer: Tokenizer
    if text.tokenizer == "bytes":
        tokenizer, vocabulary = Bytes(text.max_tokens), Bytes.vocabulary
    else:
        bpe = train_tokenizer(rows["text"], text.vocabulary)
        tokenizer, vocabulary = Bpe(bpe, text.max_tokens), bpe.get_vocab_size()
    spec = text_spec(text, vocabulary)
    return LoadedBranch(restore(spec), spec, "random", tokenizer)


def _create_nano(text: Nano, rows: Rows, classes: Sequence[str], seed: int) -> LoadedBranch:
    from fusion.branches.linear_member import fit_linear_member
    from fusion.branches.ngrams import train_ngrams

    tokenizer = train_ngrams(rows["text"], rows["group"], text.min_groups)
    spec = text_spec(text, classes=len(classes) if len(set(rows["label"])) > 1 else 0)
    module: Any = restore(spec)
    if module.linear_member is not None:
        module.linear_member = fit_linear_member(rows, classes, tokenizer, spec["linear_member"]["rows"], seed)
    return LoadedBranch(module, spec, "random", tokenizer)


def _create_micro(text: Micro, rows: Rows, classes: Sequence[str], seed: int) -> LoadedBranch:
    from fusion.branches.linear_member import fit_linear_member
    from fusion.branches.ngrams import train_ngrams

    tokenizer = train_ngrams(rows["text"], rows["group"], text.min_groups, linear_only=True)
    spec = text_spec(text, classes=len(classes))
    return LoadedBranch(fit_linear_member(rows, classes, tokenizer, spec["rows"], seed), spec, "fitted", tokenizer)


def _create_linear(text: NgramBaseline, rows: Rows, classes: Sequence[str], seed: int) -> LoadedBranch:
    from fusion.branches.characters import Characters
    from fusion.branches.linear import fit_linear

    tokenizer = Characters(text.features, text.max_ngram)
    module = fit_linear(rows["text"], rows["label"], classes, tokenizer, seed)
    return LoadedBranch(module, text_spec(text, classes=module.dim), "fitted", tokenizer)


def _create_hugging_face(text: HuggingFace, rows: Rows, _classes: Sequence[str], _seed: int) -> LoadedBranch:
    from fusion.branches.text import from_architecture, from_folder
    from fusion.branches.tokenizer import Bpe, train_tokenizer
    from fusion.branches.weights import find_text_weights

    source = find_text_weights(text.model, text.weights)
    if source.path is None:
        tokenizer = train_tokenizer(rows["text"], text.architecture["vocab_size"])
        module = from_architecture(text.architecture, text.pooling)
    else:
        module, tokenizer = from_folder(source.path, text.pooling)
    spec = text_spec(text) | {"architecture": module.architecture}
    return LoadedBranch(module, spec, source.kind, Bpe(tokenizer, text.max_tokens), source.weights_id)


TEXT: dict[str, Callable[[Any, Rows, Sequence[str], int], LoadedBranch]] = {
    "nano": _create_nano,
    "micro": _create_micro,
    "ngram": _create_linear,
    "ladder": _create_ladder,
    "scratch": _create_ladder,
    "codeberta": _create_hugging_face,
    "hf": _create_hugging_face,
}


def create_image(backbone: Backbone, input_shape: int) -> LoadedBranch:
    """conf/backbone and the side of the pictures in pixels -> the image branch."""
    from fusion.branches.image import TimmBackbone, check
    from fusion.branches.weights import find_image_weights

    if backbone.model is None:
        raise UserError(f"backbone={backbone.name} has no model; pass backbone.model=NAME, one that timm knows.")
    check(backbone.model)
    source = find_image_weights(backbone.model, backbone.weights)
    fields = {"model": backbone.model, "input_shape": input_shape, **_options(backbone, "channels", "pooling")}
    module = TimmBackbone(**fields, source=source)
    return LoadedBranch(module, {"name": "timm", **fields}, source.kind, weights_id=source.weights_id)


def restore(spec: dict[str, Any]) -> "nn.Module":
    """Spec -> the branch it describes, with random weights; nothing is downloaded or imported by name."""
    fields = dict(spec)
    match fields.pop("name"):
        case "ladder":
            from fusion.branches.ladder import Ladder

            return Ladder(**fields)
        case "nano":
            from fusion.branches.nano import HashEmbedding

            return HashEmbedding(**fields)
        case "micro":
            from fusion.branches.linear_member import LinearMember

            return LinearMember(**fields)
        case "linear":
            from fusion.branches.linear import Linear

            return Linear(**fields)
        case "hf":
            from fusion.branches.text import from_architecture

            return from_architecture(fields["architecture"], fields["pooling"])
        case "timm":
            from fusion.branches.image import TimmBackbone
            from fusion.branches.weights import WeightSource

            return TimmBackbone(**fields, source=WeightSource("random"))
        case unknown:
            raise UserError(f"This model has a branch of kind {unknown!r}, which this version of fusion does not know.")


def restore_tokenizer(content: str, spec: dict[str, Any]) -> Tokenizer:
    """JSON of Tokenizer.to_json, and the spec of its branch -> the same tokenizer."""
    fields = json.loads(content)
    match fields.get("kind"):
        case "ngrams":
            from fusion.branches.ngrams import Ngrams

            return Ngrams(fields["known"], fields["linear_only"])
        case "characters":
            from fusion.branches.characters import Characters

            return Characters(fields["features"], fields["max_ngram"])
        case "bytes":
            from fusion.branches.tokenizer import Bytes

            return Bytes(spec["max_tokens"])
    import tokenizers

    from fusion.branches.tokenizer import Bpe

    return Bpe(tokenizers.Tokenizer.from_str(content), spec["max_tokens"])
