"""The network: shapes, sizes of any picture, and what it is indifferent to."""

import numpy as np
import torch
from tests.reading.ideal import aims_of

from fusion.reading.alphabet import CHARACTERS, CLASSES
from fusion.reading.recognizer import Recognizer, normalised
from fusion.screenshots.charset import SLOTS


def test_a_picture_becomes_maps_of_its_cells() -> None:
    net = Recognizer(channels=8, stem=(4, 8), hidden=8).eval()
    maps = net(torch.randint(0, 256, (2, 24, 40, 3), dtype=torch.uint8))
    assert maps.hidden.shape == (2, 8, 3, 10) and maps.ink.shape == (2, 3, 10)
    assert maps.sizes.shape == (2, 4, 3, 10) and maps.roles.shape == (2, 2, 3, 10)
    assert net.characters(maps.hidden[0, :, 0].T).shape == (10, CLASSES)


def test_dark_text_on_light_is_the_negative_of_light_text_on_dark() -> None:
    picture = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    assert torch.allclose(normalised(picture), -normalised(255 - picture), atol=1e-4)


def test_faint_text_looks_much_like_bold_text() -> None:
    noise = torch.rand(1, 64, 64, 1).expand(-1, -1, -1, 3)
    strong, faint = (normalised((128 + share * 250 * (noise - 0.5)).to(torch.uint8)) for share in (1, 0.4))
    assert 0.6 < float(faint.std() / strong.std()) < 1


def test_a_picture_of_one_colour_is_nothing() -> None:
    assert not normalised(torch.full((1, 16, 16, 3), 200, dtype=torch.uint8)).abs().max() > 1e-3


def test_every_character_of_the_page_has_a_class() -> None:
    assert len(CHARACTERS) == CLASSES and all(CHARACTERS[slot] == char for char, slot in SLOTS.items())


def test_targets_lie_in_the_cells_of_their_character() -> None:
    aims = aims_of("ab", font_size=14, margin=8, line_height=150)
    classes = aims.classes[0]
    assert set(np.unique(classes)) == {0, ord("a"), ord("b")}
    row, column = np.argwhere(classes == ord("a"))[0]
    pitch = 8 * np.exp(aims.sizes[0, 2, row, column])
    x = (column + 0.5) * 4 + aims.sizes[0, 0, row, column] * pitch
    assert abs(x - (8 + pitch / 2)) < 0.6, "the middle of the first character"
    assert not aims.roles.any()
