"""Pictures (B, 3, H, W) -> features (B, 128), by the small CNN of the notebook (docs/sources.md)."""

import torch
from torch import nn

CONFIGURATION = {
    "input_size": (3, 64, 64), "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "interpolation": None,
}  # fmt: skip


class ConvNet(nn.Module):
    """Two convolutions and a dense layer, for pictures of 64 × 64 scaled to 0-1; no published weights.

    54 thousand parameters at 64 px, without padding as in Keras; the dense layer is linear, as in the source.
    """

    pretrained_cfg = CONFIGURATION

    def __init__(self, input_shape: int, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 32, kernel_size=5, stride=3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, stride=2), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        with torch.no_grad():
            width = self.layers(torch.zeros(1, channels, input_shape, input_shape)).numel()  # 64 * 2 * 2 at 64 px
        self.dense = nn.Linear(width, 128)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # (B, 64, h, w)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        return self.dense(maps.flatten(1))  # (B, 128)
