"""Pictures -> pictures of another size, smoothed as Pillow's BILINEAR does when it makes them smaller.

Two passes in one: each row of the result first gathers the source rows it covers, in float32, then its
columns. Within one level of Pillow's own result, which is rounded between the passes; several times faster.
"""

from functools import lru_cache

import numba
import numpy as np

up = np.uintp


@lru_cache(maxsize=64)
def weights(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths -> first source pixel (target,) int64 and weights (target, taps) float32 that sum to 1."""
    scale = source / target
    reach = max(scale, 1.0)  # the triangle widens when pictures shrink
    centres = (np.arange(target) + 0.5) * scale
    first = np.clip(np.floor(centres - reach + 0.5).astype(np.int64), 0, source)
    last = np.clip(np.floor(centres + reach + 0.5).astype(np.int64), 0, source)
    taps = int((last - first).max())
    first = np.minimum(first, source - taps)
    at = first[:, None] + np.arange(taps)
    triangle = np.clip(1 - np.abs(at + 0.5 - centres[:, None]) / reach, 0, None)
    return first, np.ascontiguousarray((triangle / triangle.sum(1, keepdims=True)).astype(np.float32))


def resize(pictures: np.ndarray, out: np.ndarray) -> np.ndarray:
    """(B, H, W, 3) uint8 -> out, (B, h, w, 3) uint8."""
    (_, height, width, _), (_, to_height, to_width, _) = pictures.shape, out.shape
    if (height, width) == (to_height, to_width):
        out[:] = pictures
    else:
        _resize(
            pictures.reshape(-1),
            out.reshape(-1),
            height,
            width,
            *weights(height, to_height),
            *weights(width, to_width),
        )
    return out


def blur(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """(B, H, W, 3) uint8 -> the same shape; a Gaussian of `sigma` pixels, cut at three of them."""
    out = np.empty_like(pictures)
    height, width = pictures.shape[1:3]
    _resize(
        pictures.reshape(-1),
        out.reshape(-1),
        height,
        width,
        *_gaussian(height, sigma),
        *_gaussian(width, sigma),
    )
    return out


def _gaussian(length: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """As `weights`, for a blur: what lies beyond an edge counts for nothing."""
    reach = min(int(np.ceil(3 * sigma)), (length - 1) // 2)
    first = np.clip(np.arange(length) - reach, 0, length - 2 * reach - 1)
    apart = first[:, None] + np.arange(2 * reach + 1) - np.arange(length)[:, None]
    bell = np.exp(-0.5 * (apart / sigma) ** 2)
    return first, (bell / bell.sum(1, keepdims=True)).astype(np.float32)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _resize(source, out, height, width, first_y, weight_y, first_x, weight_x):
    to_height, to_width, row = first_y.shape[0], first_x.shape[0], width * 3
    taps_y, taps_x = weight_y.shape[1], weight_x.shape[1]
    line = np.zeros(row + 4, np.float32)
    for b in range(source.shape[0] // (height * row)):
        for y in range(to_height):
            at = (b * height + first_y[y]) * row
            w = weight_y[y, 0]
            for i in range(row):
                line[up(i)] = w * np.float32(source[up(at + i)])
            for k in range(1, taps_y):
                w, at = weight_y[y, k], at + row
                if w != 0:
                    for i in range(row):
                        line[up(i)] += w * np.float32(source[up(at + i)])
            p = (b * to_height + y) * to_width * 3
            for x in range(to_width):
                q = up(first_x[x] * 3)
                red, green, blue = np.float32(0.5), np.float32(0.5), np.float32(0.5)
                for k in range(taps_x):
                    w = weight_x[x, k]
                    red += w * line[q]
                    green += w * line[q + up(1)]
                    blue += w * line[q + up(2)]
                    q += up(3)
                out[up(p)] = np.uint8(np.int32(red))
                out[up(p + 1)] = np.uint8(np.int32(green))
                out[up(p + 2)] = np.uint8(np.int32(blue))
                p += 3
