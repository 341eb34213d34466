"""A reader that needs no weights: it knows what stands in a picture by the picture's size."""

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from fusion.reading.transcript import Line, Transcript

PITCH, LINE_HEIGHT, LEFT, TOP = 7.0, 16.0, 10.0, 12.0
BLANK = "nothing in it looks like text"


def line_of(text: str, row: int, doubtful: str) -> Line:
    """Return a line of text on the grid; characters of `doubtful` are read with confidence 0.5, others with 0.99."""
    columns = np.arange(len(text))
    top = np.full(len(text), TOP + row * LINE_HEIGHT)
    boxes = np.stack([LEFT + columns * PITCH, top, LEFT + (columns + 1) * PITCH, top + 11], 1)  # (N, 4)
    confidence = np.array([1.0 if char == " " else 0.5 if char in doubtful else 0.99 for char in text])
    return Line(text, confidence, boxes.reshape(-1, 4), row + 1)


@dataclass
class FakeReader:
    """Pictures of these sizes hold these texts, a picture of one colour none, and any other `text`."""

    text: str = "def f(x):\n    return x\n\nprint(f(1))"
    texts: dict[tuple[int, int], str] = field(default_factory=dict)  # (width, height) -> text
    doubtful: str = ""
    reason: str = ""  # why none of them is code
    seen: list[np.ndarray] = field(default_factory=list)  # what it was given

    def __call__(self, picture: np.ndarray) -> Transcript:
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        self.seen.append(picture)
        height, width = picture.shape[:2]
        text = self.texts.get((width, height), self.text)
        if (picture == picture[0, 0]).all() or not text:
            return Transcript((), width, height, reason=BLANK)
        lines = tuple(line_of(line, row, self.doubtful) for row, line in enumerate(text.split("\n")))
        return Transcript(lines, width, height, PITCH, LINE_HEIGHT, self.reason)


@pytest.fixture(name="reader")
def fake_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeReader]:
    """Take the place of fusion.reading.reader."""
    fake, module = FakeReader(), types.ModuleType("fusion.reading.reader")
    module.read_picture = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield fake


def some_picture(width: int = 320, height: int = 120) -> Image.Image:
    """Return a picture that is not of one colour."""
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    return Image.fromarray(np.repeat(np.tile(ramp, (height, 1))[:, :, None], 3, 2))
