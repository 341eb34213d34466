"""Branches of each modality, fused -> logits (B, C) of them all, and what each says alone."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from fusion.branches.linear_member import LinearMember, rows_for
from fusion.model import heads
from fusion.model.members import Members
from fusion.reading.transcript import QUALITY

READ = "read"  # the modality of what was read in a picture: the text branch sees it too
COLOURS = "colours"  # what was read, its coloured words marked: see screenshots/word_colours.py
ALL, NETWORK, LINEAR = "all", "network", "linear"  # answers beside those of each modality
AVERAGES = ("average", "stacking")  # fusions of answers, not of features

Answers = dict[str, torch.Tensor]  # logits (B, C) by whose answer it is


class LateFusion(nn.Module):
    """Batch -> logits. How the features of the branches are fused, see heads.py; an ablation is one branch fewer.

    A modality that a sample lacks (`present`) counts as zeros or, with missing=learned, as an embedding that is
    learned. While training, each sample loses one of its modalities with the chance `modality_dropout`, so that the
    head learns to do with either and relies on neither (Neverova et al. 2015, ModDrop).

    Where each branch has a head of its own (`auxiliary`, and the fusions `average` and `stacking`), a sample that has
    one modality only is answered by that head. What branches with `outputs_logits` or a `linear_member` are, see
    branches/__init__.py: the first have no head, the second are averaged with the network, see members.py.
    """

    def __init__(
        self, branches: Mapping[str, Any], classes: int, hidden: Sequence[int], dropout: float,
        modality_dropout: float = 0.0, name: str = "concat", width: int = 128, auxiliary: float = 0.0,
        missing: str = "zeros", read: bool = False, colours: int = 0,
    ):  # fmt: skip
        """colours: weights of a linear member of what is read with its colours; 0: there is none."""
        super().__init__()
        if not branches:
            raise ValueError("a model needs at least one branch")
        self.name, self.modality_dropout, self.auxiliary = name, modality_dropout, auxiliary
        self.branches = nn.ModuleDict(branches)
        self.modalities = [*branches, *([READ] if read else [])]
        self.widths = {of: int(branch.dim) for of, branch in branches.items()}
        if read:
            self.widths[READ] = self.widths["text"] + QUALITY
        several, widths = len(self.modalities) > 1, [*self.widths.values()]
        if any(getattr(branch, "outputs_logits", False) for branch in branches.values()):
            self.head: nn.Module = nn.Identity()
        elif name in AVERAGES and several:
            self.head = nn.ModuleDict()  # those of the branches are all there is
        else:
            self.head = self._make_head(name, widths, classes, hidden, dropout, width)
        has_alone = several and (auxiliary > 0 or name in AVERAGES)
        self.alone = nn.ModuleDict(
            {of: nn.Sequential(*heads.mlp(self.widths[of], hidden, dropout, classes)) for of in self.modalities}
            if has_alone else {}
        )  # fmt: skip
        learned = several and missing == "learned" and modality_dropout > 0
        self.missing = nn.ParameterDict(
            {of: nn.Parameter(torch.zeros(self.widths[of])) for of in self.modalities} if learned else {}
        )
        rows = rows_for(colours, classes)
        self.colours = LinearMember(rows, classes) if rows else None  # fitted by training/colours.py
        self.members = self._make_members() if several else None

    def _make_head(
        self, name: str, widths: list[int], classes: int, hidden: Sequence[int], dropout: float, width: int
    ) -> nn.Module:
        match name:
            case "gated":
                return heads.Gated(widths, classes, hidden, dropout, width)
            case "bilinear":
                return heads.Bilinear(widths, classes, hidden, dropout, width)
            case "attention":
                tokens = [getattr(self.branches[of], "token_shape", None) for of in self.branches]
                shapes = [token or (1, of_branch) for token, of_branch in zip(tokens, widths, strict=False)]
                return heads.CrossAttention(
                    [*shapes, *((1, of_rest) for of_rest in widths[len(shapes) :])], classes, hidden, dropout, width
                )
            case _:
                return heads.Concat(widths, classes, hidden, dropout)

    def _make_members(self) -> Members | None:
        """Return the average of the network, or of the head of each branch, and the linear members of texts."""
        texts = [of for of in self.modalities if of in ("text", READ)]
        linear = texts if getattr(self.branches["text"], "linear_member", None) is not None else []
        if self.name in AVERAGES:
            shares = {of: 0.5 if of in linear else 1.0 for of in self.modalities}
        elif linear:
            shares = {NETWORK: 1.0}
        else:
            return None
        shares |= {f"{LINEAR} {of}": shares.get(of, 1.0) for of in linear}
        shares |= {f"{LINEAR} {COLOURS}": 1.0} if self.colours is not None else {}
        return Members([*shares], [*shares.values()], QUALITY)

    @property
    def size(self) -> int:
        """Return the number of parameters and of weights that were fitted before training."""
        return sum(p.numel() for p in self.parameters()) + sum(getattr(part, "fitted", 0) for part in self.modules())

    @property
    def averages(self) -> bool:
        """Return whether answers are fused and not features: each branch is trained by itself."""
        return isinstance(self.head, nn.ModuleDict)

    @property
    def fits_members(self) -> bool:
        """Return whether the weights of an average are to be fitted on validation once the network is trained."""
        return self.members is not None and self.name != "average"

    def head_parameters(self) -> list[nn.Parameter]:
        """Return all parameters that belong to no branch."""
        return [parameter for name, parameter in self.named_parameters() if not name.startswith("branches.")]

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Batch -> logits (B, C). Probabilities of several tiles a sample, image (B, K, H, W, 3), are averaged.

        In place of pictures a batch may hold what the branch would make of them: features {"image": (B, [K,] D)}.
        """
        return self.answers(batch)[ALL]

    def answers(self, batch: Mapping[str, Any]) -> Answers:
        """Batch -> logits (B, C): "all", then what each modality says alone, if there are several.

        Beside them "network", the fused network without linear members, "linear", that of the text alone, and
        "colours", that of what was read with its colours, where there are such. While training they are what `fuse`
        says.
        """
        features = self._features(batch)
        present = torch.stack([batch["present"][of] for of in self.modalities], dim=1)  # (B, M)
        image = features.get("image")
        if image is None or image.ndim == 2:
            return self._answers(batch, features, present)
        tiles = [self._answers(batch, features | {"image": tile}, present) for tile in image.unbind(1)]
        return {of: _mean([tile[of] for tile in tiles]) for of in tiles[0]}

    def fuse(self, features: dict[str, torch.Tensor], present: torch.Tensor) -> Answers:
        """Features of each modality (B, D_i), and which of them a sample has (B, M) -> what the network says.

        That is "all" but for fusions that only average, and what each branch with a head of its own says.
        """
        alone = self._alone(features)
        return alone if self.averages else {ALL: self._network(features, present, {})} | alone

    def _alone(self, features: dict[str, torch.Tensor]) -> Answers:
        return {of: head(features[of]) for of, head in self.alone.items()}

    def _features(self, batch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Return the features of each modality (B, D_i), of pictures in tiles (B, K, D_i)."""
        given = batch.get("features", {})
        has = batch["present"][self.modalities[0]]  # (B,)
        features = {}
        for of in self.modalities:
            if of in given:
                features[of] = given[of]
            elif of not in batch:
                features[of] = has.new_zeros(has.shape[0], self.widths[of], dtype=torch.float32)
            elif of == READ:
                features[of] = torch.cat([self.branches["text"](batch[of]), batch[of]["quality"]], dim=1)
            elif of == "image" and batch[of].ndim == 5:
                features[of] = torch.stack([self.branches[of](tile) for tile in batch[of].unbind(1)], dim=1)
            else:
                features[of] = self.branches[of](batch[of])
        return features

    def _answers(self, batch: Mapping[str, Any], features: dict[str, torch.Tensor], present: torch.Tensor) -> Answers:
        if self.training:
            answers = self.fuse(features, self._drop_modality(present) if self.modality_dropout else present)
            return answers if ALL in answers else {ALL: self._average(answers, {}, present, batch)} | answers
        alone, linear = self._alone(features), self._linear(batch)
        answers = {ALL: self._whole(batch, features, present, alone, linear)}
        if len(self.modalities) == 1:
            return answers
        if linear:
            answers[NETWORK] = self._whole(batch, features, present, alone, {})
            answers[LINEAR] = linear.get("text", answers[NETWORK])
        if COLOURS in linear:
            answers[COLOURS] = linear[COLOURS]
        for i, of in enumerate(self.modalities):
            only = torch.zeros_like(present)
            only[:, i] = True
            network = alone[of] if of in alone else self._network(features, only, {})
            answers[of] = _mean([network, linear[of]]) if of in linear else network
        return answers

    def _whole(
        self, batch: Mapping[str, Any], features: dict[str, torch.Tensor], present: torch.Tensor, alone: Answers,
        linear: Answers,
    ) -> torch.Tensor:  # fmt: skip
        """Return the answer of the network and its linear members for the modalities that are present."""
        if self.members is not None:
            return self._average(alone, linear, present, batch, features)
        network = self._network(features, present, alone)
        if "text" in linear:  # of a model of texts alone; it is there whenever the text is
            both = _mean([network.float(), linear["text"]])
            return torch.where(present[:, :1], both, network)
        return network

    def _network(self, features: dict[str, torch.Tensor], present: torch.Tensor, alone: Answers) -> torch.Tensor:
        """Return the logits of the head, and of the head of its branch for a sample that has one modality."""
        if isinstance(self.head, nn.Identity):
            return features[self.modalities[0]]
        given = []
        for i, of in enumerate(self.modalities):
            absent = self.missing[of] if of in self.missing else torch.zeros((), device=present.device)
            given.append(torch.where(present[:, i, None], features[of], absent.to(features[of].dtype)))  # (B, D_i)
        logits: torch.Tensor = self.head(given, present)  # (B, C)
        if alone:
            of_one = torch.stack([alone[of] for of in self.modalities], dim=1)  # (B, M, C)
            number = present.int().argmax(1)  # (B,), of the first modality
            chosen = of_one.gather(1, number[:, None, None].expand(-1, 1, of_one.shape[2]))[:, 0]  # (B, C)
            logits = torch.where((present.sum(1) == 1)[:, None], chosen, logits)
        return logits

    def _average(
        self, alone: Answers, linear: Answers, present: torch.Tensor, batch: Mapping[str, Any],
        features: dict[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """Return the average of all members that are there, as logarithms of probabilities (B, C)."""
        logits, there, quality = self.of_members(alone, linear, present, batch, features)
        assert self.members is not None
        return self.members(logits, there, quality)

    def of_members(
        self, alone: Answers, linear: Answers, present: torch.Tensor, batch: Mapping[str, Any],
        features: dict[str, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
        """Return the logits of each member (B, N, C), which a sample has (B, N), and how well it was read (B, Q)."""
        assert self.members is not None
        has = dict(zip(self.modalities, present.unbind(1), strict=True))
        if COLOURS in linear:
            has[COLOURS] = has[READ] & has["image"]  # characters and their colours
        logits, there = [], []
        for name in self.members.names:
            of = name.removeprefix(f"{LINEAR} ")
            if name == NETWORK:
                assert features is not None
                logits.append(self._network(features, present, alone).float())
                there.append(present.any(1))
            elif of != name:
                logits.append(linear[of] if of in linear else torch.zeros_like(logits[0]))
                there.append(has[of] if of in linear else torch.zeros_like(present[:, 0]))
            else:
                logits.append(alone[of].float())
                there.append(has[of])
        quality = present.new_zeros(present.shape[0], QUALITY, dtype=torch.float32)
        if READ in has and READ in batch:
            quality = batch[READ]["quality"].float() * has[READ][:, None]
        return torch.stack(logits, 1), torch.stack(there, 1), quality

    def member_logits(self, batch: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch -> what its average is made of, and fitted on: see `of_members`. Tiles of a picture are averaged."""
        features, linear = self._features(batch), self._linear(batch)
        present = torch.stack([batch["present"][of] for of in self.modalities], dim=1)  # (B, M)
        image = features.get("image")
        tiles = image.unbind(1) if image is not None and image.ndim == 3 else [image]
        seen = [features if tile is None else features | {"image": tile} for tile in tiles]
        made = [self.of_members(self._alone(each), linear, present, batch, each) for each in seen]
        return _mean([logits for logits, _, _ in made], dim=2), made[0][1], made[0][2]

    def _linear(self, batch: Mapping[str, Any]) -> Answers:
        """Return the log-probabilities of the linear member of each text, given or read, and read with its colours."""
        member = getattr(self.branches["text"], "linear_member", None) if "text" in self.branches else None
        answers = {of: member(batch[of]) for of in ("text", READ) if member is not None and of in batch}
        if self.colours is not None and COLOURS in batch:
            answers[COLOURS] = self.colours(batch[COLOURS])
        return answers

    def _drop_modality(self, present: torch.Tensor) -> torch.Tensor:
        """(B, M) bool -> the same; rows with several modalities lose one by chance, which is drawn evenly."""
        rows, modalities = present.shape
        loses = (torch.rand(rows, device=present.device) < self.modality_dropout) & (present.sum(1) > 1)  # (B,)
        number = (torch.rand(rows, modalities, device=present.device) * present).argmax(1)  # (B,)
        return present & ~(loses[:, None] & nn.functional.one_hot(number, modalities).bool())


def _mean(logits: Sequence[torch.Tensor], dim: int = 1) -> torch.Tensor:
    """Return the logarithm of the mean of the probabilities; dim: of the classes."""
    return torch.stack([each.float().log_softmax(dim) for each in logits]).logsumexp(0) - math.log(len(logits))
