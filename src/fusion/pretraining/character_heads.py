"""Maps of a network -> how well they tell which characters a picture shows: what is taught beside the label.

Characters are hundreds of answers instead of one, and what a network needs to read. Both heads are thrown away
afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from fusion.config.errors import UserError
from fusion.pretraining.character_targets import CHARACTERS

RARE = -3.0  # logit that Occurring starts from: one part in twenty shows a given character


class Occurring(nn.Linear):
    """Which characters occur in each part of the last map."""

    WEIGHT = 20.0  # of a mean over hundreds of characters, beside the loss of one label

    def __init__(self, channels: int):
        super().__init__(channels, CHARACTERS)
        nn.init.constant_(self.bias, RARE)

    def watching(self, net: nn.Module) -> Any:
        return nullcontext()

    def loss(self, maps: torch.Tensor, characters: torch.Tensor) -> torch.Tensor:
        """(B, M, h, w) of the last map, (B, h, w, CHARACTERS) 0 or 1 -> ()."""
        return F.binary_cross_entropy_with_logits(self(maps.permute(0, 2, 3, 1)).float(), characters)


class Standing(nn.Linear):
    """Which character stands in each cell of a finer map, the network's own at that stride."""

    WEIGHT = 1.0

    def __init__(self, net: nn.Module, stride: int):
        """Raise UserError where the network has no such map."""
        self.module, channels = _map_of(net, stride)
        super().__init__(channels, CHARACTERS + 1)
        self.maps: torch.Tensor | None = None

    @contextmanager
    def watching(self, net: nn.Module) -> Iterator[None]:
        """Keep the finer map of what `net` is asked inside."""
        handle = net.get_submodule(self.module).register_forward_hook(self._keep)
        try:
            yield
        finally:
            handle.remove()

    def _keep(self, module: nn.Module, given: Any, maps: torch.Tensor) -> None:
        self.maps = maps

    def loss(self, maps: torch.Tensor, characters: torch.Tensor) -> torch.Tensor:
        """Last map, (B, h, w) number of the character in each cell and 0 for none -> ().

        Cells with a character and without count alike, however few there are of one kind.
        """
        assert self.maps is not None, "asked for outside of watching()"
        finer, self.maps = self.maps, None
        each = F.cross_entropy(self(finer.permute(0, 2, 3, 1)).float().flatten(0, 2), characters.flatten().long(),
                               reduction="none")  # fmt: skip
        ink = characters.flatten() > 0
        return (each * ink).sum() / ink.sum().clamp(min=1) + (each * ~ink).sum() / (~ink).sum().clamp(min=1)


def _map_of(net: Any, stride: int) -> tuple[str, int]:
    """Return the module that makes the map of that stride, and its channels."""
    info = getattr(net, "feature_info", None) or ()
    maps = {each["reduction"]: each for each in getattr(info, "info", info)}
    if stride not in maps:
        known = ", ".join(map(str, sorted(maps))) or "none"
        raise UserError(
            f"pretraining.character_stride={stride} is no map of this backbone, whose maps have strides {known}; pass "
            "one of them, or null."
        )
    return str(maps[stride]["module"]), int(maps[stride]["num_chs"])
