"""A clean screenshot -> what became of it: saved as JPEG, blurred, or made smaller and larger again."""

import io

import numpy as np
from PIL import Image, ImageFilter


def wear_out(picture: np.ndarray, kind: str, quality: int, sigma: float, percent: float) -> np.ndarray:
    """(H, W, 3) uint8 -> the same shape; `quality` as JPEG has it, `sigma` in pixels, `percent` of a side."""
    if kind == "none":
        return picture
    image = Image.fromarray(picture)
    if kind == "jpeg":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file).convert("RGB"))
    if kind == "blur":
        return np.asarray(image.filter(ImageFilter.GaussianBlur(sigma)))
    width, height = (max(1, round(side * percent / 100)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(
        small.resize(image.size, Image.Resampling.BICUBIC)
    )
