"""Features side by side -> logits; a modality that is missing counts for nothing."""

import pytest
import torch
from torch import nn

from fusion.model.late_fusion import LateFusion


class Branch(nn.Module):
    """(B, width) -> (B, dim)."""

    def __init__(self, width: int, dim: int):
        super().__init__()
        self.dim = dim
        self.linear = nn.Linear(width, dim)

    def forward(self, x):
        return self.linear(x)  # (B, dim)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return LateFusion({"text": Branch(3, 4), "image": Branch(5, 6)}, 7, hidden=(16, 8), dropout=0.5).eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    there = torch.ones(2, dtype=torch.bool)
    return {"text": torch.randn(2, 3), "image": torch.randn(2, 5), "present": {"text": there, "image": there.clone()}}


def test_features_stand_concatenated_before_the_head(net, batch):
    concatenated = torch.cat([net.branches["text"](batch["text"]), net.branches["image"](batch["image"])], 1)
    out = net(batch)
    assert out.shape == (2, 7)
    assert torch.allclose(out, net.head([concatenated], None))


def test_the_head_is_as_wide_as_asked(net):
    layers = [(layer.in_features, layer.out_features) for layer in net.head if isinstance(layer, nn.Linear)]
    assert layers == [(10, 16), (16, 8), (8, 7)]
    assert [layer.p for layer in net.head if isinstance(layer, nn.Dropout)] == [0.5, 0.5]


def test_without_hidden_layers_the_head_is_one_matrix(batch):
    net = LateFusion({"text": Branch(3, 4)}, 7, hidden=(), dropout=0.5)
    assert [type(layer) for layer in net.head] == [nn.Linear]
    assert net(batch).shape == (2, 7)


def test_an_ablation_is_one_branch_fewer_and_reads_nothing_else(batch):
    net = LateFusion({"image": Branch(5, 6)}, 7, hidden=(8,), dropout=0.0)
    del batch["text"], batch["present"]["text"]
    assert net(batch).shape == (2, 7)


@pytest.mark.parametrize("missing", ["text", "image"])
def test_what_a_sample_lacks_does_not_matter_and_what_it_has_does(net, batch, missing):
    other = "image" if missing == "text" else "text"
    batch["present"][missing][0] = False
    before = net(batch)
    batch[missing] += 100
    after = net(batch)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])
    batch[other] += 100
    assert not torch.allclose(net(batch)[0], after[0])


def test_with_every_modality_missing_the_answer_is_finite(net, batch):
    for there in batch["present"].values():
        there[:] = False
    assert net(batch).isfinite().all()


def test_every_branch_learns(net, batch):
    net(batch).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.branches.parameters())


def test_a_missing_branch_does_not_learn_from_the_sample(net, batch):
    batch["present"]["image"][:] = False
    net(batch).sum().backward()
    assert net.branches["image"].linear.weight.grad.abs().sum() == 0


def test_dropout_acts_in_training_alone(net, batch):
    assert torch.equal(net(batch), net(batch))
    net.train()
    assert not torch.equal(net(batch), net(batch))


def test_a_model_needs_a_branch():
    with pytest.raises(ValueError, match="at least one branch"):
        LateFusion({}, 7, hidden=(8,), dropout=0.0)


def test_the_probabilities_of_tiles_are_averaged() -> None:
    torch.manual_seed(0)

    class Mean(torch.nn.Module):
        dim = 3

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.float().mean((1, 2))  # (B, 3)

    net = LateFusion({"image": Mean()}, 4, hidden=[8], dropout=0.0).eval()
    tiles = torch.randint(0, 255, (2, 3, 5, 5, 3), dtype=torch.uint8)  # (B, K, H, W, 3)
    present = {"image": torch.ones(2, dtype=torch.bool)}
    alone = [net({"image": tiles[:, k], "present": present}).softmax(1) for k in range(3)]
    together = net({"image": tiles, "present": present}).softmax(1)
    assert torch.allclose(together, torch.stack(alone).mean(0), atol=1e-6)


def test_modality_dropout_takes_one_modality_and_never_the_only_one() -> None:
    class Ones(torch.nn.Module):
        dim = 1

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(x), 1)

    net = LateFusion({"text": Ones(), "image": Ones()}, 2, hidden=[], dropout=0.0, modality_dropout=0.5)
    torch.manual_seed(0)
    both = torch.ones(4000, 2, dtype=torch.bool)
    left = net._drop_modality(both)
    assert left.any(1).all(), "nobody loses everything"
    assert 0.45 < (left.sum(1) == 1).float().mean() < 0.55
    assert 0.2 < (~left[:, 0]).float().mean() < 0.3 and 0.2 < (~left[:, 1]).float().mean() < 0.3
    alone = torch.tensor([[True, False]] * 50)
    assert torch.equal(net._drop_modality(alone), alone)
    batch = {"text": both, "image": both, "present": {"text": both[:, 0], "image": both[:, 1]}}
    assert len(net.eval()(batch).unique(dim=0)) == 1, "evaluation drops nothing"
    assert len(net.train()(batch).unique(dim=0)) == 3


class Ensemble(Branch):
    """A branch with a linear member that is sure of class 2, whatever it reads."""

    def __init__(self):
        super().__init__(3, 4)
        self.linear_member = lambda x: torch.full((len(x), 7), -50.0).index_fill(1, torch.tensor([2]), 0.0)


def test_an_answer_is_the_mean_of_the_network_and_the_linear_member_where_there_is_text(batch):
    net = LateFusion({"text": Ensemble(), "image": Branch(5, 6)}, 7, hidden=(8,), dropout=0.0)
    alone = net.train()(batch).softmax(1)  # the network alone
    batch["present"]["text"][1] = False
    averaged = net.eval()(batch).softmax(1)
    expected = alone[0] / 2
    expected[2] += 0.5
    assert torch.allclose(averaged[0], expected, atol=1e-6)
    assert torch.allclose(averaged[1], net.train()(batch).softmax(1)[1], atol=1e-6)


def test_a_branch_that_outputs_logits_has_no_head(batch):
    text = Branch(3, 7)
    text.outputs_logits = True
    net = LateFusion({"text": text}, 7, hidden=(8,), dropout=0.0)
    assert torch.equal(net(batch), text(batch["text"]))
