"""Pictures -> pictures of another size: smaller by averaging areas, larger by linear interpolation.

What is drawn directly at the training size is averaged by area too, so both modes of drawing look alike.
Two passes in one: each row of the result first gathers the source rows it covers, in float32, then its columns;
rows are taken four at a time, so that a line is read and written less often.
"""

from functools import lru_cache

import numpy as np

from fusion.jit import compiled_fastmath

up = np.uintp
Weights = tuple[np.ndarray, np.ndarray]  # first source pixel (target,) int64; (target, taps) float32, sums of 1


@lru_cache(maxsize=64)
def weights(source: int, target: int) -> Weights:
    """Return which source pixels make each of the target's, and by how much, for two lengths."""
    scale = source / target
    if scale >= 1:
        edges = np.arange(target + 1)[:, None] * scale
        first = edges[:-1, 0].astype(np.int64)
        at = first[:, None] + np.arange(int(np.ceil(scale)) + 2)  # no more than each can cover: lengths may be large
        share = np.clip(np.minimum(edges[1:], at + 1) - np.maximum(edges[:-1], at), 0, None)
    else:
        centres = ((np.arange(target) + 0.5) * scale - 0.5).clip(0, source - 1)
        first = centres.astype(np.int64)
        at = first[:, None] + np.arange(2)
        share = np.clip(1 - np.abs(at - centres[:, None]), 0, None)
    share[at >= source] = 0
    skipped, packed = _packed(share)
    return first + skipped, packed


def gaussian(length: int, sigma: float) -> Weights:
    """Return what `weights` does, for a blur of sigma pixels; what lies beyond an edge counts for nothing."""
    reach = int(np.ceil(3 * sigma))
    first = np.maximum(np.arange(length) - reach, 0)
    at = first[:, None] + np.arange(-(-(2 * reach + 1) // 4) * 4)
    apart = at - np.arange(length)[:, None]
    bell = np.where((apart <= reach) & (at < length), np.exp(-0.5 * (apart / sigma) ** 2), 0)
    return first, (bell / bell.sum(1, keepdims=True)).astype(np.float32)


def _packed(share: np.ndarray) -> Weights:
    """(target, reach) weights from a first pixel on -> how many of them are skipped, and a multiple of four taps."""
    share = np.where(share < 1e-9, 0, share)
    first = (share > 0).argmax(1)
    taps = int((share.shape[1] - (share > 0)[:, ::-1].argmax(1) - first).max())
    padded = np.pad(share / share.sum(1, keepdims=True), ((0, 0), (0, taps + 3)))
    taken = first[:, None] + np.arange(-(-taps // 4) * 4)
    return first.astype(np.int64), np.take_along_axis(padded, taken, 1).astype(np.float32)


def resize(pictures: np.ndarray, out: np.ndarray) -> np.ndarray:
    """(B, H, W, 3) uint8 -> out, (B, h, w, 3) uint8."""
    (_, height, width, _), (_, to_height, to_width, _) = pictures.shape, out.shape
    if (height, width) == (to_height, to_width):
        out[:] = pictures
    else:
        down, across = weights(height, to_height), weights(width, to_width)
        _resize(pictures.reshape(-1), out.reshape(-1), height, width, *down, *across)
    return out


def blur(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """(B, H, W, 3) uint8 -> the same shape, by a Gaussian of `sigma` pixels, cut at three of them."""
    out = np.empty_like(pictures)
    height, width = pictures.shape[1:3]
    _resize(pictures.reshape(-1), out.reshape(-1), height, width, *gaussian(height, sigma), *gaussian(width, sigma))
    return out


@compiled_fastmath
def _resize(source, out, height, width, first_y, weight_y, first_x, weight_x):
    """Fill out, flat like the source: for each of its rows, down first, then across."""
    to_height, row = first_y.shape[0], width * 3
    line = np.zeros(row + 3 * weight_x.shape[1], np.float32)  # its end stays 0, for taps beyond the edge
    for b in range(source.shape[0] // (height * row)):
        for y in range(to_height):
            line[:row] = 0.5
            for k in range(0, weight_y.shape[1], 4):
                _add_rows(source, b * height, height, row, first_y[y] + k, weight_y[y, k : k + 4], line)
            at = (b * to_height + y) * first_x.shape[0] * 3
            if weight_x.shape[1] == 4:
                _columns_of_four(line, out, at, first_x, weight_x.reshape(-1))
            else:
                _columns(line, out, at, first_x, weight_x)


@compiled_fastmath
def _columns(line, out, at, first, weight):
    """Write one row of the result from its line, by any number of taps."""
    for x in range(first.shape[0]):
        q = up(first[x] * 3)
        red, green, blue = np.float32(0), np.float32(0), np.float32(0)
        for k in range(weight.shape[1]):
            w = weight[x, k]
            red += w * line[q]
            green += w * line[q + up(1)]
            blue += w * line[q + up(2)]
            q += up(3)
        p = up(at + 3 * x)
        out[p], out[p + up(1)], out[p + up(2)] = np.int32(red), np.int32(green), np.int32(blue)


@compiled_fastmath
def _columns_of_four(line, out, at, first, weight):
    """Do the same for four taps, written out: the compiler does not unroll it by itself."""
    for x in range(first.shape[0]):
        p, q, j = up(at + 3 * x), up(first[x] * 3), up(4 * x)
        a, b, c, d = weight[j], weight[j + up(1)], weight[j + up(2)], weight[j + up(3)]
        red = a * line[q] + b * line[q + up(3)] + c * line[q + up(6)] + d * line[q + up(9)]
        green = a * line[q + up(1)] + b * line[q + up(4)] + c * line[q + up(7)] + d * line[q + up(10)]
        blue = a * line[q + up(2)] + b * line[q + up(5)] + c * line[q + up(8)] + d * line[q + up(11)]
        out[p], out[p + up(1)], out[p + up(2)] = np.int32(red), np.int32(green), np.int32(blue)


@compiled_fastmath
def _add_rows(source, above, height, row, first, weight, line):
    """Add four weighted rows of bytes to a line of floats; a row beyond the last has weight 0."""
    a, b = (above + min(first, height - 1)) * row, (above + min(first + 1, height - 1)) * row
    c, d = (above + min(first + 2, height - 1)) * row, (above + min(first + 3, height - 1)) * row
    w0, w1, w2, w3 = weight[0], weight[1], weight[2], weight[3]
    for i in range(row):
        one = w0 * np.float32(source[up(a + i)]) + w1 * np.float32(source[up(b + i)])
        line[up(i)] += one + w2 * np.float32(source[up(c + i)]) + w3 * np.float32(source[up(d + i)])
