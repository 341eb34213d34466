"""A trained network -> its graphs: text, image and head, each a module that torch.onnx can export."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from fusion.exports.ngram_graphs import Columns, for_onnx
from fusion.model.checkpoint import Model
from fusion.model.late_fusion import ALL, COLOURS, READ, LateFusion
from fusion.reading.recognizer import Recognizer
from fusion.reading.transcript import QUALITY

TOKENS = ("attention_mask", "input_ids")  # what branches read that do not say otherwise


class TextGraph(nn.Module):
    """Columns of a tokenizer -> features (B, D) and, where the branch has a linear member, its answer (B, C).

    Of a model without pictures: logits (B, C) too.
    """

    takes_many = True

    def __init__(self, net: LateFusion, int8: bool):
        super().__init__()
        self.net = copy.copy(net)
        self.net._modules = dict(net._modules)  # the copy's own, so that the branch is replaced in it alone
        self.net.branches = nn.ModuleDict({**net.branches, "text": for_onnx(net.branches["text"], int8)})
        self.reads: Any = getattr(self.net.branches["text"], "reads", TOKENS)
        self.is_alone = list(net.branches) == ["text"]

    @property
    def outputs(self) -> list[str]:
        has_member = getattr(self.net.branches["text"], "linear_member", None) is not None
        return ["features", *(["linear_member"] if has_member else []), *(["logits"] if self.is_alone else [])]

    def forward(self, columns: Columns) -> tuple[torch.Tensor, ...]:
        branch: Any = self.net.branches["text"]
        found = [branch(columns)]
        if "linear_member" in self.outputs:
            found.append(branch.linear_member(columns))
        if self.is_alone:
            present = torch.ones_like(columns[self.reads[0]][:, 0], dtype=torch.bool)
            found.append(self.net({"text": columns, "present": {"text": present}}))
        return tuple(found)


class ImageGraph(nn.Module):
    """Pictures (B, H, W, 3) uint8 -> features (B, D)."""

    outputs = ("features",)

    def __init__(self, branch: nn.Module):
        super().__init__()
        self.branch = branch

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.branch(image).flatten(1),)


class HeadGraph(nn.Module):
    """Features of every modality, which are present, and the answers of linear members -> logits (B, C).

    Of all that is present, and what each modality says alone. Whatever the fusion is, it is asked as training asks it:
    with features in place of what the branches read. How well a picture was read ends the features of `read`.
    """

    takes_many = True

    def __init__(self, net: LateFusion):
        super().__init__()
        self.net = copy.copy(net)
        self.net._modules = dict(net._modules)
        self.names = list(net.modalities)
        self.net.branches = nn.ModuleDict({name: _Given(branch) for name, branch in net.branches.items()})
        if net.colours is not None:
            self.net.colours = _Answer()  # type: ignore[assignment]
        self.views = [ALL, *(self.names if len(self.names) > 1 else ())]
        self.outputs = ["logits", *(f"logits_{view}" for view in self.views[1:])]

    def forward(self, given: Columns) -> tuple[torch.Tensor, ...]:
        batch: dict[str, Any] = {
            name: {"linear_member": given[f"{name}_linear_member"]}
            for name in (*self.names, COLOURS) if f"{name}_linear_member" in given
        }  # fmt: skip
        batch["features"] = {name: given[f"{name}_features"] for name in self.names}
        batch["present"] = {name: given[f"{name}_present"] for name in self.names}
        if READ in self.names:
            batch[READ] = batch.get(READ, {}) | {"quality": batch["features"][READ][:, -QUALITY:]}
        answers = self.net.answers(batch)
        return tuple(answers[view] for view in self.views)


class ColoursGraph(nn.Module):
    """Columns of a tokenizer, of what was read with its coloured words marked -> log-probabilities (B, C)."""

    takes_many, outputs = True, ("linear_member",)

    def __init__(self, net: LateFusion, int8: bool):
        super().__init__()
        assert net.colours is not None
        self.member: Any = for_onnx(net.colours, int8)
        self.reads: Any = self.member.reads

    def forward(self, columns: Columns) -> tuple[torch.Tensor]:
        return (self.member(columns),)


class _Given(nn.Module):
    """Stands in for a branch whose features and whose linear member's answer are given."""

    def __init__(self, branch: Any):
        super().__init__()
        self.dim = branch.dim
        self.outputs_logits = getattr(branch, "outputs_logits", False)
        self.linear_member = _Answer() if getattr(branch, "linear_member", None) is not None else None


class _Answer(nn.Module):
    """Stands in for a linear member whose answer is given."""

    def forward(self, given: Columns) -> torch.Tensor:
        return given["linear_member"]


class ReaderGraph(nn.Module):
    """A picture (H, W, 3) uint8, both sides multiples of 8 -> what TorchNetwork.look says of its cells."""

    outputs = ("hidden", "ink", "sizes", "roles")

    def __init__(self, net: Recognizer):
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps = self.net(image[None])
        return maps.hidden[0].permute(1, 2, 0), maps.ink[0].sigmoid(), maps.sizes[0], maps.roles[0].sigmoid()


class CharactersGraph(nn.Module):
    """Hidden values of cells (N, hidden) -> log-probabilities of their characters (N, CLASSES)."""

    outputs = ("characters",)

    def __init__(self, net: Recognizer):
        super().__init__()
        self.characters = net.characters

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.characters(hidden).log_softmax(1),)


def text_columns(graph: TextGraph | ColoursGraph, model: Model, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Texts -> the columns that the text graph takes, in the order of their names."""
    assert model.tokenizer is not None
    columns = model.tokenizer.arrays(texts)
    return {name: columns[name] for name in graph.reads}
