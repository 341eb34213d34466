"""Pictures (B, H, W, 3) uint8 -> for each cell of 8×4 pixels: which character stands there, where, and how large.

Plain 3×3 convolutions alone, which a CPU does best. The first layers see the picture at half its size, then at a
quarter; the last ones at an eighth of its height, for lines are twice as far apart as characters.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from fusion.reading.alphabet import CLASSES

AROUND = 32  # pixels, side of the neighbourhood that contrast is measured in


class Maps(NamedTuple):
    """What the network says of each cell; h = H / 8 rows, w = W / 4 columns."""

    hidden: torch.Tensor  # (B, hidden, h, w): what `Recognizer.characters` tells characters by
    ink: torch.Tensor  # (B, h, w) logits: whether a character stands here
    sizes: torch.Tensor  # (B, 4, h, w): offset to the character's centre in pitches and line heights, log of both
    roles: torch.Tensor  # (B, 2, h, w) logits of being a line number, and a title


class Recognizer(nn.Module):
    """Reads characters of 5 to 11 pixels' pitch; other sizes are found, and read after a change of scale.

    Which character stands in a cell is asked of inked cells alone: a call of `characters` with their hidden values.
    """

    def __init__(self, channels: int = 80, stem: tuple[int, int] = (32, 64), hidden: int = 128):
        super().__init__()
        self.dim = channels
        self.stem = nn.Sequential(
            convolution(12, stem[0]),
            convolution(stem[0], stem[1], stride=(2, 2)),  # (B, ., H / 4, W / 4)
            convolution(stem[1], stem[1]),
            convolution(stem[1], channels, stride=(2, 1)),  # (B, ., H / 8, W / 4)
        )
        self.body = nn.Sequential(Residual(channels), Residual(channels, dilation=2))
        self.neck = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True))
        self.cells = nn.Conv2d(hidden, 7, 1)
        self.characters = nn.Linear(hidden, CLASSES)

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) uint8, both sides multiples of 8 -> (B, channels, H / 8, W / 4)."""
        # on a CPU the one is faster forwards, the other backwards
        order = torch.contiguous_format if self.training else torch.channels_last
        features: torch.Tensor = self.body(self.stem(normalised(image).contiguous(memory_format=order)))
        return features

    def forward(self, image: torch.Tensor) -> Maps:
        hidden = self.neck(self.features(image))  # (B, hidden, h, w)
        cells = self.cells(hidden).float()  # (B, 7, h, w)
        return Maps(hidden, cells[:, 0], cells[:, 1:5], cells[:, 5:])


def normalised(image: torch.Tensor) -> torch.Tensor:
    """(B, H, W, 3) uint8 -> (B, 12, H / 2, W / 2) float: squares of four pixels, relative to their neighbourhood.

    Dark text on light ground and light text on dark come out alike but for their sign, faint text almost as bold.
    """
    batch, height, width, _ = image.shape
    squares = image.reshape(batch, height // 2, 2, width // 2, 2, 3).permute(0, 1, 3, 2, 4, 5)
    x = squares.reshape(batch, height // 2, width // 2, 12).permute(0, 3, 1, 2).float().div_(255)
    color = x.unflatten(1, (4, 3)).mean(1)  # (B, 3, H / 2, W / 2)
    grey = color.mean(1, keepdim=True)
    moments = _neighbourhood(torch.cat([color, grey * grey], dim=1))  # (B, 4, H / 2, W / 2)
    mean = moments[:, :3]
    variance = (moments[:, 3:] - mean.mean(1, keepdim=True) ** 2).clamp_(min=0)
    return (x - mean.repeat(1, 4, 1, 1)) / (variance.sqrt() + 0.04)


def _neighbourhood(x: torch.Tensor) -> torch.Tensor:
    """Return the means of x over squares of AROUND pixels, taken at every half of one and interpolated."""
    side = AROUND // 2  # x has half the picture's size
    small = F.avg_pool2d(x, side, side // 2, side // 4, ceil_mode=True, count_include_pad=False)
    return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)


def convolution(
    channels: int, out: int, stride: tuple[int, int] = (1, 1), dilation: int = 1, activation: bool = True
) -> nn.Sequential:
    """Return a 3×3 convolution, normalised."""
    layers = [nn.Conv2d(channels, out, 3, stride, dilation, dilation, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if activation else []))


class Residual(nn.Module):
    """Two convolutions whose result is added to what they saw."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels, dilation=dilation, activation=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(self.first(x)))
