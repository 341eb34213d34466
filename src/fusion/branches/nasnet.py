"""NASNet-A (Mobile), which timm lacks: its NASNet-A (Large), narrower and with two cells fewer in each stage.

Zoph et al. 2018. Parameter names are those of the published weights. Importing this module registers
`nasnetmobile` with timm.
"""

from typing import Any

import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.nasnet import NASNetALarge
from torch import nn

LEFT_OUT = ("cell_4", "cell_5", "cell_10", "cell_11", "cell_16", "cell_17")

default_cfgs = generate_default_cfgs(
    {
        "nasnetmobile.untrained": {
            "input_size": (3, 224, 224), "num_classes": 1000, "pool_size": (7, 7), "interpolation": "bicubic",
            "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "first_conv": "conv0.conv", "classifier": "last_linear",
        }
    }
)  # fmt: skip


class NASNetAMobile(NASNetALarge):
    """Pictures (B, 3, H, W) -> logits (B, 1000), or features (B, 1056): NASNet-A (4 @ 1056)."""

    def __init__(self, **fields: Any):
        super().__init__(stem_size=32, channel_multiplier=2, num_features=1056, **fields)
        for name in LEFT_OUT:
            delattr(self, name)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 1056, H/32, W/32); each cell reads the outputs of the two before it."""
        first = self.conv0(x)
        before, x = first, self.cell_stem_0(first)
        before, x = x, self.cell_stem_1(before, x)
        before, x = self._cells(x, before, 0)
        before, x = x, self.reduction_cell_0(x, before)  # NASNet-A (Large) hands on the cell before last instead
        before, x = self._cells(x, before, 6)
        before, x = x, self.reduction_cell_1(x, before)
        before, x = self._cells(x, before, 12)
        return self.act(x)

    def _cells(self, x: torch.Tensor, before: torch.Tensor, start: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the four cells of a stage, and return the outputs of the last two."""
        for number in range(start, start + 4):
            before, x = x, getattr(self, f"cell_{number}")(x, before)
        return before, x

    def forward_intermediates(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("nasnetmobile gives its last features only")


@register_model
def nasnetmobile(pretrained: bool = False, **fields: Any) -> nn.Module:
    """Return NASNet-A (4 @ 1056): 5.29 million parameters, 4.23 million without the classifier."""
    net: nn.Module = build_model_with_cfg(
        NASNetAMobile, "nasnetmobile", pretrained, feature_cfg={"feature_cls": "hook", "no_rewrite": True}, **fields
    )
    return net
