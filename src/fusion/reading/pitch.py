"""Characters that are one pitch apart, though not the picture's: italics from another font -> put on its grid.

A browser that has no italics of a font takes another one's, whose characters are a few hundredths narrower: after
twenty of them nothing stands in its column any more. Counted from one to the next they do.
"""

import numpy as np

SAME = 0.3  # pitches within which cells speak of one character
STEPS = 3.5  # pitches from which the distance of two characters says little about their pitch
FEW = 9  # distances that are even by chance
OTHER = 0.06  # share by which another pitch may differ
ASTRAY = 0.4  # pitches that centres stand off even ones on average
EVEN = 0.85  # coherence of the steps from which characters are of one width


def on_grid(x: np.ndarray, pitch: float) -> np.ndarray | None:
    """(n,) ascending centres of one segment's cells -> the same, moved to a grid of that pitch that begins with them.

    None where they are not evenly apart, as in fonts of proportional width.
    """
    starts = np.flatnonzero(np.append(True, np.diff(x) > SAME * pitch))
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x))))
    centres = np.bincount(number, x) / np.bincount(number)
    apart = np.diff(centres)
    near = apart[(apart < STEPS * pitch) & (apart > pitch / 2)]
    if len(near) < FEW:
        return None
    own = _own_pitch(near, pitch)
    if own is None:
        return None
    columns = np.append(0, np.cumsum(np.maximum(np.rint(apart / own), 0)))
    fitted, start = np.polyfit(columns, centres, 1)
    if abs(fitted / pitch - 1) > OTHER or np.std(centres - fitted * columns - start) > ASTRAY * pitch:
        return None
    return np.asarray(centres[0] + columns[number] * pitch + (x - centres[number]))


def _own_pitch(steps: np.ndarray, pitch: float) -> float | None:
    """Return the pitch near the given one that steps are whole numbers of, None where there is none."""
    tried = pitch * np.linspace(1 - OTHER, 1 + OTHER, 61)
    coherence = np.cos(2 * np.pi * steps[:, None] / tried).mean(0)
    best = int(coherence.argmax())
    return float(tried[best]) if coherence[best] > EVEN else None
