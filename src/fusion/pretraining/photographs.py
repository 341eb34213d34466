"""A picture -> a photograph of the screen that shows it: seen at an angle, striped, unevenly lit, noisy."""

import numpy as np
from PIL import Image, ImageFilter

from fusion.reading.view import View

FARTHEST = 0.09  # of a side, how far a corner is seen from where it would be from straight ahead


def draw_view(side: int, rng: np.random.Generator) -> View:
    """Return how a camera sees a part of a screen, `side` pixels wide and high: nothing beside it is seen."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    outwards = np.where(corners == 0, -1, 1) * rng.uniform(0, FARTHEST, (4, 2))
    return View.of_corners((side, side), (corners + outwards) * side)


def photograph(picture: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> the same shape. view: of the picture's own pixels."""
    height, width = picture.shape[:2]
    seen = Image.fromarray(picture).transform(
        (width, height), Image.Transform.PERSPECTIVE, view.pillow(), Image.Resampling.BICUBIC
    )
    if rng.random() < 0.6:
        seen = seen.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9)))
    light = np.asarray(seen, np.float32)
    if rng.random() < 0.7:
        light = light * _stripes(height, width, rng) * _shade(height, width, rng)
    if rng.random() < 0.5:
        light = light + rng.normal(0, rng.uniform(1, 6), light.shape).astype(np.float32)
    return light.clip(0, 255).astype(np.uint8)


def _stripes(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return the waves (H, W, 3) around 1 that the pixels of a camera and those of a screen make together."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.ones((height, width, 3), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        length, angle = 2 ** rng.uniform(1, 6), rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
        wave = (across * np.cos(angle) + down * np.sin(angle)) * (2 * np.pi / length)
        for channel, shift in enumerate(rng.uniform(0, 2 * np.pi, 3)):
            waves[..., channel] += rng.uniform(0, 0.08) * np.sin(wave + shift)
    return waves


def _shade(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return light (H, W, 3) around 1, stronger on one side, warm or cold."""
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    slope = rng.uniform(-0.3, 0.3, 2)
    shade = rng.uniform(0.75, 1.05) + slope[0] * down + slope[1] * across
    return np.asarray(shade[..., None] * (1 + rng.uniform(-0.08, 0.08, 3)), np.float32)
