"""What was read in a picture: lines of text with a box and a confidence for each character."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

DOUBTFUL = 0.8  # a character read with less confidence may well be another
QUALITY = 4  # numbers that say how well a picture was read
SURELY = 0.7  # mean confidence of what is hardly text


@dataclass(frozen=True)
class Line:
    """One line as it stands in the picture; a blank one has no characters that can be seen."""

    text: str  # with its indentation, without its number
    confidence: np.ndarray  # (len(text),) 0 to 1; 1 for spaces, which are where nothing stands
    boxes: np.ndarray  # (len(text), 4) float: x0, y0, x1, y1 in pixels of the picture
    number: int | None = None  # as the gutter says


@dataclass(frozen=True)
class Transcript:
    """Everything that was read in one picture."""

    lines: tuple[Line, ...]
    width: int  # of the picture, in pixels
    height: int
    pitch: float = 0.0  # from one character to the next, in pixels of the picture; 0 where nothing was read
    line_height: float = 0.0  # pixels of the picture
    reason: str = ""  # why this is not taken for code; empty where it is

    @cached_property
    def text(self) -> str:
        """The lines, joined."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def confidence(self) -> np.ndarray:
        """(N,) confidence of every character that can be seen."""
        seen = [line.confidence[[char != " " for char in line.text]] for line in self.lines if line.text]
        return np.concatenate([np.zeros(0), *seen])

    @property
    def is_code(self) -> bool:
        """Whether the picture shows text that can be taken for code."""
        return not self.reason

    @property
    def quality(self) -> np.ndarray:
        """(4,) float32, about 0 to 1 each: mean and worst confidence, share of doubtful characters, how many there are.

        All of them are 0 where nothing was read.
        """
        confidence = self.confidence
        if not len(confidence):
            return np.zeros(QUALITY, np.float32)
        worst, doubtful = np.quantile(confidence, 0.05), (confidence < DOUBTFUL).mean()  # one lost character is no sign
        surely = np.clip((confidence.mean() - SURELY) / (1 - SURELY), 0, 1)
        return np.array([surely, worst, doubtful, np.log1p(len(confidence)) / 8], np.float32)

    def facts(self) -> dict[str, Any]:
        """Return how well it was read: mean and worst confidence, and the share of doubtful characters."""
        confidence = self.confidence if len(self.confidence) else np.zeros(1)
        return {
            "characters": len(self.confidence),
            "lines": len(self.lines),
            "confidence": round(float(confidence.mean()), 4),
            "worst": round(float(confidence.min()), 4),
            "doubtful": round(float((confidence < DOUBTFUL).mean()), 4),
            "pitch": round(self.pitch, 2),
            "line_height": round(self.line_height, 2),
        }
