"""An average of members: what its weights are before and after they are fitted."""

import pytest
import torch

from fusion.model.members import Members

ROWS, CLASSES = 600, 4


def answers(right: float, seed: int, truth: torch.Tensor) -> torch.Tensor:
    """Logits (N, C) that are right that often, and as sure when they are wrong."""
    generator = torch.Generator().manual_seed(seed)
    said = torch.where(torch.rand(ROWS, generator=generator) < right, truth,
                       torch.randint(CLASSES, (ROWS,), generator=generator))  # fmt: skip
    return 4 * torch.nn.functional.one_hot(said, CLASSES).float()


@pytest.fixture
def truth():
    return torch.arange(ROWS) % CLASSES


def nll(members, logits, present, quality, truth):
    return float(torch.nn.functional.nll_loss(members(logits, present, quality), truth))


def test_before_they_are_fitted_shares_are_those_given():
    members = Members(["a", "b"], [1.0, 3.0], 1)
    logits = torch.tensor([[[9.0, 0.0], [0.0, 9.0]]])
    both = members(logits, torch.tensor([[True, True]]), torch.zeros(1, 1)).exp()
    assert both[0, 1] == pytest.approx(0.75, abs=1e-3)
    one = members(logits, torch.tensor([[True, False]]), torch.zeros(1, 1))
    assert torch.allclose(one, logits[:, 0].log_softmax(1), atol=1e-5)


def test_probabilities_add_up_to_one_even_where_nothing_is_there():
    members = Members(["a", "b"], [1.0, 1.0], 1)
    out = members(torch.randn(5, 2, 3), torch.zeros(5, 2, dtype=torch.bool), torch.zeros(5, 1))
    assert torch.allclose(out.exp().sum(1), torch.ones(5))


def test_the_better_member_gets_the_larger_weight_and_the_loss_falls(truth):
    members = Members(["bad", "good"], [1.0, 1.0], 1)
    given = (torch.stack([answers(0.3, 1, truth), answers(0.9, 2, truth)], 1), torch.ones(ROWS, 2, dtype=torch.bool),
             torch.zeros(ROWS, 1))  # fmt: skip
    before = nll(members, *given, truth)
    shares = members.fit(*given, truth)
    assert shares["good"] > 0.8 and sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert nll(members, *given, truth) < before


def test_a_weight_follows_how_well_a_picture_was_read(truth):
    quality = (torch.arange(ROWS) // CLASSES % 2).float()[:, None]  # 1 where the first member is right
    first = torch.where(quality > 0, answers(0.95, 1, truth), answers(0.2, 2, truth))
    given = (torch.stack([first, answers(0.6, 3, truth)], 1), torch.ones(ROWS, 2, dtype=torch.bool), quality)
    members = Members(["read", "other"], [1.0, 1.0], 1)
    members.fit(*given, truth)
    assert members.slope[0, 0] - members.slope[1, 0] > 1
    right = members(*given).argmax(1) == truth
    assert right[quality[:, 0] > 0].float().mean() > 0.9


def test_fitting_twice_gives_the_same_and_rows_without_a_member_do_not_count_for_it(truth):
    present = torch.ones(ROWS, 2, dtype=torch.bool)
    present[: ROWS // 2, 0] = False
    logits = torch.stack([answers(0.9, 1, truth), answers(0.6, 2, truth)], 1)
    fitted = []
    for noise in (0.0, 100.0):
        members = Members(["a", "b"], [1.0, 1.0], 1)
        other = logits.clone()
        other[: ROWS // 2, 0] += noise * torch.randn(ROWS // 2, CLASSES)
        members.fit(other, present, torch.zeros(ROWS, 1), truth)
        fitted.append(members.weight.clone())
    assert torch.allclose(*fitted, atol=1e-3)
