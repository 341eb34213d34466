"""Pictures as a screen or a file may show them: coloured edges, less contrast, inverted, noisy."""

import numpy as np

from fusion.screenshots.degradation import degrade


def disturb(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 disturbed in one of these ways, half of the time in none."""
    kind = rng.random()
    if kind < 0.15:
        return subpixels(picture, rng.random() < 0.2)
    if kind < 0.27:
        share, middle = rng.uniform(0.3, 1.0), rng.uniform(0, 255)
        return np.rint(middle + (picture - middle) * share).astype(np.uint8)
    if kind < 0.32:
        return 255 - picture
    if kind < 0.38:
        noise = rng.normal(0, rng.uniform(2, 14), picture.shape[:2])
        return np.clip(picture + noise[..., None], 0, 255).astype(np.uint8)
    if kind < 0.48:  # a frame of a film: whatever was done to it before, it is compressed at the size it is read at
        return degrade(picture, "jpeg", int(rng.integers(30, 85)), 0, 0)
    return picture


def subpixels(picture: np.ndarray, is_bgr: bool = False) -> np.ndarray:
    """Return what LCD anti-aliasing makes of a picture: red a third of a pixel further left, blue further right."""
    padded = np.pad(picture.astype(np.uint16), ((0, 0), (1, 1), (0, 0)), mode="edge")
    out = picture.copy()
    for channel, side in ((2, 0), (0, 2)) if is_bgr else ((0, 0), (2, 2)):
        near = padded[:, side : side + picture.shape[1], channel]
        out[..., channel] = (2 * padded[:, 1:-1, channel] + near) // 3
    return out
