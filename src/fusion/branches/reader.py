"""Pictures (B, 3, H, W) -> features (B, 337), by the recognizer that reads screenshots (fusion ocr).

What it sees of every place is pooled: the mean of its last map, weighted by ink, and how often each character was
read. A picture of code is thereby told by its characters and by what stands around them.
"""

import torch
import torch.nn.functional as F
from torch import nn

from fusion.reading.alphabet import CELL_HEIGHT, CLASSES
from fusion.reading.recognizer import Recognizer

CONFIGURATION = {
    "input_size": (3, 256, 256), "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "interpolation": "bilinear",
}  # fmt: skip


class ReaderNet(nn.Module):
    """A Recognizer with the methods that timm's networks have."""

    pretrained_cfg = CONFIGURATION

    def __init__(self) -> None:
        super().__init__()
        self.recognizer = Recognizer()
        self.num_features = self.recognizer.dim + CLASSES

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 1 or 3, H, W) from 0 to 1 -> (B, channels, H / 8, W / 4)."""
        down, right = -x.shape[2] % CELL_HEIGHT, -x.shape[3] % CELL_HEIGHT
        if down or right:
            x = F.pad(x, (0, right, 0, down), mode="replicate")
        return self.recognizer.features(255 * x.expand(-1, 3, -1, -1).permute(0, 2, 3, 1))

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        hidden = self.recognizer.neck(maps)  # (B, hidden, h, w)
        ink = self.recognizer.cells(hidden)[:, :1].sigmoid()  # (B, 1, h, w)
        share = ink / ink.sum((2, 3), keepdim=True).clamp(min=1e-3)
        characters = self.recognizer.characters(hidden.permute(0, 2, 3, 1)).softmax(3).permute(0, 3, 1, 2)
        return torch.cat([(maps * share).sum((2, 3)), (characters * share).sum((2, 3))], dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))
