"""Pictures of code -> the same with what screenshots have besides text, and seen as poorly as some are."""

import numpy as np
from PIL import Image, ImageDraw

from fusion.reading.recognizer import CELL_HEIGHT, CELL_WIDTH


def add_clutter(picture: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> None:
    """Paint boxes, lines, discs and textures over parts of a picture (H, W, 3), in place.

    classes: (h, w) of reading.targets; where something covers the text, nothing is to be read.
    """
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        x0, y0 = int(rng.integers(-20, width)), int(rng.integers(-20, height))
        x1, y1 = x0 + int(rng.integers(6, 90)), y0 + int(rng.integers(6, 70))
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if right - left < 2 or bottom - top < 2:
            continue
        picture[top:bottom, left:right] = _thing(bottom - top, right - left, picture, rng)
        rows = slice(top // CELL_HEIGHT, -(-bottom // CELL_HEIGHT))
        classes[rows, left // CELL_WIDTH : -(-right // CELL_WIDTH)] = 0


def _thing(height: int, width: int, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return something that is not text, (height, width, 3) uint8."""
    first, second = rng.integers(0, 256, (2, 3))
    ground = tuple(int(part) for part in (picture[0, 0] if rng.random() < 0.5 else first))
    kind = int(rng.integers(4))
    if kind == 0:  # a photograph, as far as a reader is concerned
        small = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    if kind == 1:  # a minimap: rows of dashes smaller than any text
        out = np.empty((height, width, 3), np.uint8)
        out[:] = ground
        for y in range(1, height - 1, 3):
            out[y, : int(rng.integers(2, width + 1)) : int(rng.integers(1, 3))] = second
        return out
    canvas = Image.new("RGB", (width, height), ground)
    pen, color = ImageDraw.Draw(canvas), tuple(int(part) for part in second)
    for _ in range(int(rng.integers(1, 6))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = int(rng.integers(3, 40)), int(rng.integers(3, 40))
        if kind == 2:
            [pen.ellipse, pen.rectangle][int(rng.integers(2))](
                (x, y, x + w, y + h), outline=color, fill=color if rng.random() < 0.4 else None
            )
        else:
            pen.line((x, y, x + w, y + int(rng.integers(-40, 40))), fill=color, width=int(rng.integers(1, 4)))
    return np.asarray(canvas)


def disturb(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 as a screen or a file may show it: coloured edges, less contrast, noise."""
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
    return picture


def subpixels(picture: np.ndarray, is_bgr: bool = False) -> np.ndarray:
    """Return what LCD anti-aliasing makes of a picture: red a third of a pixel further left, blue further right."""
    padded = np.pad(picture.astype(np.uint16), ((0, 0), (1, 1), (0, 0)), mode="edge")
    out = picture.copy()
    for channel, side in ((0, 0), (2, 2)) if not is_bgr else ((2, 0), (0, 2)):
        near = padded[:, side : side + picture.shape[1], channel]
        out[..., channel] = (2 * padded[:, 1:-1, channel] + near) // 3
    return out
