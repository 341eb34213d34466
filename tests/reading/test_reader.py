"""Pictures of every kind through the whole reader: nothing crashes, and what is no code is said to be none."""

import numpy as np
import pytest
import torch

from fusion.reading import network, reader
from fusion.reading.network import TorchNetwork, folded
from fusion.reading.reader import find_cells, read_picture
from fusion.reading.recognizer import Recognizer

RNG = np.random.default_rng(0)
PICTURES = {
    "one pixel": np.zeros((1, 1, 3), np.uint8),
    "a few pixels": RNG.integers(0, 256, (3, 5, 3), dtype=np.uint8),
    "one colour": np.full((120, 200, 3), 90, np.uint8),
    "a tall strip": RNG.integers(0, 256, (20_000, 2, 3), dtype=np.uint8),
    "a wide strip": RNG.integers(0, 256, (4, 20_000, 3), dtype=np.uint8),
    "noise": RNG.integers(0, 256, (300, 200, 3), dtype=np.uint8),
    "a gradient": np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 200, 0).repeat(3, 2),
}


@pytest.fixture
def untaught(monkeypatch: pytest.MonkeyPatch) -> TorchNetwork:
    """A network of random weights in place of the shipped one, which takes anything for text."""
    torch.manual_seed(0)
    net = TorchNetwork(Recognizer(channels=8, stem=(4, 8), hidden=8).eval())
    monkeypatch.setattr(network, "shipped_network", lambda: net)
    return net


@pytest.mark.parametrize("name", PICTURES)
def test_any_picture_gets_an_answer(untaught: TorchNetwork, name: str) -> None:
    picture = PICTURES[name]
    transcript = read_picture(picture)
    assert (transcript.height, transcript.width) == picture.shape[:2]
    for line in transcript.lines:
        assert len(line.text) == len(line.confidence) == len(line.boxes)
    assert transcript.facts()["lines"] == len(transcript.lines)


@pytest.mark.parametrize("name", ["one pixel", "one colour"])
def test_a_picture_of_nothing_is_no_code(untaught: TorchNetwork, name: str) -> None:
    transcript = read_picture(PICTURES[name])
    assert not transcript.is_code and transcript.reason == "no text was found in the picture"


def test_more_cells_than_memory_holds_are_no_text(untaught: TorchNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_CELLS", 20)
    assert read_picture(PICTURES["noise"]).reason == "the picture is full of what is no text"


def test_strips_read_as_the_whole_does(untaught: TorchNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = RNG.integers(0, 256, (480, 64, 3), dtype=np.uint8)
    whole = find_cells(untaught, picture)
    monkeypatch.setattr(reader, "STRIP", 160)
    parts = find_cells(untaught, picture)
    assert len(parts) == len(whole) > 0
    for one, other in ((whole.x, parts.x), (whole.y, parts.y), (whole.characters, parts.characters)):
        assert np.allclose(one, other, atol=1e-3)


def test_folded_normalisations_change_nothing() -> None:
    torch.manual_seed(0)
    net, image = Recognizer(channels=8, stem=(4, 8), hidden=8), torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)
    net(image)  # moves the statistics
    expected = net.eval()(image)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(folded(net)(image), expected, strict=True))
