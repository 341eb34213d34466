"""Training pictures (B, H, W, 3) uint8 -> the same, each changed in its own way, on whatever device they are.

torchvision draws one change for a whole batch; here each picture has its own, drawn from (seed, epoch, id), so that
batches, their order and resuming change nothing. Geometry is that of Keras' ImageDataGenerator, which two of the
sources used: the output is looked up in the input through rotation, shift, shear and zoom about the centre, then
flipped; what lies outside repeats the border.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from fusion.config.training import AugmentPolicy
from fusion.screenshots.style import hash_uniform, sample_key


class Augment:
    """Pictures (B, H, W, 3), their ids and the epoch -> changed pictures (B, H, W, 3) float, from 0 to 255."""

    def __init__(self, policy: AugmentPolicy, seed: int):
        self.policy, self.seed = policy, seed

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, ids: Sequence[str], epoch: int) -> torch.Tensor:
        keys = np.array([sample_key(self.seed, epoch, f"augment|{id}") for id in ids], np.uint64)
        drawn = torch.from_numpy(hash_uniform(keys, np.arange(12, dtype=np.uint64))).to(image.device, torch.float32)
        x = image.permute(0, 3, 1, 2).float()  # (B, 3, H, W)
        policy = self.policy
        turns = policy.rotation or policy.shear or policy.shift or policy.zoom
        if turns or policy.flip_horizontal or policy.flip_vertical:
            x = warp(x, geometry(policy, drawn[:, :8]))
        if policy.blur:
            x = blur(x, policy.blur * drawn[:, 8])
        if policy.contrast or policy.brightness:
            factor = 1 + policy.contrast * (2 * drawn[:, 9] - 1)  # (B,)
            offset = 255 * policy.brightness * (2 * drawn[:, 10] - 1)  # (B,)
            middle = x.mean((1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
            x = (x - middle) * factor.view(-1, 1, 1, 1) + middle + offset.view(-1, 1, 1, 1)
        if policy.noise:
            x = x + _noise(x, keys) * (255 * policy.noise * drawn[:, 11]).view(-1, 1, 1, 1)
        return x.clamp(0, 255).permute(0, 2, 3, 1)  # (B, H, W, 3)


def geometry(policy: AugmentPolicy, drawn: torch.Tensor) -> torch.Tensor:
    """Uniform numbers (B, 8) -> (B, 2, 3): where each place of the output lies in the input, x and y from -1 to 1."""
    swing = 2 * drawn - 1  # (B, 8)
    angle, shear = torch.deg2rad(policy.rotation * swing[:, 0]), torch.deg2rad(policy.shear * swing[:, 1])
    one, none = torch.ones_like(angle), torch.zeros_like(angle)
    turned = _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    sheared = _matrix(shear.cos(), none, -shear.sin(), one)
    flip_x = torch.where(drawn[:, 6] < policy.flip_horizontal, -one, one)
    flip_y = torch.where(drawn[:, 7] < policy.flip_vertical, -one, one)
    zoomed = _matrix((1 + policy.zoom * swing[:, 4]) * flip_x, none, none, (1 + policy.zoom * swing[:, 5]) * flip_y)
    shifted = turned @ (2 * policy.shift * swing[:, 2:4, None])  # (B, 2, 1), the side is 2 long
    return torch.cat([turned @ sheared @ zoomed, shifted], dim=2)


def _matrix(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    return torch.stack([a, b, c, d], dim=1).view(-1, 2, 2)


def warp(x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Pictures (B, 3, H, W) and where to look (B, 2, 3) -> (B, 3, H, W), bilinear."""
    grid = F.affine_grid(at, list(x.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def blur(x: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Blur each picture of (B, 3, H, W) by a Gaussian of its own deviation (B,) in pixels."""
    b, c, h, w = x.shape
    radius = max(1, int(3 * float(deviation.max()) + 0.5))
    steps = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)  # (K,)
    kernel = torch.exp(-0.5 * (steps / deviation.clamp(min=1e-3)[:, None]) ** 2)  # (B, K)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, dim=0)[:, None, None]  # (B * 3, 1, 1, K)
    flat = F.pad(x.reshape(1, b * c, h, w), [radius] * 4, mode="replicate")
    flat = F.conv2d(flat, kernel, groups=b * c)
    return F.conv2d(flat, kernel.transpose(2, 3), groups=b * c).view(b, c, h, w)


def _noise(x: torch.Tensor, keys: np.ndarray) -> torch.Tensor:
    """Return noise like x, of deviation 1, each picture from its own key."""
    source = torch.Generator(x.device)
    noise = [torch.randn(x.shape[1:], generator=source.manual_seed(int(key >> np.uint64(1))), device=x.device)
             for key in keys]  # fmt: skip
    return torch.stack(noise)
