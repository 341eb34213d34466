"""Changed pictures: each in its own way, the same again for the same seed, epoch and id."""

import numpy as np
import pytest
import torch

from fusion.config.groups import names_in, read_group
from fusion.config.options import parse
from fusion.config.training import AugmentPolicy
from fusion.screenshots.style import hash_uniform, sample_key
from fusion.training.augment import Augment, blur, geometry, warp

POLICIES = {name: parse(AugmentPolicy, read_group("augment", name)) for name in names_in("augment")}
IDS = [f"snippet {number}" for number in range(6)]


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randint(0, 256, (6, 24, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def middle() -> torch.Tensor:
    """Return draws (1, 8) that leave everything as it is: swings of 0, no flip."""
    return torch.tensor([[0.5] * 6 + [1.0, 1.0]])


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "none"])
def test_a_policy_changes_each_picture_and_keeps_its_range(name, image):
    out = Augment(POLICIES[name], 0)(image, IDS, 0)
    assert out.shape == image.shape and out.dtype == torch.float32
    assert out.min() >= 0 and out.max() <= 255
    assert all(not torch.equal(a, b.float()) for a, b in zip(out, image, strict=True))


@pytest.mark.parametrize("name", ["rakuten", "code"])
def test_a_picture_is_changed_the_same_wherever_it_stands(name, image):
    augment = Augment(POLICIES[name], 3)
    out = augment(image, IDS, 2)
    order = [4, 0, 5]
    reordered = augment(image[order], [IDS[i] for i in order], 2)
    assert torch.allclose(reordered, out[order], atol=1e-3)
    assert not torch.allclose(augment(image, IDS, 3), out, atol=1)
    assert not torch.allclose(Augment(POLICIES[name], 4)(image, IDS, 2), out, atol=1)


def test_pictures_alike_are_changed_in_different_ways(image):
    same = image[:1].expand(6, -1, -1, -1)
    out = Augment(POLICIES["rakuten"], 0)(same, IDS, 0)
    assert (out - out[:1]).abs().amax((1, 2, 3))[1:].min() > 10


def test_without_any_change_a_picture_stays(image):
    assert torch.equal(Augment(AugmentPolicy(), 0)(image, IDS, 0), image.float())
    x = image.permute(0, 3, 1, 2).float()
    at = geometry(AugmentPolicy(rotation=45, shear=10, shift=0.2, zoom=0.2, flip_vertical=0.5), middle()).expand(
        6, -1, -1
    )
    assert torch.allclose(warp(x, at), x, atol=1e-2)


@pytest.mark.parametrize(
    ("policy", "draw", "value", "expected"),
    [
        (AugmentPolicy(flip_horizontal=0.5), 6, 0.1, lambda x: x.flip(3)),
        (AugmentPolicy(flip_vertical=0.5), 7, 0.1, lambda x: x.flip(2)),
        (AugmentPolicy(rotation=90), 0, 1.0, lambda x: x.rot90(1, (2, 3))),
        (AugmentPolicy(shift=0.25), 2, 1.0, lambda x: torch.cat([x[..., 6:], x[..., -1:].expand(-1, -1, -1, 6)], 3)),
        (AugmentPolicy(shift=0.25), 3, 1.0, lambda x: torch.cat([x[:, :, 6:], x[:, :, -1:].expand(-1, -1, 6, -1)], 2)),
    ],
)
def test_each_change_is_the_one_it_says(policy, draw, value, expected, image):
    drawn = middle()
    drawn[0, draw] = value
    x = image[:1].permute(0, 3, 1, 2).float()
    assert torch.allclose(warp(x, geometry(policy, drawn)), expected(x), atol=1e-2)


def test_zoom_and_shear_look_further_out():
    drawn = middle()
    drawn[0, 4:6] = 1.0
    assert torch.allclose(geometry(AugmentPolicy(zoom=0.2), drawn)[0, :, :2], torch.diag(torch.tensor([1.2, 1.2])))
    drawn = middle()
    drawn[0, 1] = 1.0
    at = geometry(AugmentPolicy(shear=30), drawn)[0]
    assert at[:, 0].tolist() == pytest.approx([3**0.5 / 2, -0.5]) and at[:, 1].tolist() == pytest.approx([0, 1])


def test_draws_reach_the_whole_of_their_range():
    ids = [str(number) for number in range(400)]
    policy = AugmentPolicy(rotation=45, shift=0.2, flip_horizontal=0.5)
    keys = np.array([sample_key(0, 0, f"augment|{id}") for id in ids], np.uint64)
    at = geometry(policy, torch.from_numpy(hash_uniform(keys, np.arange(8, dtype=np.uint64))))
    flipped = at[:, 0, 0] * at[:, 1, 1] < 0
    assert 0.4 < flipped.double().mean() < 0.6
    angle = torch.rad2deg(torch.atan2(-at[:, 0, 1], at[:, 1, 1]))
    assert angle.min() < -43 and angle.max() > 43 and abs(angle.mean()) < 5


def test_each_picture_is_blurred_by_its_own_deviation():
    x = torch.zeros(2, 3, 21, 21)
    x[:, :, 10, 10] = 1
    out = blur(x, torch.tensor([0.0, 1.5]))
    assert torch.allclose(out[0], x[0], atol=1e-5)
    at = torch.arange(21.0) - 10
    spread = (out[1, 0].sum(0) * at**2).sum()
    assert out[1].sum((1, 2)).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert spread.item() == pytest.approx(1.5**2, rel=0.05)
