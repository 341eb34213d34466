"""Training pictures (B, H, W, 3) uint8 -> the same, each changed in its own way, on whatever device they are.

torchvision draws one change for a whole batch; here each picture has its own, drawn from (seed, epoch, id), so that
batches, their order and resuming change nothing. Geometry is that of Keras' ImageDataGenerator, which two of the
sources used: the output is looked up in the input through rotation, shift, shear and zoom about the centre, then
flipped; what lies outside repeats the border.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from fusion.config import values
from fusion.screenshots.style import hash_uniform, sample_key


@dataclass(frozen=True)
class Policy:
    """How far each change goes, either way; 0 leaves it out. Everything is drawn evenly."""

    name: str = "none"
    rotation: float = 0.0  # degrees
    shear: float = 0.0  # degrees
    shift: float = 0.0  # share of the side, along the width and along the height
    zoom: float = 0.0  # share, along the width and along the height, in and out
    flip_horizontal: float = 0.0  # chance
    flip_vertical: float = 0.0  # chance
    contrast: float = 0.0  # share
    brightness: float = 0.0  # share of white
    blur: float = 0.0  # most, pixels (deviation of a Gaussian)
    noise: float = 0.0  # most, share of white (deviation of a Gaussian)


RULES: values.Rules = {
    "name": values.file_of("augment"),
    "rotation": values.number(lambda x: 0 <= x <= 180, "of degrees from 0 to 180"),
    "shear": values.number(lambda x: 0 <= x < 90, "of degrees from 0 to below 90"),
    "shift": values.SHARE,
    "zoom": values.BELOW_ONE,
    "flip_horizontal": values.SHARE,
    "flip_vertical": values.SHARE,
    "contrast": values.SHARE,
    "brightness": values.SHARE,
    "blur": values.number(lambda x: 0 <= x <= 32, "of pixels from 0 to 32"),
    "noise": values.SHARE,
}


def check(options: Mapping[str, Any]) -> None:
    """Raises UserError for values of `augment` that mean nothing."""
    values.check(options, RULES, "augment", complete=True)


class Augment:
    """A policy and a seed -> pictures, ids and the epoch -> changed pictures (B, H, W, 3) float, from 0 to 255."""

    def __init__(self, options: dict[str, Any], seed: int):
        check(options)
        self.policy, self.seed = Policy(**options), seed

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, ids: Sequence[str], epoch: int) -> torch.Tensor:
        keys = np.array([sample_key(self.seed, epoch, f"augment|{id}") for id in ids], np.uint64)
        drawn = torch.from_numpy(hash_uniform(keys, np.arange(12, dtype=np.uint64))).to(image.device, torch.float32)
        x = image.permute(0, 3, 1, 2).float()  # (B, 3, H, W)
        p = self.policy
        if p.rotation or p.shear or p.shift or p.zoom or p.flip_horizontal or p.flip_vertical:
            x = warp(x, geometry(p, drawn[:, :8]))
        if p.blur:
            x = blur(x, p.blur * drawn[:, 8])
        if p.contrast or p.brightness:
            factor, offset = (1 + p.contrast * (2 * drawn[:, 9] - 1), 255 * p.brightness * (2 * drawn[:, 10] - 1))
            middle = x.mean((1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
            x = (x - middle) * factor.view(-1, 1, 1, 1) + middle + offset.view(-1, 1, 1, 1)
        if p.noise:
            x = x + _noise(x, keys) * (255 * p.noise * drawn[:, 11]).view(-1, 1, 1, 1)
        return x.clamp(0, 255).permute(0, 2, 3, 1)  # (B, H, W, 3)


def geometry(p: Policy, drawn: torch.Tensor) -> torch.Tensor:
    """(B, 8) from 0 to 1 -> (B, 2, 3): where each place of the output lies in the input, x and y from -1 to 1."""
    swing = 2 * drawn - 1  # (B, 8)
    angle, shear = torch.deg2rad(p.rotation * swing[:, 0]), torch.deg2rad(p.shear * swing[:, 1])
    one, none = torch.ones_like(angle), torch.zeros_like(angle)
    turned = _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    sheared = _matrix(shear.cos(), none, -shear.sin(), one)
    flip_x = torch.where(drawn[:, 6] < p.flip_horizontal, -one, one)
    flip_y = torch.where(drawn[:, 7] < p.flip_vertical, -one, one)
    zoomed = _matrix((1 + p.zoom * swing[:, 4]) * flip_x, none, none, (1 + p.zoom * swing[:, 5]) * flip_y)
    moved = turned @ (2 * p.shift * swing[:, 2:4, None])  # (B, 2, 1), the side is 2 long
    return torch.cat([turned @ sheared @ zoomed, moved], dim=2)


def _matrix(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    return torch.stack([a, b, c, d], dim=1).view(-1, 2, 2)


def warp(x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) looked up through (B, 2, 3), bilinear."""
    grid = F.affine_grid(at, list(x.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def blur(x: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W), each picture by a Gaussian of its own deviation (B,) in pixels."""
    b, c, h, w = x.shape
    radius = max(1, int(3 * float(deviation.max()) + 0.5))
    steps = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)  # (K,)
    kernel = torch.exp(-0.5 * (steps / deviation.clamp(min=1e-3)[:, None]) ** 2)  # (B, K)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, dim=0)[:, None, None]  # (B * 3, 1, 1, K)
    flat = F.pad(x.reshape(1, b * c, h, w), [radius] * 4, mode="replicate")
    flat = F.conv2d(flat, kernel, groups=b * c)
    return F.conv2d(flat, kernel.transpose(2, 3), groups=b * c).view(b, c, h, w)


def _noise(x: torch.Tensor, keys: np.ndarray) -> torch.Tensor:
    """Like x, of deviation 1, each picture from its own key."""
    source = torch.Generator(x.device)
    made = [torch.randn(x.shape[1:], generator=source.manual_seed(int(key >> np.uint64(1))), device=x.device)
            for key in keys]  # fmt: skip
    return torch.stack(made)
