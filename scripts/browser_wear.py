"""A clean picture of a page -> the same sent as a JPEG, or photographed from a screen."""

from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from fusion.reading.view import View

Box = list[float]  # x0, y0, x1, y1 in pixels
Worn = tuple[Image.Image, list[Box], dict[str, Any]]  # a picture, where its code is now, and what was done to it


def jpeg(image: Image.Image, boxes: list[Box], rng: np.random.Generator) -> Worn:
    """Return the picture, by chance at 70 % of its size, to be saved as a JPEG of quality 40."""
    factor = 0.7 if rng.random() < 0.5 else 1.0
    if factor < 1:
        size = (round(image.width * factor), round(image.height * factor))
        image = image.resize(size, Image.Resampling.BILINEAR)
    return image, [[x * factor for x in box] for box in boxes], {"rescaled": factor, "quality": 40}


def photo(image: Image.Image, boxes: list[Box], rng: np.random.Generator) -> Worn:
    """Return the picture as a camera in front of a screen sees it: stripes of the screen, perspective, blur, noise."""
    stripes, blur = float(rng.uniform(0.03, 0.14)), float(rng.uniform(0.6, 1.2))
    screen = _screen(image, stripes)
    width, height = image.size
    zoom = float(rng.uniform(1.0, 1.6 if max(image.size) < 1500 else 1.1))
    out = (round(width * zoom), round(height * zoom))
    shift = rng.uniform(0.01, 0.06, (4, 2)) * out  # (4, 2) how far each corner comes in
    ends = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    seen = ends * out + shift * np.where(ends == 0, 1, -1)  # (4, 2) where the corners are in the photograph
    view = View.of_corners(screen.size, seen)
    seen_image = screen.transform(out, Image.Transform.PERSPECTIVE, view.pillow(), Image.Resampling.BICUBIC)
    seen_image = seen_image.filter(ImageFilter.GaussianBlur(blur))
    lit = _light(np.asarray(seen_image, np.float32), rng)
    flat = View.of_corners((width, height), seen)
    worn = {"blur": round(blur, 2), "stripes": round(stripes, 2), "zoom": round(zoom, 2), "quality": 80}
    return Image.fromarray(lit), [_moved(box, flat) for box in boxes], worn


def _screen(image: Image.Image, stripes: float) -> Image.Image:
    """Return the picture three times as large, with the red, green and blue stripes that a screen has."""
    large = np.asarray(image, np.float32).repeat(3, 0).repeat(3, 1)  # (3 H, 3 W, 3)
    mask = np.full((3, 3, 3), 1 - stripes, np.float32)  # rows, columns, colours
    for colour in range(3):
        mask[:, colour, colour] = 1 + stripes
    mask[2] *= 1 - stripes  # the dark line between two rows
    height, width = image.height, image.width
    large *= np.tile(mask, (height, width, 1))
    return Image.fromarray(large.clip(0, 255).astype(np.uint8))


def _moved(box: Box, view: View) -> Box:
    """Return the box around where the corners of a box go."""
    corners = np.array([(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])])
    points = view.moved(corners)
    return [*points.min(0).tolist(), *points.max(0).tolist()]


def _light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the pixels (H, W, 3) darker towards one side, in warmer or colder light, and with noise."""
    height, width = pixels.shape[:2]
    slope = rng.uniform(-0.25, 0.25, 2)
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    shade = 0.92 + slope[0] * down + slope[1] * across  # (H, W)
    warmth = np.array([1 + rng.uniform(-0.06, 0.06), 1, 1 + rng.uniform(-0.06, 0.06)])
    noise = rng.normal(0, rng.uniform(1.5, 5), pixels.shape)
    return (pixels * shade[:, :, None] * warmth + noise).clip(0, 255).astype(np.uint8)
