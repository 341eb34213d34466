"""Text in fonts of proportional width: characters one after the other, spaces by their gaps."""

import numpy as np
import pytest
from tests.reading.test_pane import LINE, together

from fusion.reading.alphabet import CLASSES, LINE_HEIGHT
from fusion.reading.cells import Cells
from fusion.reading.decode import decode
from fusion.reading.lines import assemble
from fusion.reading.proportional import EM_OF_PITCH, SPACE, WIDTH

PITCH = 10.0
EM = PITCH * EM_OF_PITCH


def written(lines: list[str], wider: float = 1.0) -> Cells:
    """Two cells for each character of a font that much wider than usual ones, a little off as a network says it."""
    rng, parts = np.random.default_rng(0), []
    for row, line in enumerate(lines):
        x, centres, signs = 20.0, [], []
        for sign in line:
            width = (SPACE if sign == " " else WIDTH[ord(sign)]) * EM * wider
            if sign != " ":
                centres += [x + width / 2] * 2
                signs += [ord(sign)] * 2
            x += width
        count = len(signs)
        characters = np.full((count, CLASSES), -9.0)
        characters[np.arange(count), signs] = -0.01
        middles = np.array(centres) + rng.normal(0, 0.2, count)
        y = np.full(count, 20.0 + row * LINE)
        ones = np.ones(count)
        parts.append(
            Cells(middles, y, middles, PITCH * ones, LINE_HEIGHT * ones, ones, characters, np.zeros((count, 2)))
        )
    return together(*parts)


CODE = [
    "void setup(int pin) {",
    "    if (pin >= 0 && enabled) {",
    "        call(illness, mammoth);",
    '        return "hello, world";',
    "    }",
    "}",
]


@pytest.mark.parametrize("wider", [0.9, 1.0, 1.1])
def test_words_spaces_and_indentation_are_read(wider: float) -> None:
    grid = decode(written(CODE, wider))
    assert grid is not None and not grid.is_even
    lines = assemble(grid)
    assert [line.text for line in lines] == CODE
    boxes = np.concatenate([line.boxes for line in lines])
    assert (boxes[:, 2] > boxes[:, 0]).all()


def test_nothing_is_no_grid() -> None:
    assert decode(written(["ab"])[np.zeros(4, bool)]) is None
