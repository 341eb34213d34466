"""Clean screenshots -> degraded ones: saved as JPEG, blurred, or made smaller and as large as before."""

import io

import numpy as np
from PIL import Image

from fusion.screenshots.resize import blur, resize


def degrade(picture: np.ndarray, kind: str, quality: int, sigma: float, percent: float) -> np.ndarray:
    """(H, W, 3) uint8 -> the same shape, by one of the kinds of `render.degradation`.

    quality: of jpeg; sigma: of blur, in pixels; percent: of rescale, the smaller picture's side.
    """
    if kind == "jpeg":
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file).convert("RGB"))
    if kind == "blur":
        return blur(picture[None], sigma)[0]
    if kind == "rescale":
        height, width = (max(1, round(side * percent / 100)) for side in picture.shape[:2])
        small = resize(picture[None], np.empty((1, height, width, 3), np.uint8))
        return resize(small, np.empty((1, *picture.shape), np.uint8))[0]
    return picture
